//! The rules, each on the smallest board that can show it.

mod bottleneck;
mod properties;

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

use super::*;
use crate::{
    api::{ErrorPattern, RootCause, Severity, Stage},
    checks::{
        net::{Session, Target},
        scripted::SECOND,
        suite::{Probe, UnorderedCheck},
        verdict::Measurement,
    },
};

/// A probe that only has a host.
#[derive(Debug)]
struct At(String);

impl Probe for At {
    fn measure<'a>(&'a self, _: &'a Session, _: Instant) -> BoxFuture<'a, Measurement> {
        unreachable!("nothing is measured")
    }

    fn host(&self) -> &str {
        &self.0
    }

    fn targets(&self) -> Vec<&Target> {
        Vec::new()
    }
}

/// One check, and what is known of it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    name: String,
    area: Area,
    severity: Severity,
    depends_on: Vec<String>,
    host: String,
    state: CheckState,
    reason: FindingReason,
    failures: u8,
    since: i64,
}

/// A critical check of area api at a host of its own that passes since the beginning.
pub(super) fn row(name: &str) -> Row {
    Row {
        name: name.to_owned(),
        area: Area::Api,
        severity: Severity::Critical,
        depends_on: Vec::new(),
        host: format!("{name}.example.com:443"),
        state: CheckState::Passing,
        reason: FindingReason::Passed,
        failures: 0,
        since: 0,
    }
}

impl Row {
    fn area(mut self, area: Area) -> Self {
        self.area = area;
        self
    }

    fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    fn after(mut self, names: &[&str]) -> Self {
        self.depends_on = names.iter().map(|&name| name.to_owned()).collect();
        self
    }

    fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    fn is(mut self, state: CheckState, reason: FindingReason) -> Self {
        (self.state, self.reason) = (state, reason);
        self.failures = if state == CheckState::Failed { 3 } else { 0 };
        self
    }

    fn failed(self) -> Self {
        self.is(CheckState::Failed, FindingReason::UnexpectedStatus)
    }

    fn skipped(self) -> Self {
        self.is(CheckState::Skipped, FindingReason::DependencyFailed)
    }

    fn since(mut self, second: i64) -> Self {
        self.since = second;
        self
    }

    fn unordered(&self) -> UnorderedCheck {
        UnorderedCheck {
            depends_on: self.depends_on.clone(),
            check: Check {
                name: self.name.as_str().into(),
                area: self.area,
                stage: Stage::Application,
                severity: self.severity,
                depends_on: Vec::new(),
                interval: 30 * SECOND,
                timeout: Duration::from_millis(1),
                retries: 0,
                failure_threshold: 3,
                success_threshold: 1,
                probe: Arc::new(At(self.host.clone())),
            },
        }
    }

    fn status(&self) -> CheckStatus {
        CheckStatus {
            name: self.name.clone(),
            area: self.area,
            stage: Stage::Application,
            state: self.state,
            failures: self.failures,
            successes: 0,
            inconclusive: 0,
            reason: self.reason.to_string(),
            message: String::new(),
            since: Timestamp::from_second(self.since).unwrap(),
        }
    }
}

pub(super) fn board(rows: &[Row]) -> (Suite, Board) {
    let checks = rows.iter().map(Row::unordered).collect();
    let suite = Suite::new(checks, 60 * SECOND).unwrap();
    let known: Vec<CheckStatus> = rows.iter().map(Row::status).collect();
    let board = Board::restore(&suite, &known, Timestamp::UNIX_EPOCH);
    (suite, board)
}

pub(super) fn health(rows: &[Row]) -> SystemHealth {
    let (suite, board) = board(rows);
    derive(&suite, &board, &[], None)
}

fn causes(rows: &[Row]) -> Vec<(String, Vec<String>)> {
    let told = |cause: RootCause| (cause.check, cause.explains);
    health(rows).root_causes.into_iter().map(told).collect()
}

fn cause(check: &str, explains: &[&str]) -> (String, Vec<String>) {
    let explains = explains.iter().map(|&name| name.to_owned()).collect();
    (check.to_owned(), explains)
}

