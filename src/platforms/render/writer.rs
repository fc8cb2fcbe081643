//! A change: one request, sent once or not at all.

use std::{fmt, time::Duration};

use http::{HeaderValue, Method};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::{
    sync::Semaphore,
    time::{self, Instant},
};

use super::{
    bucket::{Bucket, Buckets},
    budget::Leave,
    client::{self, PLATFORM},
    exchange::{self, Failure},
    outcome,
};
use crate::platforms::{
    Attempt, BaseUrl, MutationError, Outage, PlatformError, PlatformMetrics, RefusedBecause,
    RenderSettings, Service,
};

/// How many changes with one key are under way at a time. Apart from the calls that read, so that those cannot hold a
/// rollback back.
const MAX_CONCURRENT_CHANGES: usize = 4;

/// A route that changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChangeRoute {
    UpdateService,
    RollBack,
    CreateDeploy,
}

impl ChangeRoute {
    /// Method and template, as messages, logs and metrics name it.
    const fn template(self) -> &'static str {
        match self {
            Self::UpdateService => "PATCH /services/{serviceId}",
            Self::RollBack => "POST /services/{serviceId}/rollback",
            Self::CreateDeploy => "POST /services/{serviceId}/deploys",
        }
    }

    const fn method(self) -> Method {
        match self {
            Self::UpdateService => Method::PATCH,
            Self::RollBack | Self::CreateDeploy => Method::POST,
        }
    }

    /// What follows the service in the path.
    const fn rest(self) -> &'static [&'static str] {
        match self {
            Self::UpdateService => &[],
            Self::RollBack => &["rollback"],
            Self::CreateDeploy => &["deploys"],
        }
    }
}

/// A change, before it is sent.
#[derive(Debug)]
pub(super) struct Change<'a> {
    pub(super) route: ChangeRoute,
    pub(super) service: &'a Service,
    pub(super) body: Value,
}

impl Change<'_> {
    pub(super) fn attempt(&self) -> Attempt {
        Attempt::new(self.route.template(), &self.service.label)
    }

    fn bucket(&self) -> Bucket<'_> {
        match self.route {
            ChangeRoute::UpdateService | ChangeRoute::CreateDeploy => Bucket::Deploys {
                service: &self.service.id,
            },
            // Which one it is counted with is not documented.
            ChangeRoute::RollBack => Bucket::Others,
        }
    }
}

/// The answer to a change that was taken: any 2xx.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Changes what is on Render, with one API key.
pub(super) struct Writer {
    http: reqwest::Client,
    base: BaseUrl,
    authorization: Option<HeaderValue>,
    timeout: Duration,
    buckets: Buckets,
    permits: Semaphore,
    metrics: PlatformMetrics,
}

impl fmt::Debug for Writer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Writer({})", self.base)
    }
}

impl Writer {
    pub(super) fn new(
        settings: &RenderSettings,
        http: reqwest::Client,
        api_key: &SecretString,
        metrics: PlatformMetrics,
    ) -> Self {
        Self {
            http,
            base: settings.url.clone(),
            authorization: client::authorization(api_key.expose_secret()),
            timeout: settings.timeout.get(),
            buckets: Buckets::default(),
            permits: Semaphore::new(MAX_CONCURRENT_CHANGES),
            metrics,
        }
    }

    /// Sends a change and gives the answer to it. Ends within the timeout. It waits for its turn for half of that time at
    /// most, so that there is time left for an answer once it is sent, and not beyond `begin_by`. There is no second try,
    /// whatever happens.
    pub(super) async fn send(
        &self,
        change: &Change<'_>,
        begin_by: Instant,
    ) -> Result<Reply, MutationError> {
        let result = self.send_once(change, begin_by).await;
        let outcome = result.as_ref().map_or_else(outcome_word, |_| "ok");
        self.metrics
            .call(PLATFORM, change.route.template(), outcome);
        result
    }

