//! What status says, state by state, from minimal YAML through the real validation.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::{
    observe::Observed,
    status::{Facts, Terms, compute},
    validate,
};
use crate::{
    api::{
        Condition, ConditionStatus, ConditionType, DeploymentValidationSpec,
        DeploymentValidationStatus, HistoryVerdict, Reason,
    },
    checks::{
        board::{Board, Outcome},
        net::{Network, NetworkSettings},
        suite::Suite,
        verdict::{Finding, FindingReason},
    },
    controllers::outcome::{NextLook, Rejection, Remedy},
    kubernetes::conditions::find,
    monitor::{SeenRelease, Snapshot},
    platforms::{LiveDeploy, Release},
};

const SPEC: &str = r"
target: {external: {}}
soak: 1m
checks:
  - {name: health, area: api, failureThreshold: 2, successThreshold: 1, http: {url: 'http://example.com/health'}}
  - {name: queue, area: worker, failureThreshold: 2, tcp: {host: example.com, port: 5672}}
  - {name: banner, area: api, severity: warning, failureThreshold: 1, tcp: {host: example.com, port: 81}}
";

/// One validation's life: runs come in, statuses come out.
struct Life {
    suite: Arc<Suite>,
    board: Board,
    release: (&'static str, Timestamp),
    stale: bool,
    status: DeploymentValidationStatus,
    next: NextLook,
    now: Timestamp,
}

impl Life {
    fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let spec: DeploymentValidationSpec = serde_yaml::from_str(SPEC).unwrap();
        let network = Network::new(&NetworkSettings::default(), Vec::new()).unwrap();
        let suite = Arc::new(validate::suite(&spec, &BTreeMap::new(), &network).unwrap());
        let now = Timestamp::from_second(1_000_000).unwrap();
        let board = Board::new(&suite, now);
        Self {
            suite,
            board,
            release: ("dep-1", now),
            stale: false,
            status: DeploymentValidationStatus::default(),
            next: NextLook::default(),
            now,
        }
    }

    fn later(&mut self, seconds: i64) -> &mut Self {
        self.now += SignedDuration::from_secs(seconds);
        self
    }

    /// A run in which every check passes but those of `findings`.
    fn run(&mut self, findings: &[(&str, Finding)]) -> &mut Self {
        self.later(1);
        let outcome = |name: &str| {
            let finding = findings.iter().find(|(of, _)| *of == name);
            Outcome::Measured(
                finding.map_or_else(|| Finding::pass("ok"), |(_, finding)| finding.clone()),
            )
        };
        let outcomes: Vec<_> = self
            .suite
            .checks()
            .iter()
            .map(|check| Some(outcome(&check.name)))
            .collect();
        self.board.record(&self.suite, &outcomes, self.now);
        self
    }

    fn release(&mut self, id: &'static str) -> &mut Self {
        self.later(1);
        self.release = (id, self.now);
        self.board = Board::new(&self.suite, self.now);
        self
    }

    fn write(&mut self) -> &mut Self {
        let (id, since) = self.release;
        let release = Some(SeenRelease {
            release: Release {
                id: id.to_owned(),
                services: vec![LiveDeploy {
                    name: "api".to_owned(),
                    deploy_id: id.to_owned(),
                    version: None,
                    live_since: None,
                }],
            },
            since,
        });
        let observed = Observed {
            snapshot: Some(Arc::new(Snapshot {
                generation: 1,
                suite: self.suite.clone(),
                board: self.board.clone(),
                release,
                trouble: None,
                stale: self.stale,
                handled: None,
            })),
            soak: Duration::from_mins(1),
            history: crate::api::HistoryLimits::default(),
        };
        self.write_facts(&Facts::Observed(observed))
    }

    fn write_facts(&mut self, facts: &Facts) -> &mut Self {
        let terms = Terms {
            generation: 1,
            now: self.now,
            grace: Duration::from_mins(2),
        };
        (self.status, self.next) = compute(&self.status, facts, terms);
        self
    }

    fn condition(&self, type_: ConditionType) -> Option<(ConditionStatus, Reason)> {
        find(&self.status.conditions, type_).map(|condition| (condition.status, condition.reason))
    }

    fn message(&self, type_: ConditionType) -> &str {
        find(&self.status.conditions, type_).map_or("", |condition| &condition.message)
    }
}

fn down() -> Finding {
    Finding::fail(
        FindingReason::UnexpectedStatus,
        "status 503, expected 200-299",
    )
}

use ConditionStatus::{False, True, Unknown};

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
