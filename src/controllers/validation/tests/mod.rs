//! What status says, state by state, from minimal YAML through the real validation.

mod conditions;
mod health;
mod past;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::{
    observe::Observed,
    rollback::{Bearing, Outlook, Standing},
    status::{Facts, compute},
    terms::Terms,
    validate,
};
use crate::{
    api::{
        Condition, ConditionStatus, ConditionType, DeploymentValidationSpec,
        DeploymentValidationStatus, HistoryVerdict, Reason,
    },
    checks::{
        board::{Board, Outcome},
        health::Slow,
        net::{Network, NetworkSettings},
        schema::LiveSchema,
        suite::Suite,
        verdict::{Finding, FindingReason},
    },
    controllers::outcome::{NextLook, Rejection, Remedy},
    kubernetes::conditions::find,
    monitor::{SeenRelease, Snapshot},
    platforms::{LiveDeploy, Release},
    rollback::CheckDigests,
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
    slow: Vec<Slow>,
    status: DeploymentValidationStatus,
    next: NextLook,
    now: Timestamp,
    outlook: Outlook,
}

impl Life {
    fn new() -> Self {
        Self::with_spec(SPEC)
    }

    fn with_spec(spec: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let spec: DeploymentValidationSpec = serde_yaml::from_str(spec).unwrap();
        let network = Network::new(&NetworkSettings::default(), Vec::new()).unwrap();
        let suite = Arc::new(validate::suite(&spec, &BTreeMap::new(), &network, None).unwrap());
        let now = Timestamp::from_second(1_000_000).unwrap();
        let board = Board::new(&suite, now);
        Self {
            suite,
            board,
            release: ("dep-1", now),
            stale: false,
            slow: Vec::new(),
            status: DeploymentValidationStatus::default(),
            next: NextLook::default(),
            now,
            outlook: Outlook {
                rejection: None,
                standing: Standing {
                    status: ConditionStatus::False,
                    reason: Reason::RollbackDisabled,
                    message: "no policy".to_owned(),
                    bearing: Bearing::NoneFollows(Reason::ChecksFailed),
                    summary: None,
                },
                records: Vec::new(),
                digests: CheckDigests::of(&spec.checks),
                findings: None,
                next: None,
            },
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
                    service_id: None,
                    deploy_id: id.to_owned(),
                    version: None,
                    live_since: None,
                }],
            },
            since,
        });
        let observed = Observed {
            snapshot: Arc::new(Snapshot {
                generation: 1,
                suite: self.suite.clone(),
                board: self.board.clone(),
                release,
                trouble: None,
                stale: self.stale,
                handled: None,
                confirm: false,
                schema: LiveSchema::default(),
                slow: self.slow.clone(),
            }),
            soak: Duration::from_mins(1),
            history: crate::api::HistoryLimits::default(),
            outlook: self.outlook.clone(),
        };
        self.write_facts(&Facts::Observed(Box::new(observed)))
    }

    fn write_facts(&mut self, facts: &Facts) -> &mut Self {
        let terms = Terms {
            name: "web",
            uid: "uid-1",
            generation: 1,
            now: self.now,
            started: self.now,
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
