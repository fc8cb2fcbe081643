use super::*;
use crate::{
    api::GoodRelease,
    rollback::samples::{Checks, good, live, moment, read},
};

/// A failure at 12:05 of a release that went live at 12:00, with a good one from 11:00; times by `moment`.
struct Case {
    trigger: &'static str,
    checks: Checks,
    live: ObservedRelease,
    goal: Option<GoodRelease>,
    first_attempt: bool,
    moment: Moment,
}

const FAILED: &str = "{name: health, state: Failed, message: 'status 503', since: '12:05'}";

impl Case {
    fn new(checks: &str) -> Self {
        let checks = Checks::new(&format!("[{checks}]"));
        let goal = good("api=dep-1", "11:00", &checks.digests());
        Self {
            trigger: "{}",
            checks,
            live: live("api=dep-2", "12:00"),
            goal: Some(goal),
            first_attempt: true,
            moment: moment("12:06"),
        }
    }

    /// Names of what triggers, or why nothing does.
    fn attribute(&self) -> Result<Vec<String>, String> {
        let evidence = Evidence {
            trigger: &read(self.trigger),
            checks: &self.checks.standing(),
            live: &self.live,
            goal: self.goal.as_ref(),
            first_attempt: self.first_attempt,
            moment: self.moment,
        };
        let name = |check: &&CheckStanding<'_>| check.status.name.clone();
        attribute(&evidence)
            .map(|checks| checks.iter().map(name).collect())
            .map_err(|fault| fault.0)
    }

    fn fault(&self) -> String {
        self.attribute().unwrap_err()
    }

    /// As if the good release had passed only the checks at these places.
    fn passed_on_goal(mut self, places: &[usize]) -> Self {
        let digests = self.checks.digests();
        let goal = self.goal.as_mut().unwrap();
        goal.checks = places.iter().map(|&place| digests[place].clone()).collect();
        self
    }
}

#[test]
fn a_failed_critical_check_that_passed_on_the_goal_is_the_releases_fault() {
    assert_eq!(Case::new(FAILED).attribute().unwrap(), ["health"]);
}

#[test]
fn a_warning_and_a_check_that_has_not_failed_are_no_reason() {
    for other in [
        "{name: a, severity: warning, state: Failed}",
        "{name: a, state: Failing}",
        "{name: a, state: Unknown}",
        "{name: a, state: Skipped}",
    ] {
        let case = Case::new(&format!("{FAILED}, {other}"));
        assert_eq!(case.attribute().unwrap(), ["health"], "{other}");
        assert!(Case::new(other).attribute().is_err(), "{other}");
    }
}

#[test]
fn a_failure_outside_of_the_areas_is_named() {
    let case = Case::new("{name: bucket, area: storage, state: Failed, message: 'status 403'}");
    assert_eq!(
        case.fault(),
        "no critical check of trigger.areas [api, worker, database, platform] has failed; \
         others have: bucket (status 403)"
    );
    let case = Case {
        trigger: "{areas: [storage]}",
        ..case
    };
    assert_eq!(case.attribute().unwrap(), ["bucket"]);
}

#[test]
fn a_release_that_was_live_before_the_goal_was_validated_is_not_what_has_changed() {
    let mut case = Case::new(FAILED);
    case.goal.as_mut().unwrap().validated_at = "2026-03-05T12:01:00Z".parse().unwrap();
    assert_eq!(
        case.fault(),
        "dep-2 is live since 2026-03-05T12:00:00Z, and dep-1 was validated after that, at \
         2026-03-05T12:01:00Z: it is not what has changed"
    );
    case.live.since = "2026-03-05T12:01:00Z".parse().unwrap();
    assert!(
        case.attribute().is_ok(),
        "seen first after that, whatever the platform's clock says"
    );
}

#[test]
fn a_validation_that_a_clock_set_back_leaves_in_the_future_is_not_compared() {
    let mut case = Case::new(FAILED);
    case.goal.as_mut().unwrap().validated_at = "2026-03-05T18:00:00Z".parse().unwrap();
    assert!(case.attribute().is_ok());
}

