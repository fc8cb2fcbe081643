//! Whether there is anything to roll back, and what to go back to: each rule by itself.

use super::*;

#[test]
fn a_release_that_fails_soon_after_it_went_live_is_rolled_back_to_the_last_known_good_one() {
    let proposal = Case::new().proposal();
    assert_eq!(proposal.from.release, "dep-2");
    assert_eq!(proposal.from.services[0].deploy_id, "dep-2");
    assert_eq!(proposal.goal.release, "dep-1");
    assert_eq!(proposal.goal.services[0].deploy_id, "dep-1");
    assert_eq!(proposal.class, FailureClass::Application);
    assert_eq!(proposal.steps.len(), 1);
    assert_eq!(
        (proposal.failed_release.as_str(), proposal.attempt),
        ("dep-2", 1)
    );
    assert_eq!(proposal.failed_checks, ["health"]);
    assert!(!proposal.approval_required);
    assert_eq!(
        proposal.reason,
        "dep-2 failed, which was not so with dep-1: health (status 503, expected 200-299)"
    );
}

#[test]
fn a_suspended_validation_and_one_without_a_policy_are_left_alone() {
    let suspended = Case {
        suspended: true,
        ..Case::new()
    };
    assert_eq!(suspended.nothing().0, Reason::Suspended);
    let none = Case {
        policy: None,
        ..Case::new()
    };
    assert_eq!(none.nothing().0, Reason::RollbackDisabled);
}

#[test]
fn what_is_not_known_is_never_a_reason_to_roll_back() {
    for (health, reason) in [
        (Health::Running, Reason::Running),
        (Health::Inconclusive, Reason::Inconclusive),
    ] {
        let case = Case {
            health,
            ..Case::new()
        };
        assert_eq!(case.nothing().0, reason);
    }
    let stale = Case {
        stale: true,
        ..Case::new()
    };
    assert_eq!(stale.nothing().0, Reason::ObservationStale);
}

#[test]
fn a_release_that_passes_needs_none_and_one_that_begins_to_fail_is_waited_for() {
    let passing = |checks: &str| Case {
        health: Health::Passing,
        checks: Checks::new(checks),
        ..Case::new()
    };
    let told = passing("[{name: health}]").nothing();
    assert_eq!(
        told,
        (
            Reason::NotRequired,
            "every critical check passes on dep-2".to_owned()
        )
    );
    let (until, reason, message) = passing("[{name: health, state: Failing}]").wait();
    assert_eq!((until, reason), (None, Reason::NotRequired));
    assert!(message.starts_with("health fails on dep-2"), "{message}");
    let warning = "[{name: health}, {name: banner, severity: warning, state: Failing}]";
    assert_eq!(passing(warning).nothing().0, Reason::NotRequired);
}

#[test]
fn there_are_never_two_open_attempts() {
    for (status, reason) in [
        ("{}", Reason::IntentRecorded),
        ("{state: IntentRecorded}", Reason::IntentRecorded),
        ("{state: AwaitingApproval}", Reason::AwaitingApproval),
        ("{state: Issued}", Reason::Issued),
        ("{state: Verifying}", Reason::Verifying),
        ("{state: OutcomeUnknown}", Reason::OutcomeUnknown),
    ] {
        let case = Case::new().attempt(1, "dep-2", "dep-1", status).at("18:00");
        let (until, told, message) = case.wait();
        assert_eq!((until, told), (None, reason), "{status}");
        let name = &case.records[0].name;
        assert!(message.ends_with(&format!("Rollback {name}")), "{message}");
    }
    let other = Stored::new("dep-0", 1, "api=dep-0", "api=dep-1", "{state: Issued}");
    assert_eq!(
        Case::new().record(other).wait().1,
        Reason::Issued,
        "of another failure"
    );
}

#[test]
fn a_failure_that_is_not_the_releases_fault_is_left_alone() {
    let case = Case::new().policy("trigger: {areas: [monitoring]}");
    assert_eq!(case.nothing().0, Reason::EnvironmentFault);
    let (reason, message) = Case::new().policy("trigger: {window: 3m}").nothing();
    assert_eq!(reason, Reason::EnvironmentFault);
    assert!(message.contains("trigger.window 3m"), "{message}");
}

