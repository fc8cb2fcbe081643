use super::*;
use crate::{
    api::{RollbackCause, ValidationReference},
    rollback::samples::{Stored, VALIDATION, at, live},
};

fn past<'a>(records: &'a [Stored], live: &'a ObservedRelease) -> Past<'a> {
    Past::of(VALIDATION, records.iter().map(Stored::record), live)
}

/// The first attempt for dep-2, back to dep-1, with this status.
fn first(status: &str) -> Stored {
    Stored::new("dep-2", 1, "api=dep-2", "api=dep-1", status)
}

const DONE: &str = "steps: [{service: api, state: Done, operationId: dep-3}]";

#[test]
fn a_record_that_the_own_rules_do_not_give_is_not_heard() {
    let genuine = first("{}");
    let release = live("api=dep-2", "12:00");
    let counts = |record: &Stored| {
        let records = std::slice::from_ref(record);
        past(records, &release).attempts.iter().count()
    };
    assert_eq!(counts(&genuine), 1);
    let forge = |change: fn(&mut Stored)| {
        let mut forged = genuine.clone();
        change(&mut forged);
        counts(&forged)
    };
    let plan = |forged: &mut Stored, change: fn(&mut RollbackPlan)| {
        change(forged.spec.plan.as_mut().unwrap());
    };
    assert_eq!(forge(|forged| forged.spec.plan = None), 0, "no plan");
    assert_eq!(forge(|forged| forged.spec.to = None), 0, "no goal");
    assert_eq!(
        forge(|forged| forged.name = "accessa-rb-1".to_owned()),
        0,
        "a name"
    );
    assert_eq!(forge(|forged| forged.name.push('0')), 0, "a longer name");
    assert_eq!(
        forge(|forged| forged.spec.validation_ref.uid = Some("ffff".to_owned())),
        0,
        "copied from the validation that had this name before"
    );
    assert_eq!(
        forge(|forged| forged.spec.validation_ref.uid = None),
        0,
        "no uid"
    );
    let mut forged = genuine.clone();
    plan(&mut forged, |plan| plan.attempt = 2);
    assert_eq!(counts(&forged), 0, "another number");
    let mut forged = genuine.clone();
    plan(&mut forged, |plan| plan.failed_release = "dep-9".to_owned());
    assert_eq!(counts(&forged), 0, "another release");
    let mut forged = genuine.clone();
    plan(&mut forged, |plan| plan.key = "0".repeat(32));
    assert_eq!(counts(&forged), 0, "another key");
    let foreign = Validation {
        name: "other",
        ..VALIDATION
    };
    let attempts = Attempts::of(foreign, [genuine.record()]);
    assert_eq!(attempts.iter().count(), 0, "a name of another validation");
}

#[test]
fn a_request_of_a_person_is_no_attempt() {
    let request = Stored {
        spec: RollbackSpec {
            plan: None,
            trigger: RollbackCause::Manual,
            validation_ref: ValidationReference {
                name: VALIDATION.name.to_owned(),
                uid: None,
            },
            ..first("{}").spec
        },
        ..first("{}")
    };
    let release = live("api=dep-2", "12:00");
    let records = [request];
    let past = past(&records, &release);
    assert_eq!(past.attempts.iter().count(), 0);
    assert!(!past.quarantine.holds("dep-2"));
}

#[test]
fn a_release_that_nothing_is_on_record_for_begins_an_incident() {
    let release = live("api=dep-9", "12:00");
    let records = [first("{state: Verified}")];
    let incident = past(&records, &release).incident;
    assert_eq!(incident.failed_release, "dep-9");
    assert_eq!((incident.next_attempt, incident.attempts.len()), (1, 0));
}

