//! What is done, and how it is said: each rule by itself.

use super::*;

#[test]
fn a_plan_that_cannot_be_made_is_rejected_with_its_reason() {
    let mut case = Case::new();
    case.live = live("api=dep-2 worker=dep-9", "12:00");
    case.services.push(Service {
        name: "worker",
        tier: Tier::Application,
    });
    assert_eq!(
        case.nothing(),
        (
            Reason::RollbackRejected,
            "release dep-1 has no deploy of service worker".to_owned()
        )
    );
    let nothing = "strategies: {application: [{platform: {tier: infrastructure}}]}";
    assert_eq!(
        Case::new().policy(nothing).nothing(),
        (
            Reason::RollbackRejected,
            "strategies.application names no service that differs from dep-1".to_owned()
        )
    );
}

#[test]
fn a_release_that_has_nothing_but_what_the_good_one_had_is_where_it_belongs() {
    let mut case = Case::new();
    case.live = live("api=dep-1 worker=dep-9", "12:00");
    let (reason, message) = case.nothing();
    assert_eq!(reason, Reason::NotRequired);
    assert_eq!(message, "every service is where it was with dep-1");
}

#[test]
fn the_class_is_that_of_everything_that_failed_but_an_external_service_that_is_not_named() {
    let case = |more: &str, policy: &str| {
        let failed = "{name: db, area: database, state: Failed, since: '12:05'}";
        let more = format!("{{name: more, state: Failed, since: '12:05:30', {more}}}");
        let checks = Checks::new(&format!("[{failed}, {more}]"));
        let goods = vec![good("api=dep-1", "11:00", &checks.digests())];
        let case = Case {
            checks,
            goods,
            ..Case::new().policy(policy)
        };
        case.proposal().class
    };
    assert_eq!(case("area: external", ""), FailureClass::Database);
    let named = "trigger: {areas: [database, external]}";
    assert_eq!(case("area: external", named), FailureClass::Complete);
    assert_eq!(case("area: storage", ""), FailureClass::Complete);
    assert_eq!(
        case("area: storage, severity: warning", ""),
        FailureClass::Database
    );
}

#[test]
fn approval_is_asked_for_by_mode_and_by_class() {
    let asks = |policy: &str| Case::new().policy(policy).proposal().approval_required;
    assert!(asks("mode: Manual"));
    assert!(asks("approval: {required: [application]}"));
    assert!(!asks("approval: {required: [database]}"));
}

#[test]
fn a_dry_run_says_exactly_what_would_be_done() {
    let case = || Case::new().policy("mode: DryRun");
    assert_eq!(
        case().nothing(),
        (
            Reason::DryRun,
            "would roll back api dep-2 -> dep-1: dep-2 failed, which was not so with dep-1: health \
             (status 503, expected 200-299)"
                .to_owned()
        )
    );
    let approval = case().policy("{mode: DryRun, approval: {required: [application]}}");
    let (_, message) = approval.nothing();
    assert!(message.starts_with("would roll back api dep-2 -> dep-1 once it is approved: "));
    let none = Case {
        goods: Vec::new(),
        ..case()
    };
    let (reason, message) = none.nothing();
    assert_eq!(reason, Reason::DryRun);
    assert!(
        message.starts_with("would not: NoKnownGood: no release"),
        "{message}"
    );
    let frozen = Case {
        frozen_until: Some(at("13:00")),
        ..case()
    };
    let (until, reason, message) = frozen.wait();
    assert_eq!((until, reason), (Some(at("13:00")), Reason::DryRun));
    assert!(
        message.starts_with("would not: CoolingOff: guard.freeze"),
        "{message}"
    );
}

#[test]
fn a_dry_run_changes_nothing_of_what_is_said_while_nothing_has_failed() {
    let passing = Case {
        health: Health::Passing,
        checks: Checks::new("[{name: health}]"),
        ..Case::new().policy("mode: DryRun")
    };
    assert_eq!(passing.nothing().0, Reason::NotRequired);
    let verified = brought_back("Verified").policy("mode: DryRun");
    assert_eq!(verified.nothing().0, Reason::RollbackVerified);
}

#[test]
fn a_message_is_one_line_of_at_most_512_bytes() {
    let long = "é".repeat(400);
    let checks =
        format!("[{{name: health, state: Failed, message: \"{long}\\n\", since: '12:05'}}]");
    let checks = Checks::new(&checks);
    let goods = vec![good("api=dep-1", "11:00", &checks.digests())];
    let case = Case {
        checks,
        goods,
        ..Case::new()
    };
    let reason = case.proposal().reason;
    assert!(
        reason.len() <= 512 && reason.len() > 500,
        "{}",
        reason.len()
    );
    let (_, message) = case.policy("mode: DryRun").nothing();
    assert!(message.len() <= 512 && !message.contains('\n'));
}

#[test]
fn the_same_facts_give_the_same_words_at_any_time() {
    let held: [fn() -> Case; 4] = [
        || Case::new().policy("trigger: {window: 3m}"),
        || Case {
            brake: Some(braked()),
            ..Case::new()
        },
        || Case::new().record(other_failure(1, "{state: Verified, finishedAt: '12:00'}")),
        || Case {
            spent: vec![at("11:50"); 3],
            ..Case::new()
        },
    ];
    for case in held {
        assert_eq!(case().decide(), case().at("12:07").decide());
    }
}
