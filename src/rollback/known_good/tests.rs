use super::*;
use crate::{
    api::Check,
    rollback::samples::{Checks, at, deploys, good, live, moment, read},
};

const MINUTE: Duration = Duration::from_mins(1);

fn progress(checks: &str, now: &str) -> Soak {
    soak(&Checks::new(checks).standing(), false, MINUTE, moment(now))
}

/// A status that names these releases as good, the newest first.
fn known(releases: &[&str]) -> DeploymentValidationStatus {
    let mut goods = releases
        .iter()
        .map(|release| good(release, "11:00", &["0".repeat(16)]));
    DeploymentValidationStatus {
        last_known_good: goods.next(),
        candidates: goods.collect(),
        ..DeploymentValidationStatus::default()
    }
}

fn named(status: &DeploymentValidationStatus) -> Vec<&str> {
    let goods = Goods::of(status);
    goods.iter().map(|good| good.release.as_str()).collect()
}

/// Quarantines these releases, as records would.
fn quarantined<R>(releases: &[&str], ask: impl FnOnce(&Quarantine<'_>) -> R) -> R {
    use crate::rollback::{
        incident::Attempts,
        samples::{Stored, VALIDATION},
    };
    let records: Vec<_> = releases
        .iter()
        .map(|failed| Stored::new(failed, 1, "api=other", "api=another", "{}"))
        .collect();
    ask(&Attempts::of(VALIDATION, records.iter().map(Stored::record)).quarantine())
}

fn pass(status: &mut DeploymentValidationStatus, release: &str, quarantine: &[&str]) {
    let checks = Checks::new("[{name: health}]");
    quarantined(quarantine, |quarantine| {
        advance(
            status,
            &live(release, "11:30"),
            &checks.standing(),
            None,
            Soak::Over,
            quarantine,
            at("12:30"),
        );
    });
}

#[test]
fn the_soak_is_over_when_the_last_critical_check_has_passed_for_long_enough() {
    let checks = "[{name: a, since: '12:00'}, {name: b, since: '12:00:30'}]";
    assert_eq!(progress(checks, "12:00:50"), Soak::Until(at("12:01:30")));
    assert_eq!(progress(checks, "12:01"), Soak::Until(at("12:01:30")));
    assert_eq!(progress(checks, "12:01:29"), Soak::Until(at("12:01:30")));
    assert_eq!(progress(checks, "12:01:30"), Soak::Over);
}

#[test]
fn a_critical_check_that_does_not_pass_or_could_not_tell_begins_no_soak() {
    for broken in [
        "state: Failing",
        "state: Failed",
        "state: Unknown",
        "state: Skipped",
        "inconclusive: 1",
    ] {
        let checks = format!("[{{name: a}}, {{name: b, {broken}}}]");
        assert_eq!(progress(&checks, "13:00"), Soak::NotBegun, "{broken}");
        let checks = format!("[{{name: a}}, {{name: b, severity: warning, {broken}}}]");
        assert_eq!(progress(&checks, "13:00"), Soak::Over, "{broken}");
    }
}

#[test]
fn nothing_is_good_by_an_old_observation_or_without_a_critical_check() {
    let checks = Checks::new("[{name: a}]");
    let stale = soak(&checks.standing(), true, MINUTE, moment("13:00"));
    assert_eq!(stale, Soak::NotBegun);
    let warning = "[{name: a, severity: warning}]";
    assert_eq!(progress(warning, "13:00"), Soak::NotBegun);
}

#[test]
fn a_check_that_the_spec_does_not_name_counts_as_critical_and_has_passed_nowhere() {
    let checks = Checks::new("[{name: a, state: Failed}]");
    let board: Vec<_> = checks.standing().iter().map(|a| a.status.clone()).collect();
    let unknown = CheckDigests::default();
    let standing = unknown.standing(&board);
    assert_eq!((standing[0].is_critical(), standing[0].digest), (true, ""));
}

#[test]
fn a_soak_that_a_clock_set_back_leaves_in_the_future_counts_from_the_start_of_the_process() {
    let checks = Checks::new("[{name: a, since: '18:00'}]");
    let moment = |now| Moment {
        now: at(now),
        started: at("12:00"),
    };
    let progress = |now| soak(&checks.standing(), false, MINUTE, moment(now));
    assert_eq!(progress("12:00:30"), Soak::Until(at("12:01")));
    assert_eq!(progress("12:01"), Soak::Over);
}

#[test]
fn a_release_becomes_good_with_its_services_and_the_checks_that_passed() {
    let checks = Checks::new(
        "[{name: a}, {name: b, severity: warning, state: Failed}, {name: c, severity: warning}]",
    );
    let mut status = known(&[]);
    let services = "api=dep-1 worker=dep-2";
    let none = Quarantine::default();
    let now = at("12:30");
    let release = live(services, "11:30");
    advance(
        &mut status,
        &release,
        &checks.standing(),
        None,
        Soak::Over,
        &none,
        now,
    );
    let digests = checks.digests();
    let mut passed = vec![digests[0].clone(), digests[2].clone()];
    passed.sort_unstable();
    let good = status.last_known_good.unwrap();
    assert_eq!(good.checks, passed);
    assert_eq!(good.services, deploys(services));
    assert_eq!((good.release, good.validated_at), (release.id, now));
}

#[test]
fn before_the_soak_is_over_nothing_becomes_good() {
    let checks = Checks::new("[{name: a}]");
    let release = live("api=dep-1", "11:30");
    let none = Quarantine::default();
    let now = at("12:30");
    for (progress, next) in [
        (Soak::Until(at("12:31")), Some(at("12:31"))),
        (Soak::NotBegun, None),
    ] {
        let mut status = known(&["api=dep-0"]);
        let told = advance(
            &mut status,
            &release,
            &checks.standing(),
            None,
            progress,
            &none,
            now,
        );
        assert_eq!(told, next);
        assert_eq!(named(&status), ["dep-0"]);
    }
}

#[test]
fn the_former_good_release_leads_the_candidates_which_are_five_at_most_and_each_one_once() {
    let mut status = known(&["api=6", "api=5", "api=4", "api=3", "api=2", "api=1"]);
    pass(&mut status, "api=7", &[]);
    assert_eq!(named(&status), ["7", "6", "5", "4", "3", "2"]);
    pass(&mut status, "api=4", &[]);
    assert_eq!(named(&status), ["4", "7", "6", "5", "3", "2"]);
    pass(&mut status, "api=4", &[]);
    assert_eq!(named(&status), ["4", "7", "6", "5", "3", "2"]);
}

#[test]
fn a_quarantined_release_is_never_good_and_the_newest_candidate_takes_its_place() {
    let mut status = known(&["api=3", "api=2", "api=1"]);
    pass(&mut status, "api=4", &["4", "3", "1"]);
    assert_eq!(named(&status), ["2"]);
    let mut status = known(&["api=1"]);
    quarantined(&["1"], |quarantine| revoke(&mut status, quarantine));
    assert_eq!(named(&status), Vec::<&str>::new());
    let mut status = known(&["api=3", "api=2", "api=1"]);
    pass(&mut status, "api=4", &["3"]);
    assert_eq!(named(&status), ["4", "2", "1"]);
}

#[test]
fn the_good_release_learns_of_new_checks_while_it_is_live_and_keeps_those_that_passed() {
    let before = Checks::new("[{name: a}, {name: b}]");
    let after = Checks::new(
        "[{name: a, severity: warning, state: Failed}, {name: b, tcp: {host: example.com, port: 2}}]",
    );
    let mut status = known(&[]);
    let release = live("api=dep-1", "11:30");
    let none = Quarantine::default();
    let mut pass = |checks: &Checks, progress, now| {
        advance(
            &mut status,
            &release,
            &checks.standing(),
            None,
            progress,
            &none,
            at(now),
        );
        status.last_known_good.clone().unwrap()
    };
    let first = pass(&before, Soak::Over, "12:30");
    assert_eq!(pass(&after, Soak::Until(at("12:41")), "12:40"), first);
    let refreshed = pass(&after, Soak::Over, "12:50");
    let mut expected = vec![before.digests()[0].clone(), after.digests()[1].clone()];
    expected.sort_unstable();
    assert_eq!(refreshed.checks, expected);
    assert_eq!(refreshed.validated_at, at("12:30"));
    assert_eq!(pass(&after, Soak::Over, "13:00"), refreshed);
}

#[test]
fn only_what_is_there_whole_not_live_and_not_quarantined_can_be_gone_back_to() {
    let mut status = known(&["api=5", "api=4", "api=3", "api=2", "api=1"]);
    status.candidates[1].unavailable = Some("the deploy is gone".to_owned());
    status.candidates[2].services.clear();
    let found = quarantined(&["4"], |quarantine| {
        let goods = Goods::of(&status);
        goals(goods, "5", quarantine)
            .map(|good| good.release.clone())
            .collect::<Vec<_>>()
    });
    assert_eq!(found, ["1"]);
}

fn digest(check: &str) -> String {
    check_digest(&read::<Check>(check))
}

#[test]
fn a_digest_is_the_same_in_every_version_of_this_program() {
    // printf '%s' '{"area":"api","http":{"method":"GET","url":"http://e.com/"},"name":"a"}' | sha256sum
    let check = "{name: a, http: {url: 'http://e.com/'}}";
    assert_eq!(digest(check), "625912bf9a3553a2");
}

#[test]
fn a_digest_changes_with_what_is_measured_expected_or_meant_and_with_nothing_else() {
    let same = digest("{name: a, http: {url: 'http://e.com/'}}");
    for run in [
        "interval: 1m",
        "retries: 3",
        "timeout: 1s",
        "failureThreshold: 9",
        "successThreshold: 9",
        "severity: warning",
        "dependsOn: [b]",
        "stage: smoke",
    ] {
        let check = format!("{{name: a, {run}, http: {{url: 'http://e.com/'}}}}");
        assert_eq!(digest(&check), same, "{run}");
    }
    for other in [
        "{name: b, http: {url: 'http://e.com/'}}",
        "{name: a, area: worker, http: {url: 'http://e.com/'}}",
        "{name: a, http: {url: 'http://e.com/x'}}",
        "{name: a, http: {url: 'http://e.com/', method: HEAD}}",
        "{name: a, http: {url: 'http://e.com/', expect: {status: ['204']}}}",
        "{name: a, http: {url: 'http://e.com/', expect: {maxLatency: 1s}}}",
        "{name: a, tcp: {host: e.com, port: 80}}",
    ] {
        assert_ne!(digest(other), same, "{other}");
    }
}