#[test]
fn an_area_is_as_its_worst_check_is() {
    use CheckState::{Failed, Failing, Passing, Skipped, Unknown};
    use FindingReason::{DependencyFailed, Passed, Pending, ResolverFailed, UnexpectedStatus};
    let table = [
        (
            vec![(Passing, Passed), (Passing, Passed)],
            AreaState::Passing,
        ),
        (
            vec![(Passing, Passed), (Failing, UnexpectedStatus)],
            AreaState::Failing,
        ),
        (
            vec![(Failing, UnexpectedStatus), (Unknown, Pending)],
            AreaState::Pending,
        ),
        (
            vec![(Unknown, Pending), (Skipped, DependencyFailed)],
            AreaState::Skipped,
        ),
        (
            vec![(Skipped, DependencyFailed), (Unknown, ResolverFailed)],
            AreaState::Unknown,
        ),
        (
            vec![(Unknown, ResolverFailed), (Failed, UnexpectedStatus)],
            AreaState::Failed,
        ),
    ];
    for (states, expected) in table {
        let rows: Vec<Row> = states
            .iter()
            .enumerate()
            .map(|(number, &(state, reason))| row(&format!("c{number}")).is(state, reason))
            .collect();
        let areas = health(&rows).areas;
        assert_eq!(areas.len(), 1);
        assert_eq!(areas[0].state, expected, "{states:?}");
    }
}

#[test]
fn an_area_counts_its_checks_by_state_and_one_without_checks_is_not_there() {
    let areas = health(&[
        row("a").area(Area::Worker),
        row("b").area(Area::Worker).failed(),
        row("c").area(Area::Worker).warning().skipped(),
        row("d")
            .area(Area::Database)
            .is(CheckState::Unknown, FindingReason::Pending),
    ])
    .areas;
    let blank = AreaHealth {
        area: Area::Database,
        state: AreaState::Pending,
        checks: 1,
        passing: 0,
        failing: 0,
        failed: 0,
        unknown: 1,
        skipped: 0,
    };
    let worker = AreaHealth {
        area: Area::Worker,
        state: AreaState::Failed,
        checks: 3,
        passing: 1,
        failed: 1,
        unknown: 0,
        skipped: 1,
        ..blank
    };
    assert_eq!(areas, [blank, worker]);
}

#[test]
fn a_root_cause_explains_what_depends_on_it_also_through_others() {
    let found = causes(&[
        row("database").failed(),
        row("api").after(&["database"]).skipped(),
        row("checkout").after(&["api"]).skipped(),
        row("assets"),
    ]);
    assert_eq!(found, [cause("database", &["api", "checkout"])]);
}

#[test]
fn a_failed_check_behind_a_failed_one_is_explained_by_it() {
    let found = causes(&[
        row("database").is(CheckState::Unknown, FindingReason::ResolverFailed),
        row("api").after(&["database"]).failed(),
    ]);
    assert_eq!(found, [cause("database", &["api"])]);
}

#[test]
fn a_check_that_passes_hands_nothing_on() {
    let found = causes(&[
        row("database").failed(),
        row("api").after(&["database"]),
        row("checkout").after(&["api"]).failed(),
    ]);
    assert_eq!(found, [cause("checkout", &[]), cause("database", &[])]);
}

#[test]
fn a_check_behind_two_root_causes_is_explained_by_both() {
    let found = causes(&[
        row("database").failed(),
        row("queue").failed(),
        row("worker").after(&["database", "queue"]).skipped(),
    ]);
    assert_eq!(
        found,
        [cause("database", &["worker"]), cause("queue", &["worker"])]
    );
}

#[test]
fn critical_root_causes_come_first_and_then_those_that_explain_the_most() {
    let found = causes(&[
        row("banner").warning().failed(),
        row("a").after(&["banner"]).skipped(),
        row("b").after(&["banner"]).skipped(),
        row("mail").failed(),
        row("database").failed(),
        row("api").after(&["database"]).skipped(),
    ]);
    let order: Vec<&str> = found.iter().map(|(check, _)| check.as_str()).collect();
    assert_eq!(order, ["database", "mail", "banner"]);
}

#[test]
fn what_is_below_its_threshold_pending_or_skipped_for_nothing_is_no_root_cause() {
    let found = health(&[
        row("a").is(CheckState::Failing, FindingReason::UnexpectedStatus),
        row("b").is(CheckState::Unknown, FindingReason::Pending),
        // Its cause has just recovered.
        row("c").after(&["d"]).skipped(),
        row("d"),
    ]);
    assert_eq!((found.root_causes, found.patterns), (vec![], vec![]));
}

