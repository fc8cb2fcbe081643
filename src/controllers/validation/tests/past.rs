//! What status remembers, and what ends it.

use std::time::Duration;

use super::*;
use crate::api::ConditionStatus::{False, True, Unknown};

#[test]
fn a_missing_reference_stalls_only_when_its_grace_is_over() {
    let missing = Facts::Rejected(Rejection {
        reason: Reason::SecretNotFound,
        message: "Secret render does not exist in this namespace".to_owned(),
        remedy: Remedy::Arrival,
    });
    let mut life = Life::new();
    life.write_facts(&missing);
    assert_eq!(
        life.condition(ConditionType::Ready),
        Some((False, Reason::SecretNotFound))
    );
    assert_eq!(
        life.condition(ConditionType::Reconciling),
        Some((True, Reason::ProgressingWithRetry))
    );
    assert_eq!(life.next, NextLook(Some(Duration::from_mins(2))));
    life.later(119).write_facts(&missing);
    assert_eq!(life.condition(ConditionType::Stalled), None);
    life.later(1).write_facts(&missing);
    assert_eq!(
        life.condition(ConditionType::Stalled),
        Some((True, Reason::SecretNotFound))
    );
    assert_eq!(life.condition(ConditionType::Reconciling), None);
    assert!(
        life.status.checks.is_empty(),
        "what was known of the checks is not known to hold"
    );
}

#[test]
fn a_spec_that_only_an_edit_can_mend_stalls_at_once() {
    let mut life = Life::new();
    life.write_facts(&Facts::Rejected(Rejection {
        reason: Reason::InvalidSpec,
        message: "dependsOn leads in a circle through a, b".to_owned(),
        remedy: Remedy::SpecChange,
    }));
    assert_eq!(
        life.condition(ConditionType::Ready),
        Some((False, Reason::InvalidSpec))
    );
    assert_eq!(
        life.condition(ConditionType::Stalled),
        Some((True, Reason::InvalidSpec))
    );
}

#[test]
fn a_suspended_validation_is_unknown_and_keeps_what_was_validated() {
    let mut life = Life::new();
    life.write().run(&[]).later(60).write();
    life.write_facts(&Facts::Suspended);
    assert_eq!(
        life.condition(ConditionType::Ready),
        Some((Unknown, Reason::Suspended))
    );
    assert_eq!(
        life.status.last_known_good.as_ref().unwrap().release,
        "dep-1"
    );
    assert_eq!(life.status.observed_generation, 1);
}

#[test]
fn a_release_is_good_when_it_has_passed_for_the_soak_time_without_a_break() {
    let mut life = Life::new();
    life.write().run(&[]).write();
    assert_eq!(life.status.last_known_good, None);
    assert_eq!(life.next, NextLook(Some(Duration::from_mins(1))));
    life.later(50).run(&[("queue", down())]).run(&[]).write();
    assert_eq!(life.status.last_known_good, None);
    life.later(58).write();
    assert_eq!(
        life.status.last_known_good, None,
        "the break has begun the soak anew"
    );
    life.later(2).write();
    assert_eq!(
        life.status.last_known_good.as_ref().unwrap().release,
        "dep-1"
    );
    life.release("dep-2")
        .run(&[("queue", down())])
        .run(&[("queue", down())])
        .write()
        .write();
    assert_eq!(
        life.condition(ConditionType::Ready),
        Some((False, Reason::ChecksFailed))
    );
    assert_eq!(
        life.status.last_known_good.as_ref().unwrap().release,
        "dep-1"
    );
}

#[test]
fn history_is_merged_by_release_and_verdict_and_kept_to_its_limits() {
    let mut life = Life::new();
    life.write().run(&[]).write();
    for _ in 0..2 {
        life.run(&[("health", down())])
            .run(&[("health", down())])
            .write();
        life.run(&[]).write();
    }
    let told: Vec<_> = life
        .status
        .history
        .iter()
        .map(|entry| (entry.verdict, entry.count))
        .collect();
    assert_eq!(
        told,
        [(HistoryVerdict::Passed, 3), (HistoryVerdict::Failed, 2)]
    );
    for id in ["dep-2", "dep-3", "dep-4", "dep-5"] {
        life.release(id).run(&[]).write().write();
    }
    let passed: Vec<_> = life
        .status
        .history
        .iter()
        .filter(|entry| entry.verdict == HistoryVerdict::Passed)
        .map(|entry| entry.release.as_deref().unwrap())
        .collect();
    assert_eq!(passed, ["dep-5", "dep-4", "dep-3"]);
}

#[test]
fn a_transition_time_moves_with_the_status_alone_and_nothing_new_is_nothing_to_write() {
    let mut life = Life::new();
    life.write().run(&[]).write();
    let before = life.status.clone();
    life.run(&[]).run(&[]).write();
    assert_eq!(life.status, before);
    let moved = |conditions: &[Condition]| {
        find(conditions, ConditionType::Ready)
            .unwrap()
            .last_transition_time
    };
    life.stale = true;
    life.later(100).write();
    assert_ne!(moved(&before.conditions), moved(&life.status.conditions));
}

#[test]
fn a_message_is_cut_to_its_bound() {
    let long = Finding::fail(FindingReason::UnexpectedStatus, "x".repeat(2000));
    let mut life = Life::new();
    life.write();
    for _ in 0..2 {
        life.run(&[("health", long.clone()), ("queue", long.clone())])
            .write();
    }
    assert!(life.message(ConditionType::Ready).len() <= 1024);
}

#[test]
fn the_largest_status_fits_into_64_kib() {
    let mut life = Life::with_spec(&largest_spec());
    let long = Finding::fail(FindingReason::UnexpectedStatus, "é\u{7f}".repeat(2000));
    let findings: Vec<(String, Finding)> = life
        .suite
        .checks()
        .iter()
        .map(|check| (check.name.to_string(), long.clone()))
        .collect();
    let findings: Vec<(&str, Finding)> = findings
        .iter()
        .map(|(name, finding)| (name.as_str(), finding.clone()))
        .collect();
    life.write();
    for _ in 0..3 {
        life.run(&findings).write();
    }
    let size = serde_json::to_string(&life.status).unwrap().len();
    assert!(size <= 64 * 1024, "{size} bytes");
}

/// Fifty checks over all areas, with the longest names.
fn largest_spec() -> String {
    let areas = [
        "config",
        "database",
        "api",
        "worker",
        "storage",
        "external",
        "performance",
        "security",
        "monitoring",
        "platform",
    ];
    let checks: Vec<String> = (0..50)
        .map(|number| {
            let name = format!("{number:02}{}", "x".repeat(61));
            let area = areas[number % areas.len()];
            format!("  - {{name: {name}, area: {area}, tcp: {{host: example.com, port: 1}}}}\n")
        })
        .collect();
    format!("target: {{external: {{}}}}\nchecks:\n{}", checks.concat())
}