#[test]
fn what_failed_and_what_was_brought_back_for_it_belong_to_one_incident() {
    let records = [first(&format!("{{state: Failed, {DONE}}}"))];
    for deploy in ["dep-2", "dep-3"] {
        let release = live(&format!("api={deploy}"), "12:00");
        let incident = past(&records, &release).incident;
        assert_eq!(
            (incident.failed_release, incident.next_attempt),
            ("dep-2", 2)
        );
    }
    let release = live("api=dep-4", "12:00");
    assert_eq!(past(&records, &release).incident.failed_release, "dep-4");
}

const BOTH: [&str; 2] = ["api=a2 worker=w2", "api=a1 worker=w1"];

/// An attempt for two services, with the operations of its steps.
fn two(attempt: u8, from: &str, to: &str, state: &str, operations: &str) -> Stored {
    let failed = crate::rollback::samples::release_id(BOTH[0]);
    let steps: Vec<String> = operations
        .split_whitespace()
        .map(|pair| {
            let (service, operation) = pair.split_once('=').unwrap();
            format!("{{service: {service}, state: Done, operationId: {operation}}}")
        })
        .collect();
    let status = format!("{{state: {state}, steps: [{}]}}", steps.join(", "));
    Stored::new(&failed, attempt, from, to, &status)
}

#[test]
fn a_release_that_was_brought_back_in_part_belongs_to_the_incident_and_is_no_result() {
    let records = [two(1, BOTH[0], BOTH[1], "Failed", "api=a3")];
    let release = live("api=a3 worker=w2", "12:00");
    let incident = past(&records, &release).incident;
    assert_eq!(incident.next_attempt, 2);
    assert!(incident.result.is_none());
    let achieved = Achieved {
        operation: "a3",
        to: "a1",
    };
    assert_eq!(incident.achieved, BTreeMap::from([("api", achieved)]));
    let newer = live("api=a3 worker=w9", "12:00");
    let incident = past(&records, &newer).incident;
    assert_eq!(
        (incident.failed_release, incident.next_attempt),
        (newer.id.as_str(), 1)
    );
}

#[test]
fn what_is_left_of_a_release_whose_other_service_is_gone_is_no_result() {
    let records = [two(1, BOTH[0], BOTH[1], "Failed", "worker=w3")];
    let release = live("worker=w3", "12:00");
    let incident = past(&records, &release).incident;
    assert_eq!(incident.next_attempt, 2);
    assert!(incident.result.is_none());
}

#[test]
fn a_deploy_counts_for_its_own_service_alone() {
    let records = [two(1, BOTH[0], BOTH[1], "Failed", "api=a3")];
    let swapped = live("api=w2 worker=a3", "12:00");
    assert_eq!(past(&records, &swapped).incident.next_attempt, 1);
}

#[test]
fn the_second_attempt_completes_the_result_of_the_first() {
    let records = [
        two(1, BOTH[0], BOTH[1], "Failed", "api=a3"),
        two(
            2,
            "api=a3 worker=w2",
            "api=a3 worker=w1",
            "Verified",
            "worker=w3",
        ),
    ];
    let release = live("api=a3 worker=w3", "12:00");
    let incident = past(&records, &release).incident;
    assert_eq!(incident.result.unwrap().plan.attempt, 2);
    assert_eq!(incident.next_attempt, 3);
    assert_eq!(incident.achieved.len(), 2);
}

#[test]
fn an_attempt_that_was_not_issued_leaves_the_result_of_the_one_before() {
    let records = [
        first(&format!("{{state: Failed, liveAt: '12:01', {DONE}}}")),
        Stored::new("dep-2", 2, "api=dep-3", "api=dep-0", "{state: NotIssued}"),
    ];
    let release = live("api=dep-3", "12:00");
    let incident = past(&records, &release).incident;
    assert_eq!(incident.result.unwrap().plan.attempt, 1);
}

