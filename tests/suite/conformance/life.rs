//! One validation's life: runs come in, statuses come out.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use plumbline::{
    api::{DeploymentValidationSpec, DeploymentValidationStatus, HistoryLimits, Reason},
    checks::{
        board::{Board, Outcome},
        net::{Network, NetworkSettings},
        schema::LiveSchema,
        suite::Suite,
        verdict::{Finding, FindingReason},
    },
    controllers::validation::{Facts, Latest, Observed, Outlook, Terms, compute, standing, suite},
    monitor::{SeenRelease, Snapshot},
    platforms::{LiveDeploy, PlatformError, Release},
    rollback::{CheckDigests, Decision},
};
use serde_json::{Value, json};

/// What the validation declares.
pub fn spec() -> Value {
    json!({
        "target": {"render": {
            "apiKeySecretRef": {"name": "render", "key": "apiKey"},
            "services": [{"name": "api"}],
        }},
        "rollbackPolicyRef": {"name": "shop"},
        "checks": [{
            "name": "health", "failureThreshold": 2, "successThreshold": 1,
            "tcp": {"host": "api.example.com", "port": 443},
        }],
    })
}

/// The life.
pub struct Life {
    pub suite: Arc<Suite>,
    pub board: Board,
    pub release: SeenRelease,
    pub now: Timestamp,
    pub status: DeploymentValidationStatus,
}

/// What a status is made of, beside the life so far.
#[derive(Default)]
pub struct Moment<'a> {
    pub decision: Option<Decision>,
    pub latest: Latest<'a>,
    pub trouble: Option<PlatformError>,
    pub stale: bool,
}

impl Life {
    pub fn new() -> Self {
        // Another test of this process may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let spec: DeploymentValidationSpec = serde_json::from_value(spec()).unwrap();
        let network = Network::new(&NetworkSettings::default(), Vec::new()).unwrap();
        let suite = Arc::new(suite(&spec, &BTreeMap::new(), &network, None).unwrap());
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        Self {
            board: Board::new(&suite, now),
            suite,
            release: seen("dep-1", now),
            now,
            status: DeploymentValidationStatus::default(),
        }
    }

    /// One that was validated.
    pub fn validated() -> Self {
        let mut life = Self::new();
        life.write(Moment::default());
        life.run(&Finding::pass("connected"))
            .write(Moment::default());
        life
    }

    /// One whose second release has failed.
    pub fn failed() -> Self {
        let mut life = Self::validated();
        life.ship("dep-2").write(Moment::default());
        life.run(&down()).run(&down());
        life
    }

    pub fn ship(&mut self, id: &str) -> &mut Self {
        self.now += SignedDuration::from_secs(30);
        self.release = seen(id, self.now);
        self.board = Board::new(&self.suite, self.now);
        self
    }

    pub fn run(&mut self, finding: &Finding) -> &mut Self {
        self.now += SignedDuration::from_secs(30);
        let outcome = Some(Outcome::Measured(finding.clone()));
        self.board.record(&self.suite, &[outcome], self.now);
        self
    }

    /// Writes a status as of this moment.
    pub fn write(&mut self, moment: Moment<'_>) -> DeploymentValidationStatus {
        let Moment {
            decision,
            latest,
            trouble,
            stale,
        } = moment;
        let decision = decision.unwrap_or_else(|| nothing(Reason::NotRequired));
        let health = self.board.health(&self.suite, None);
        let spec: DeploymentValidationSpec = serde_json::from_value(spec()).unwrap();
        let observed = Observed {
            snapshot: Arc::new(Snapshot {
                generation: 1,
                suite: self.suite.clone(),
                board: self.board.clone(),
                release: Some(self.release.clone()),
                trouble,
                stale,
                handled: None,
                confirm: false,
                schema: LiveSchema::default(),
                slow: Vec::new(),
            }),
            soak: spec.soak.get(),
            history: HistoryLimits::default(),
            outlook: Outlook {
                rejection: None,
                standing: standing(&decision, latest, &health),
                records: Vec::new(),
                digests: CheckDigests::of(&spec.checks),
                findings: None,
                next: None,
            },
        };
        self.write_facts(&Facts::Observed(Box::new(observed)))
    }

    pub fn write_facts(&mut self, facts: &Facts) -> DeploymentValidationStatus {
        let terms = Terms {
            name: "shop",
            uid: "uid-1",
            generation: 1,
            now: self.now,
            started: self.now,
            grace: Duration::from_mins(2),
        };
        (self.status, _) = compute(&self.status, facts, terms);
        self.status.clone()
    }
}

pub fn seen(id: &str, since: Timestamp) -> SeenRelease {
    SeenRelease {
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
    }
}

pub fn down() -> Finding {
    Finding::fail(
        FindingReason::ConnectionRefused,
        "api.example.com:443 refused the connection",
    )
}

pub fn nothing(reason: Reason) -> Decision {
    Decision::Nothing {
        reason,
        message: "as was decided".to_owned(),
    }
}

pub fn wait(reason: Reason) -> Decision {
    Decision::Wait {
        until: None,
        reason,
        message: "as was decided".to_owned(),
    }
}
