use super::*;
use crate::checks::scripted::{QUICK, Script};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn pass() -> Finding {
    Finding::pass("status 200")
}

fn fail() -> Finding {
    Finding::fail(
        FindingReason::UnexpectedStatus,
        "status 503, expected 200-299",
    )
}

fn untold() -> Finding {
    Finding::unknown(FindingReason::ResolverFailed, "no answer")
}

/// The board of a single check after `findings`, one a second.
fn after(findings: &[Finding]) -> (Suite, Board) {
    let suite = Script::default().check("health", &[], &[QUICK]).suite();
    let mut board = Board::new(&suite, at(0));
    for (second, finding) in (1..).zip(findings) {
        board.record(
            &suite,
            &[Some(Outcome::Measured(finding.clone()))],
            at(second),
        );
    }
    (suite, board)
}

#[test]
fn nothing_is_known_before_the_first_run() {
    let (suite, board) = after(&[]);
    assert_eq!(board.checks()[0].state, CheckState::Unknown);
    assert_eq!(board.health(&suite, None), Health::Running);
    assert_eq!(board.summary(), "0/1");
}

#[test]
fn one_pass_is_enough_for_a_check_that_has_not_failed() {
    let (suite, board) = after(&[pass()]);
    assert_eq!(board.checks()[0].state, CheckState::Passing);
    assert_eq!(board.health(&suite, None), Health::Passing);
}

#[test]
fn a_failure_below_the_threshold_takes_nothing_back() {
    let (suite, board) = after(&[pass(), fail(), fail()]);
    assert_eq!(board.checks()[0].state, CheckState::Failing);
    assert_eq!(board.checks()[0].failures, 2);
    assert_eq!(board.health(&suite, None), Health::Passing);
}

#[test]
fn the_threshold_counts_consecutive_failures_only() {
    let (suite, board) = after(&[pass(), fail(), fail(), pass(), fail(), fail()]);
    assert_eq!(board.checks()[0].state, CheckState::Failing);
    assert_eq!(board.health(&suite, None), Health::Passing);
    let (suite, board) = after(&[pass(), fail(), fail(), fail()]);
    assert_eq!(board.checks()[0].state, CheckState::Failed);
    assert_eq!(board.checks()[0].message, "status 503, expected 200-299");
    assert_eq!(board.health(&suite, None), Health::Failed);
}

#[test]
fn a_release_that_never_passed_is_unknown_until_the_threshold() {
    let (suite, board) = after(&[fail(), fail()]);
    assert_eq!(board.checks()[0].state, CheckState::Unknown);
    assert_eq!(board.health(&suite, None), Health::Running);
    let (suite, board) = after(&[fail(), fail(), fail()]);
    assert_eq!(board.health(&suite, None), Health::Failed);
}

#[test]
fn a_failed_check_recovers_after_as_many_passes_as_asked() {
    let (_, board) = after(&[fail(), fail(), fail(), pass()]);
    assert_eq!(board.checks()[0].state, CheckState::Failed);
    assert_eq!(board.checks()[0].successes, 1);
    let (_, board) = after(&[fail(), fail(), fail(), pass(), fail(), pass()]);
    assert_eq!(
        board.checks()[0].state,
        CheckState::Failed,
        "the passes must be consecutive"
    );
    let (_, board) = after(&[fail(), fail(), fail(), pass(), pass()]);
    assert_eq!(board.checks()[0].state, CheckState::Passing);
    assert_eq!(board.checks()[0].failures, 0);
}

#[test]
fn unknown_is_neither_a_pass_nor_a_failure() {
    let (suite, board) = after(&[untold()]);
    assert_eq!(board.health(&suite, None), Health::Running);
    let (suite, board) = after(&[pass(), untold(), untold()]);
    assert_eq!(board.checks()[0].state, CheckState::Passing);
    assert_eq!(board.health(&suite, None), Health::Passing);
    let (suite, board) = after(&[pass(), untold(), untold(), untold()]);
    assert_eq!(board.checks()[0].state, CheckState::Unknown);
    assert_eq!(board.health(&suite, None), Health::Inconclusive);
    let (_, board) = after(&[pass(), fail(), untold(), fail()]);
    assert_eq!(
        board.checks()[0].failures,
        2,
        "an unknown in between neither counts nor resets"
    );
}

#[test]
fn a_lost_failure_is_unknown_and_starts_to_count_anew() {
    let (suite, board) = after(&[fail(), fail(), fail(), untold(), untold(), untold()]);
    assert_eq!(board.health(&suite, None), Health::Inconclusive);
    assert_eq!(board.checks()[0].failures, 0);
}

#[test]
fn a_denied_address_is_known_at_once() {
    let denied = Finding::unknown(FindingReason::TargetNotAllowed, "127.0.0.1 is denied");
    let (_, board) = after(&[pass(), denied]);
    assert_eq!(board.checks()[0].state, CheckState::Unknown);
    assert_eq!(board.checks()[0].reason, "TargetNotAllowed");
}