#[test]
fn a_failure_counts_when_it_began_within_the_window() {
    let at = |since: &str| {
        let failed = format!("{{name: health, state: Failed, since: '{since}'}}");
        Case {
            trigger: "{window: 5m}",
            first_attempt: false,
            ..Case::new(&failed)
        }
    };
    assert!(at("12:05").attribute().is_ok());
    assert!(
        at("11:59").attribute().is_ok(),
        "the platform's clock is ahead"
    );
    assert_eq!(
        at("12:05:01").fault(),
        "the failure began at 2026-03-05T12:05:01Z, more than trigger.window 5m after dep-2 went \
         live at 2026-03-05T12:00:00Z"
    );
    let late = Case {
        trigger: "{window: 5m, onlyAfterDeploy: false}",
        ..at("12:05:01")
    };
    assert!(late.attribute().is_ok());
}

#[test]
fn the_earliest_triggering_check_tells_when_the_failure_began() {
    let late = "{name: late, state: Failed, since: '12:05:30'}";
    let mut case = Case::new(&format!("{late}, {FAILED}"));
    case.trigger = "{window: 5m}";
    case.first_attempt = false;
    assert_eq!(case.attribute().unwrap(), ["late", "health"]);
    let case = case.passed_on_goal(&[0]);
    assert!(
        case.fault()
            .starts_with("the failure began at 2026-03-05T12:05:30Z")
    );
}

#[test]
fn the_first_attempt_is_made_within_the_window_or_not_at_all() {
    let at = |now: &str, first_attempt| Case {
        trigger: "{window: 10m}",
        moment: moment(now),
        first_attempt,
        ..Case::new(FAILED)
    };
    assert!(at("12:10", true).attribute().is_ok());
    assert_eq!(
        at("12:10:01", true).fault(),
        "dep-2 went live at 2026-03-05T12:00:00Z, and trigger.window 10m was over at \
         2026-03-05T12:10:00Z"
    );
    assert!(at("12:10:01", false).attribute().is_ok());
}

#[test]
fn a_release_went_live_with_the_last_of_its_services_and_at_the_latest_when_it_was_seen() {
    let mut release = live("api=a2 worker=w2", "12:00");
    let at = crate::rollback::samples::at;
    release.services[0].since = Some(at("11:58"));
    release.services[1].since = None;
    assert_eq!(live_since(&release), at("11:58"));
    release.services[1].since = Some(at("11:59"));
    assert_eq!(live_since(&release), at("11:59"));
    release.services[1].since = Some(at("12:30"));
    assert_eq!(live_since(&release), at("12:00"));
    release.services.clear();
    assert_eq!(live_since(&release), at("12:00"));
}

#[test]
fn an_external_service_that_failed_no_later_is_to_blame() {
    let external = |more: &str| {
        let external =
            format!("{{name: mail, area: external, state: Failed, message: 'status 500', {more}}}");
        Case::new(&format!("{FAILED}, {external}"))
    };
    let first = external("since: '12:05'");
    assert_eq!(
        first.fault(),
        "an external service failed first, at 2026-03-05T12:05:00Z: mail (status 500)"
    );
    assert!(external("since: '12:05:01'").attribute().is_ok());
    let named = Case {
        trigger: "{areas: [api, external]}",
        ..first
    };
    assert_eq!(named.attribute().unwrap(), ["health", "mail"]);
}

#[test]
fn an_external_service_of_severity_warning_says_something_only_if_it_passed_on_the_goal() {
    let checks =
        format!("{FAILED}, {{name: mail, area: external, severity: warning, state: Failed}}");
    assert!(Case::new(&checks).passed_on_goal(&[0]).attribute().is_ok());
    let fault = Case::new(&checks).passed_on_goal(&[0, 1]).fault();
    assert!(fault.starts_with("an external service failed first"));
}

#[test]
fn a_check_that_is_not_known_to_have_passed_on_the_goal_does_not_trigger() {
    let case = Case::new(FAILED).passed_on_goal(&[]);
    assert_eq!(
        case.fault(),
        "nothing that fails on dep-2 is known to have passed on dep-1: health (status 503)"
    );
    let two = format!("{FAILED}, {{name: queue, area: worker, state: Failed, since: '12:05'}}");
    let case = Case::new(&two).passed_on_goal(&[1]);
    assert_eq!(case.attribute().unwrap(), ["queue"]);
}

#[test]
fn without_a_goal_nothing_is_held_against_it() {
    let case = Case {
        goal: None,
        ..Case::new(FAILED)
    };
    assert_eq!(case.attribute().unwrap(), ["health"]);
}