#[test]
fn a_goal_is_spoilt_when_it_was_live_and_failed_and_not_when_its_operation_failed() {
    let spoilt = |status: &str, live_deploy: &str| {
        let records = [first(status)];
        let release = live(live_deploy, "12:00");
        past(&records, &release).incident.spoilt.contains("dep-1")
    };
    assert!(spoilt(&format!("{{state: Failed, {DONE}}}"), "api=dep-2"));
    assert!(spoilt("{state: Failed, liveAt: '12:01'}", "api=dep-2"));
    let failed = "steps: [{service: api, state: Failed, operationId: dep-3}]";
    assert!(!spoilt(
        &format!("{{state: Failed, {failed}}}"),
        "api=dep-2"
    ));
    assert!(!spoilt(
        &format!("{{state: Verified, {DONE}}}"),
        "api=dep-3"
    ));
    assert!(
        spoilt(&format!("{{state: Superseded, {failed}}}"), "api=dep-3"),
        "it came to be live after all"
    );
}

#[test]
fn numbers_go_on_behind_the_highest_whatever_the_order_of_creation() {
    let mut records = [
        Stored::new("dep-2", 3, "api=dep-2", "api=dep-1", "{created: '12:00'}"),
        Stored::new("dep-2", 1, "api=dep-2", "api=dep-1", "{created: '12:10'}"),
    ];
    let release = live("api=dep-2", "12:00");
    assert_eq!(past(&records, &release).incident.next_attempt, 4);
    records.reverse();
    let past = past(&records, &release);
    let numbers: Vec<_> = past.incident.attempts.iter().collect();
    let numbers: Vec<_> = numbers.iter().map(|attempt| attempt.plan.attempt).collect();
    assert_eq!(numbers, [1, 3]);
}

#[test]
fn an_attempt_is_open_until_its_state_is_final() {
    let release = live("api=dep-2", "12:00");
    let open = |status: &str| {
        let records = [first(status)];
        past(&records, &release).attempts.open().is_some()
    };
    for status in ["{}", "{state: IntentRecorded}", "{state: OutcomeUnknown}"] {
        assert!(open(status), "{status}");
    }
    for status in [
        "{state: Verified}",
        "{state: NotIssued}",
        "{state: Superseded}",
    ] {
        assert!(!open(status), "{status}");
    }
}

#[test]
fn an_attempt_counts_against_the_budget_when_it_was_issued_or_still_may_be() {
    let spends = |status: &str| {
        let record = first(status);
        let attempts = Attempts::of(VALIDATION, [record.record()]);
        attempts.iter().next().unwrap().spends()
    };
    assert_eq!(spends("{created: '12:01'}"), Some(at("12:01")));
    assert_eq!(spends("{issuedAt: '12:02'}"), Some(at("12:02")));
    let failed = "{state: Failed, issuedAt: '12:02', finishedAt: '12:09'}";
    assert_eq!(spends(failed), Some(at("12:02")));
    assert_eq!(spends("{state: NotIssued, finishedAt: '12:09'}"), None);
}

#[test]
fn what_failed_what_was_left_and_what_failed_again_is_quarantined_and_a_goal_is_not() {
    let failed =
        format!("{{state: Failed, issuedAt: '12:01', {DONE}, result: {{release: dep-3}}}}");
    let verified = "{state: Verified, issuedAt: '12:01', result: {release: dep-6}}";
    let doubted = "{state: NotIssued, steps: [{service: api, state: NotIssued, startedAt: '2026-03-01T12:01:00Z'}]}";
    let records = [
        first(&failed),
        Stored::new("dep-9", 1, "api=dep-9", "api=dep-0", doubted),
        Stored::new("dep-2", 2, "api=dep-3b", "api=dep-0", "{}"),
        Stored::new("dep-5", 1, "api=dep-5", "api=dep-1", verified),
    ];
    let release = live("api=dep-6", "12:00");
    let quarantine = past(&records, &release).quarantine;
    for release in ["dep-2", "dep-3", "dep-3b", "dep-5"] {
        assert!(quarantine.holds(release), "{release}");
    }
    for release in ["dep-0", "dep-1", "dep-6", "dep-9"] {
        assert!(!quarantine.holds(release), "{release}");
    }
}