#[test]
fn since_moves_with_the_state_alone() {
    let (_, board) = after(&[pass(), pass(), fail(), fail()]);
    assert_eq!(board.checks()[0].since, at(3));
}

#[test]
fn what_has_not_changed_keeps_its_words_so_that_nothing_is_written() {
    let slower = Finding::fail(FindingReason::UnexpectedStatus, "status 503 again, later");
    let (_, first) = after(&[fail(), fail(), fail()]);
    let (_, second) = after(&[fail(), fail(), fail(), slower]);
    assert_eq!(first, second);
}

#[test]
fn one_root_cause_shows_as_one() {
    let suite = Script::default()
        .check("report", &["database"], &[QUICK])
        .check("database", &[], &[QUICK])
        .suite();
    let mut board = Board::new(&suite, at(0));
    let skipped = Outcome::Skipped {
        cause: "database".to_owned(),
    };
    for second in 1..=3 {
        board.record(
            &suite,
            &[Some(Outcome::Measured(fail())), Some(skipped.clone())],
            at(second),
        );
    }
    let report = &board.checks()[1];
    assert_eq!(
        (report.name.as_str(), report.state),
        ("report", CheckState::Skipped)
    );
    assert_eq!(report.message, "database does not pass");
    assert_eq!(board.health(&suite, None), Health::Failed);
}

#[test]
fn a_dependent_keeps_its_state_while_the_cause_only_begins_to_fail() {
    let suite = Script::default()
        .check("database", &[], &[QUICK])
        .check("report", &["database"], &[QUICK])
        .suite();
    let mut board = Board::new(&suite, at(0));
    let passed = Some(Outcome::Measured(pass()));
    board.record(&suite, &[passed.clone(), passed], at(1));
    let skipped = Outcome::Skipped {
        cause: "database".to_owned(),
    };
    board.record(
        &suite,
        &[Some(Outcome::Measured(fail())), Some(skipped)],
        at(2),
    );
    assert_eq!(board.checks()[1].state, CheckState::Passing);
    assert_eq!(board.health(&suite, None), Health::Passing);
}

#[test]
fn a_warning_decides_nothing() {
    let suite = Script::default()
        .check("health", &[], &[QUICK])
        .check_with("nice-to-have", &[], &[QUICK], |check| {
            check.severity = Severity::Warning;
        })
        .suite();
    let mut board = Board::new(&suite, at(0));
    for second in 1..=3 {
        let outcomes = [
            Some(Outcome::Measured(pass())),
            Some(Outcome::Measured(fail())),
        ];
        board.record(&suite, &outcomes, at(second));
    }
    assert_eq!(board.health(&suite, None), Health::Passing);
    assert_eq!(board.summary(), "1/2");
}

#[test]
fn a_restart_resets_no_counter() {
    let findings = [pass(), fail(), fail()];
    let (suite, board) = after(&findings);
    let mut restored = Board::restore(&suite, board.checks(), at(100));
    assert_eq!(restored, board);
    restored.record(&suite, &[Some(Outcome::Measured(fail()))], at(101));
    assert_eq!(restored.checks()[0].state, CheckState::Failed);
}

#[test]
fn all_pass_since_the_last_of_them_came_to_pass() {
    let suite = Script::default()
        .check("database", &[], &[QUICK])
        .check("report", &[], &[QUICK])
        .suite();
    let mut board = Board::new(&suite, at(0));
    board.record(
        &suite,
        &[
            Some(Outcome::Measured(pass())),
            Some(Outcome::Measured(fail())),
        ],
        at(1),
    );
    assert_eq!(board.passing_since(&suite), None);
    board.record(
        &suite,
        &[
            Some(Outcome::Measured(pass())),
            Some(Outcome::Measured(pass())),
        ],
        at(2),
    );
    assert_eq!(board.passing_since(&suite), Some(at(2)));
    board.record(&suite, &[Some(Outcome::Measured(fail())), None], at(3));
    assert_eq!(board.passing_since(&suite), None, "a break ends the soak");
}

#[test]
fn a_check_is_confirmed_by_as_many_passes_in_a_row_as_its_threshold_says() {
    let confirmed = |findings: &[Finding]| {
        let (suite, board) = after(findings);
        assert_eq!(suite.checks()[0].success_threshold, 2);
        board.is_confirmed(&suite, 0)
    };
    assert!(!confirmed(&[]));
    assert!(!confirmed(&[pass()]));
    assert!(confirmed(&[pass(), pass()]));
    assert!(confirmed(&[pass(), pass(), pass()]));
    assert!(!confirmed(&[pass(), untold(), pass()]));
    assert!(!confirmed(&[pass(), pass(), fail()]));
}
