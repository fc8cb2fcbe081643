//! Conditions, state by state.

use std::time::Duration;

use super::*;
use crate::api::ConditionStatus::{False, True, Unknown};

#[test]
fn the_first_write_has_every_standing_condition() {
    let mut life = Life::new();
    life.write();
    assert_eq!(
        life.condition(ConditionType::Ready),
        Some((Unknown, Reason::Running))
    );
    assert_eq!(
        life.condition(ConditionType::Accepted),
        Some((True, Reason::Accepted))
    );
    assert_eq!(
        life.condition(ConditionType::Healthy),
        Some((Unknown, Reason::Running))
    );
    assert_eq!(
        life.condition(ConditionType::ApiHealthy),
        Some((Unknown, Reason::Running))
    );
    assert_eq!(
        life.condition(ConditionType::WorkerHealthy),
        Some((Unknown, Reason::Running))
    );
    assert_eq!(
        life.condition(ConditionType::Reconciling),
        Some((True, Reason::Progressing))
    );
    assert_eq!(life.condition(ConditionType::Stalled), None);
    assert_eq!(life.status.observed_generation, 1);
    let order: Vec<ConditionType> = life
        .status
        .conditions
        .iter()
        .map(|condition| condition.type_)
        .collect();
    assert_eq!(order.last(), Some(&ConditionType::Reconciling));
}

#[test]
fn a_verdict_on_a_new_release_waits_for_the_write_that_names_it() {
    let mut life = Life::new();
    life.run(&[]).write();
    assert_eq!(
        life.condition(ConditionType::Ready),
        Some((Unknown, Reason::Running))
    );
    assert_eq!(
        life.next,
        NextLook(Some(Duration::ZERO)),
        "the verdict is written at once"
    );
    life.write();
    assert_eq!(
        life.condition(ConditionType::Ready),
        Some((True, Reason::Validated))
    );
    life.release("dep-2").run(&[]).write();
    assert_eq!(
        life.condition(ConditionType::Ready),
        Some((Unknown, Reason::Running))
    );
    assert_eq!(
        life.condition(ConditionType::Healthy),
        Some((Unknown, Reason::Running))
    );
    assert_eq!(life.status.observed_release.as_ref().unwrap().id, "dep-2");
    life.write();
    assert_eq!(
        life.condition(ConditionType::Ready),
        Some((True, Reason::Validated))
    );
}

#[test]
fn failures_below_the_threshold_leave_ready_alone() {
    let mut life = Life::new();
    life.write().run(&[]).write();
    life.run(&[("health", down())]).write();
    assert_eq!(
        life.condition(ConditionType::Ready),
        Some((True, Reason::Validated))
    );
    assert_eq!(life.condition(ConditionType::Stalled), None);
    life.run(&[("health", down())]).write();
    assert_eq!(
        life.condition(ConditionType::Ready),
        Some((False, Reason::ChecksFailed))
    );
    assert_eq!(
        life.condition(ConditionType::Stalled),
        Some((True, Reason::ChecksFailed))
    );
    assert_eq!(
        life.message(ConditionType::Ready),
        "health: status 503, expected 200-299"
    );
    assert_eq!(
        life.condition(ConditionType::WorkerHealthy),
        Some((True, Reason::ChecksPassed))
    );
    life.run(&[]).write();
    assert_eq!(
        life.condition(ConditionType::Ready),
        Some((True, Reason::Validated))
    );
    assert_eq!(life.condition(ConditionType::Stalled), None);
}

#[test]
fn a_failed_warning_shows_in_its_area_and_leaves_ready_alone() {
    let mut life = Life::new();
    life.write().run(&[("banner", down())]).write();
    assert_eq!(
        life.condition(ConditionType::Ready),
        Some((True, Reason::Validated))
    );
    assert_eq!(
        life.condition(ConditionType::ApiHealthy),
        Some((True, Reason::ChecksPassed))
    );
    let message = life.message(ConditionType::ApiHealthy);
    assert_eq!(
        message,
        "the checks pass; warning: banner: status 503, expected 200-299"
    );
}

#[test]
fn what_could_not_be_told_is_unknown_and_neither_stalled_nor_reconciling() {
    let untold = Finding::unknown(
        FindingReason::ResolverFailed,
        "example.com: the resolver gave no answer",
    );
    let mut life = Life::new();
    life.write();
    for _ in 0..2 {
        life.run(&[("health", untold.clone())]).write();
    }
    assert_eq!(
        life.condition(ConditionType::Ready),
        Some((Unknown, Reason::Inconclusive))
    );
    assert_eq!(life.condition(ConditionType::Reconciling), None);
    assert_eq!(life.condition(ConditionType::Stalled), None);
    assert!(
        life.message(ConditionType::Ready)
            .contains("the resolver gave no answer")
    );
}

#[test]
fn an_old_observation_is_no_verdict() {
    let mut life = Life::new();
    life.write().run(&[]).write();
    life.stale = true;
    life.write();
    assert_eq!(
        life.condition(ConditionType::Ready),
        Some((Unknown, Reason::ObservationStale))
    );
    assert_eq!(
        life.condition(ConditionType::Healthy),
        Some((Unknown, Reason::ObservationStale))
    );
    assert_eq!(
        life.condition(ConditionType::ApiHealthy),
        Some((Unknown, Reason::ObservationStale))
    );
}

#[test]
fn a_denied_address_is_not_accepted() {
    let denied = Finding::unknown(
        FindingReason::TargetNotAllowed,
        "example.com:80: 127.0.0.1 is denied",
    );
    let mut life = Life::new();
    life.write().run(&[("health", denied)]).write();
    assert_eq!(
        life.condition(ConditionType::Accepted),
        Some((False, Reason::TargetNotAllowed))
    );
    assert_eq!(
        life.condition(ConditionType::Ready),
        Some((False, Reason::TargetNotAllowed))
    );
    assert_eq!(
        life.condition(ConditionType::Stalled),
        Some((True, Reason::TargetNotAllowed))
    );
}