#[test]
fn patterns_are_counted_by_reason_and_skipped_checks_have_none() {
    let refused = FindingReason::ConnectionRefused;
    let found = health(&[
        row("a").failed(),
        row("b")
            .is(CheckState::Failed, refused)
            .host("one.example.com:80"),
        row("c")
            .is(CheckState::Unknown, refused)
            .host("one.example.com:443")
            .area(Area::Worker),
        row("d").after(&["a"]).skipped(),
    ]);
    let pattern = |reason: FindingReason, checks, hosts, areas: &[Area]| ErrorPattern {
        reason: reason.to_string(),
        checks,
        hosts,
        areas: areas.to_vec(),
    };
    let expected = [
        pattern(refused, 2, 1, &[Area::Api, Area::Worker]),
        pattern(FindingReason::UnexpectedStatus, 1, 1, &[Area::Api]),
    ];
    assert_eq!(found.patterns, expected);
}

/// How many of how many targets are told to fail.
fn systemic(rows: &[Row]) -> Option<(u8, u8)> {
    health(rows).systemic.map(|it| (it.failing, it.targets))
}

#[test]
fn many_unrelated_targets_that_fail_at_once_are_systemic() {
    let failed = |name: &str| row(name).failed().since(100);
    let rows = [failed("a"), failed("b"), failed("c"), failed("d"), row("e")];
    let told = health(&rows).systemic.unwrap();
    assert_eq!((told.failing, told.targets), (4, 5));
    assert_eq!(
        told.message,
        "4 of 5 independent targets turned bad within 5m, 3 and more than half are enough: an environment fault is \
         likelier than the release"
    );
}

#[test]
fn fewer_than_three_or_no_more_than_half_of_the_targets_are_not_systemic() {
    let failed = |name: &str| row(name).failed();
    assert_eq!(systemic(&[failed("a"), failed("b")]), None);
    let three = [failed("a"), failed("b"), failed("c")];
    assert_eq!(systemic(&three), Some((3, 3)));
    let three_of_six = [three.to_vec(), vec![row("d"), row("e"), row("f")]].concat();
    assert_eq!(systemic(&three_of_six), None);
    let three_of_five = [three.to_vec(), vec![row("d"), row("e")]].concat();
    assert_eq!(systemic(&three_of_five), Some((3, 5)));
}

#[test]
fn checks_of_one_host_or_with_a_dependency_between_them_are_one_target() {
    let failed = |name: &str| row(name).failed();
    let one_host = ["a", "b", "c"].map(|name| failed(name).host("shop.example.com:443"));
    assert_eq!(systemic(&one_host), None);
    let ports = [("a", 80), ("b", 81), ("c", 82)]
        .map(|(name, port)| failed(name).host(&format!("shop.example.com:{port}")));
    assert_eq!(systemic(&ports), None);
    // The first two hosts are joined by the third check alone.
    let joined = [
        failed("a"),
        failed("b"),
        row("c").host("a.example.com:80").after(&["b"]),
        failed("d"),
        failed("e"),
    ];
    assert_eq!(systemic(&joined), Some((3, 3)));
    assert_eq!(systemic(&joined[..4]), None);
}

#[test]
fn targets_that_failed_at_different_times_are_not_systemic() {
    let failed = |name: &str, since| row(name).failed().since(since);
    let apart = [failed("a", 0), failed("b", 200), failed("c", 301)];
    assert_eq!(systemic(&apart), None);
    let near = [failed("a", 0), failed("b", 200), failed("c", 300)];
    assert_eq!(systemic(&near), Some((3, 3)));
}

#[test]
fn a_check_that_is_below_its_threshold_is_not_counted_as_systemic() {
    let mut rows = ["a", "b", "c"].map(|name| row(name).failed());
    assert_eq!(systemic(&rows), Some((3, 3)));
    rows[0] = row("a").is(CheckState::Unknown, FindingReason::UnexpectedStatus);
    rows[0].failures = 1;
    assert_eq!(systemic(&rows), None);
    assert_eq!(
        health(&rows).root_causes.len(),
        3,
        "it is shown all the same"
    );
}
