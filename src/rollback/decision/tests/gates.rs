//! What holds a rollback up: each rule by itself.

use super::*;

#[test]
fn a_schema_that_the_goal_cannot_bear_is_refused_asked_about_or_ignored() {
    let case = |policy: &str| Case {
        live_schema: Some(schema("mail")),
        good_schemas: vec![("dep-1", schema("email"))],
        ..Case::new().policy(policy)
    };
    assert_eq!(
        case("").nothing(),
        (
            Reason::SchemaGuard,
            "guard.schema bars the way to dep-1: column users.email is gone".to_owned()
        )
    );
    let asked = case("guard: {schema: Ask}").proposal();
    assert!(asked.approval_required);
    assert!(
        asked
            .reason
            .contains("mind the schema: column users.email is gone")
    );
    assert!(!case("guard: {schema: Ignore}").proposal().approval_required);
    let mut unknown = case("guard: {schemaUnknown: Refuse}");
    unknown.good_schemas[0].0 = "dep-0";
    assert_eq!(
        unknown.nothing().0,
        Reason::SchemaGuard,
        "the schema of another release"
    );
}

#[test]
fn nothing_is_rolled_back_so_soon_after_a_finished_rollback_of_something_else() {
    let case = |state: &str| {
        let status = format!("{{state: {state}, finishedAt: '11:58'}}");
        Case::new().record(other_failure(1, &status))
    };
    for state in ["Verified", "Failed"] {
        let (until, reason, message) = case(state).wait();
        assert_eq!((until, reason), (Some(at("12:08")), Reason::CoolingOff));
        assert!(
            message.starts_with("guard.cooldown 10m after Rollback accessa-rb-"),
            "{message}"
        );
        assert!(
            message.ends_with("is over at 2026-03-05T12:08:00Z"),
            "{message}"
        );
        case(state).at("12:08").proposal();
    }
    for state in ["NotIssued", "Rejected", "Superseded"] {
        case(state).proposal();
    }
}

#[test]
fn a_failed_attempt_that_others_followed_has_no_cooldown_of_its_own() {
    let case = Case::new()
        .record(other_failure(1, "{state: Failed, finishedAt: '12:00'}"))
        .record(other_failure(2, "{state: Verified, finishedAt: '11:57'}"));
    assert_eq!(case.wait().0, Some(at("12:07")));
}

#[test]
fn the_next_attempt_waits_for_the_delay() {
    let failed = "{state: Failed, issuedAt: '12:02', finishedAt: '12:05:55'}";
    let case = Case::new().attempt(1, "dep-2", "dep-1", failed);
    let (until, reason, message) = case.wait();
    assert_eq!((until, reason), (Some(at("12:06:05")), Reason::CoolingOff));
    assert_eq!(
        message,
        "attempt 1 ended as Failed: delay 10s after it is over at 2026-03-05T12:06:05Z"
    );
    assert_eq!(case.at("12:06:05").proposal().attempt, 2);
}

#[test]
fn somebody_elses_deploy_is_given_time_to_come() {
    let superseded = "{state: Superseded, finishedAt: '12:04'}";
    let case = Case::new().attempt(1, "dep-2", "dep-1", superseded);
    let (until, reason, message) = case.wait();
    assert_eq!((until, reason), (Some(at("12:09")), Reason::Superseded));
    assert!(message.contains("timeout 5m"), "{message}");
    assert_eq!(case.at("12:09").proposal().attempt, 2);
}

#[test]
fn the_budget_is_free_again_when_enough_attempts_no_longer_count() {
    let case = |spent: &[&str], now: &str| Case {
        spent: spent.iter().map(|time| at(time)).collect(),
        ..Case::new()
            .policy("guard: {budget: {max: 2, per: 1h}}")
            .at(now)
    };
    let (until, reason, message) = case(&["12:01", "11:50", "11:40"], "12:06").wait();
    assert_eq!((until, reason), (Some(at("12:50")), Reason::BudgetSpent));
    assert_eq!(
        message,
        "guard.budget is 2 per 1h, and 3 attempts count: there is room again at \
         2026-03-05T12:50:00Z"
    );
    case(&["12:01", "11:50"], "12:50").proposal();
    case(&["12:01"], "12:06").proposal();
}

#[test]
fn a_budget_that_was_spent_in_the_future_is_free_again_after_its_time() {
    let mut case = Case {
        spent: vec![at("20:00"), at("20:00")],
        ..Case::new().policy("guard: {budget: {max: 2, per: 1h}}")
    };
    case.moment.started = at("11:30");
    assert_eq!(case.wait().0, Some(at("12:30")));
    case.moment.now = at("12:30");
    case.proposal();
}

#[test]
fn a_freeze_window_is_waited_out() {
    let case = Case {
        frozen_until: Some(at("13:00")),
        ..Case::new()
    };
    let (until, reason, _) = case.wait();
    assert_eq!((until, reason), (Some(at("13:00")), Reason::CoolingOff));
}

#[test]
fn attempts_that_asked_the_platform_are_limited_and_the_others_too() {
    let attempts = |touched: u8, not_issued: u8| {
        let mut case = Case::new().at("12:30");
        for number in 1..=touched {
            let failed = "{state: Failed, issuedAt: '12:02', finishedAt: '12:04'}";
            case = case.attempt(number, "dep-2", "dep-1", failed);
        }
        for number in 1..=not_issued {
            let status = "{state: NotIssued, finishedAt: '12:04'}";
            case = case.attempt(touched + number, "dep-2", "dep-1", status);
        }
        case
    };
    assert_eq!(attempts(2, 9).proposal().attempt, 12);
    assert_eq!(
        attempts(3, 0).nothing(),
        (
            Reason::AttemptsExhausted,
            "3 attempts were made for dep-2, and maxAttempts is 3".to_owned()
        )
    );
    assert_eq!(attempts(0, 10).nothing().0, Reason::AttemptsExhausted);
    assert_eq!(
        attempts(3, 0).policy("maxAttempts: 4").proposal().attempt,
        4
    );
}

#[test]
fn a_number_beyond_the_last_that_there_is_ends_it() {
    let status = "{state: NotIssued, finishedAt: '12:04'}";
    let case = Case::new().at("12:30");
    assert_eq!(
        case.attempt(100, "dep-2", "dep-1", status).nothing().0,
        Reason::AttemptsExhausted
    );
}