#[test]
fn the_brake_holds_everything_up() {
    let case = Case {
        brake: Some(braked()),
        ..Case::new()
    };
    assert_eq!(
        case.wait(),
        (
            Some(at("12:20")),
            Reason::BrakeEngaged,
            "6 of 20 validations turned bad within 5m: nothing is rolled back before \
             2026-03-05T12:20:00Z"
                .to_owned()
        )
    );
}

#[test]
fn what_a_rollback_has_brought_back_is_not_rolled_back_to_what_failed() {
    let mut case = brought_back("Verified").older("api=dep-0");
    let (reason, message) = case.nothing();
    assert_eq!(reason, Reason::RollbackVerified);
    assert!(
        message.starts_with("dep-2 was brought back to dep-1 by Rollback "),
        "{message}"
    );
    case.health = Health::Passing;
    assert_eq!(
        case.nothing(),
        (reason, message),
        "the same whether it passes or fails"
    );
}

#[test]
fn a_rollback_that_failed_is_followed_by_the_next_older_good_release() {
    let proposal = brought_back("Failed").older("api=dep-0").proposal();
    assert_eq!(proposal.from.release, "dep-3");
    assert_eq!(proposal.goal.release, "dep-0");
    assert_eq!(
        (proposal.failed_release.as_str(), proposal.attempt),
        ("dep-2", 2)
    );
    assert_eq!(
        (
            proposal.steps[0].from.as_str(),
            proposal.steps[0].to.as_str()
        ),
        ("dep-3", "dep-0")
    );
}

#[test]
fn when_every_good_release_was_brought_back_in_vain_the_rollback_has_failed() {
    let (reason, message) = brought_back("Failed").nothing();
    assert_eq!(reason, Reason::RollbackFailed);
    assert!(
        message.ends_with("what was brought back of dep-1"),
        "{message}"
    );
}

#[test]
fn a_goal_whose_operation_failed_is_tried_again() {
    let failed = "{state: Failed, issuedAt: '12:02', finishedAt: '12:04', \
                  steps: [{service: api, state: Failed, operationId: dep-3}]}";
    let case = Case::new()
        .older("api=dep-0")
        .attempt(1, "dep-2", "dep-1", failed);
    let proposal = case.proposal();
    assert_eq!(
        (proposal.goal.release.as_str(), proposal.attempt),
        ("dep-1", 2)
    );
}

#[test]
fn a_result_that_came_to_be_live_after_it_was_given_up_is_not_brought_back_again() {
    let mut case = brought_back("Superseded").older("api=dep-0").at("12:30");
    case.records[0].status.live_at = None;
    assert_eq!(case.proposal().goal.release, "dep-0");
}

#[test]
fn what_failed_is_never_a_goal_even_while_it_is_known_as_good() {
    let mut case = brought_back("Failed").older("api=dep-0");
    let digests = case.checks.digests();
    case.goods.insert(0, good("api=dep-2", "11:30", &digests));
    assert_eq!(case.proposal().goal.release, "dep-0");
}

#[test]
fn without_a_release_to_go_back_to_there_is_none() {
    let mut case = Case::new();
    case.goods[0].unavailable = Some("the deploy is not listed any more".to_owned());
    assert_eq!(
        case.nothing(),
        (
            Reason::NoKnownGood,
            "no release is known to be good that could be gone back to from dep-2; dep-1 cannot be \
             gone back to: the deploy is not listed any more"
                .to_owned()
        )
    );
    case.goods = vec![good("api=dep-2", "11:00", &case.checks.digests())];
    assert_eq!(case.nothing().0, Reason::NoKnownGood, "only what is live");
    case.goods.clear();
    assert_eq!(case.nothing().0, Reason::NoKnownGood);
}

#[test]
fn a_goal_that_is_gone_gives_way_to_the_next() {
    let mut case = Case::new().older("api=dep-0");
    case.goods[0].unavailable = Some("it is gone".to_owned());
    assert_eq!(case.proposal().goal.release, "dep-0");
}