    async fn send_once(
        &self,
        change: &Change<'_>,
        begin_by: Instant,
    ) -> Result<Reply, MutationError> {
        let attempt = change.attempt();
        let Some(authorization) = &self.authorization else {
            let error = PlatformError::CredentialsRejected(attempt);
            return Err(MutationError::NotSent(error));
        };
        let now = Instant::now();
        let begin_by = begin_by.min(now + self.timeout / 2);
        let deadline = now + self.timeout;
        let permit = time::timeout_at(begin_by, self.permits.acquire()).await;
        let Ok(Ok(_permit)) = permit else {
            return Err(MutationError::NotSent(PlatformError::Unavailable {
                attempt,
                source: Outage::Crowded,
            }));
        };
        let budget = self.buckets.budget(change.bucket());
        let leave = match budget.leave(begin_by).await {
            Ok(leave) => leave,
            Err(until) => {
                let error = PlatformError::RateLimited { attempt, until };
                return Err(MutationError::NotSent(error));
            }
        };
        if Instant::now() > begin_by {
            // The process was held up: by now somebody else may take it for granted that nothing leaves any more.
            return Err(MutationError::NotSent(PlatformError::Unavailable {
                attempt,
                source: Outage::TimedOut,
            }));
        }
        let exchange = self.exchange(change, authorization, leave);
        let failure = match time::timeout_at(deadline, exchange).await {
            Ok(Ok(reply)) => return Ok(reply),
            Ok(Err(failure)) => failure,
            Err(_) => Failure::TimedOut,
        };
        let now = Instant::now();
        let error = outcome::of(failure, attempt, now);
        if let Some(wait) = rate_limited(&error) {
            budget.pause_until(now + wait);
        }
        Err(error)
    }

    async fn exchange(
        &self,
        change: &Change<'_>,
        authorization: &HeaderValue,
        leave: Leave<'_>,
    ) -> Result<Reply, Failure> {
        let path = ["services", change.service.id.as_str()];
        let url = self
            .base
            .join(path.iter().chain(change.route.rest()).copied());
        let request = self.http.request(change.route.method(), url);
        let request = request.json(&change.body);
        let (head, response) = exchange::send(request, authorization).await?;
        leave.answered(head.allowance);
        tracing::info!(
            http.route = change.route.template(),
            http.status_code = head.status,
            render.service_id = change.service.id,
            render.request_id = head.request_id,
            "Render answered a change"
        );
        if let Some(allowance) = head.allowance {
            let share = f64::from(allowance.remaining) / f64::from(allowance.limit);
            self.metrics.budget_remaining(PLATFORM, share);
        }
        // The body of a refusal is not read: the status says all that may be acted upon.
        if !(200..300).contains(&head.status) {
            return Err(head.failure());
        }
        Ok(Reply {
            status: head.status,
            body: exchange::body(response).await?,
        })
    }
}

/// How long the platform asked to wait.
fn rate_limited(error: &MutationError) -> Option<Duration> {
    match error {
        MutationError::Refused {
            refused: RefusedBecause::RateLimited { wait },
            ..
        } => Some(*wait),
        _ => None,
    }
}

/// The word that metrics have for a change that did not end well, of a closed set.
const fn outcome_word(error: &MutationError) -> &'static str {
    match error {
        MutationError::NotSent(PlatformError::RateLimited { .. }) => "held_back",
        MutationError::NotSent(PlatformError::Unavailable {
            source: Outage::Crowded,
            ..
        }) => "crowded_out",
        MutationError::NotSent(PlatformError::Unavailable { .. }) => "connection_failed",
        MutationError::NotSent(_) => "not_sent",
        MutationError::Refused { refused, .. } => match refused {
            RefusedBecause::Credentials | RefusedBecause::Payment => "rejected",
            RefusedBecause::Gone => "not_found",
            RefusedBecause::Busy => "busy",
            RefusedBecause::Invalid => "invalid",
            RefusedBecause::RateLimited { .. } => "rate_limited",
        },
        MutationError::Unknown(_) => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(base: &str) -> Writer {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let settings = RenderSettings {
            url: base.parse().unwrap(),
            ..RenderSettings::default()
        };
        let key = SecretString::from("rnd_test");
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Writer::new(&settings, http, &key, PlatformMetrics::default())
    }

    #[tokio::test]
    async fn a_process_that_was_held_up_sends_nothing_any_more() {
        let writer = writer("http://127.0.0.1:1/v1");
        let service = Service {
            id: "srv-1".to_owned(),
            label: "api (srv-1)".to_owned(),
            workspace: None,
        };
        let change = Change {
            route: ChangeRoute::RollBack,
            service: &service,
            body: Value::Null,
        };
        let now = Instant::now();
        let error = writer.send(&change, now - Duration::from_millis(1)).await;
        let held_up = matches!(
            error,
            Err(MutationError::NotSent(PlatformError::Unavailable {
                source: Outage::TimedOut,
                ..
            }))
        );
        assert!(held_up, "{error:?}");
        let error = writer.send(&change, now + Duration::from_secs(5)).await;
        let tried = matches!(
            error,
            Err(MutationError::NotSent(PlatformError::Unavailable {
                source: Outage::Connection(_),
                ..
            }))
        );
        assert!(tried, "{error:?}");
    }
}
