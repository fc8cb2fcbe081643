//! A call with its tries, within its deadline.

use std::{fmt, time::Duration};

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use tokio::{
    sync::Semaphore,
    time::{self, Instant},
};

use super::{
    budget::{Budget, Leave},
    exchange::{self, Failure},
    retry::{self, MAX_TRIES, Next},
    wire::{Item, Page},
};
use crate::platforms::{
    Attempt, BaseUrl, MalformedReply, Outage, PlatformError, PlatformMetrics, RenderSettings,
};

pub(super) const PLATFORM: &str = "render";

/// How many calls with one key are under way at a time.
const MAX_CONCURRENT_CALLS: usize = 4;

/// How many calls for logs a minute Render allows, until an answer tells.
const LOG_CALLS: u32 = 30;

/// The most pages of a list that are read.
const MAX_PAGES: usize = 5;

/// The longest cursor that is sent back.
const MAX_CURSOR_BYTES: usize = 1024;

/// A route that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    ListServices,
    GetService,
    ListDeploys,
    GetDeploy,
    ListInstances,
    ListEvents,
    ListLogs,
}

impl Route {
    /// Method and template, as messages, logs and metrics name it.
    pub(super) const fn template(self) -> &'static str {
        match self {
            Self::ListServices => "GET /services",
            Self::GetService => "GET /services/{serviceId}",
            Self::ListDeploys => "GET /services/{serviceId}/deploys",
            Self::GetDeploy => "GET /services/{serviceId}/deploys/{deployId}",
            Self::ListInstances => "GET /services/{serviceId}/instances",
            Self::ListEvents => "GET /services/{serviceId}/events",
            Self::ListLogs => "GET /logs",
        }
    }

    const fn names_service(self) -> bool {
        match self {
            Self::ListServices => false,
            Self::GetService
            | Self::ListDeploys
            | Self::GetDeploy
            | Self::ListInstances
            | Self::ListEvents
            | Self::ListLogs => true,
        }
    }
}

/// A call, before it is made.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) route: Route,
    /// The path below the base, by its segments.
    pub(super) path: &'a [&'a str],
    pub(super) query: &'a [(&'a str, &'a str)],
    /// The service, as messages name it.
    pub(super) service: &'a str,
}

impl Call<'_> {
    pub(super) fn attempt(&self) -> Attempt {
        Attempt::new(self.route.template(), self.service)
    }

    pub(super) fn malformed(&self, source: MalformedReply) -> PlatformError {
        PlatformError::Malformed {
            attempt: self.attempt(),
            source,
        }
    }

    fn unavailable(&self, source: Outage) -> PlatformError {
        PlatformError::Unavailable {
            attempt: self.attempt(),
            source,
        }
    }

    fn rate_limited(&self, until: Instant) -> PlatformError {
        PlatformError::RateLimited {
            attempt: self.attempt(),
            until,
        }
    }

    fn failed(&self, failure: Failure) -> PlatformError {
        let attempt = self.attempt();
        let Failure::Status { status, .. } = failure else {
            return failure.error(attempt);
        };
        match status {
            401 | 403 => PlatformError::CredentialsRejected(attempt),
            402 => PlatformError::PaymentRequired(attempt),
            // Elsewhere it says that the base URL is wrong, and nothing about a service.
            404 | 410 if self.route.names_service() => PlatformError::ServiceNotFound(attempt),
            _ => failure.error(attempt),
        }
    }
}

/// Speaks to Render with one API key.
pub(super) struct Client {
    http: reqwest::Client,
    base: BaseUrl,
    authorization: Option<HeaderValue>,
    timeout: Duration,
    reads: Budget,
    /// Render counts calls for logs by themselves.
    logs: Budget,
    permits: Semaphore,
    metrics: PlatformMetrics,
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Client({})", self.base)
    }
}

impl Client {
    pub(super) fn new(
        settings: &RenderSettings,
        http: reqwest::Client,
        api_key: &SecretString,
        metrics: PlatformMetrics,
    ) -> Self {
        Self {
            http,
            base: settings.url.clone(),
            authorization: authorization(api_key.expose_secret()),
            timeout: settings.timeout.get(),
            reads: Budget::default(),
            logs: Budget::assuming(LOG_CALLS),
            permits: Semaphore::new(MAX_CONCURRENT_CALLS),
            metrics,
        }
    }

    /// When a reading that starts now has to be over.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// Every item of a list. A list that goes on for too many pages is an error, since what was sought may be on the next
    /// one.
    pub(super) async fn list<T: Item + DeserializeOwned>(
        &self,
        call: &Call<'_>,
        page_length: usize,
        deadline: Instant,
    ) -> Result<Vec<T>, PlatformError> {
        self.list_until(call, page_length, deadline, |_| false)
            .await
    }

    /// The items of a list, page by page until its end, or until those so far are enough.
    pub(super) async fn list_until<T: Item + DeserializeOwned>(
        &self,
        call: &Call<'_>,
        page_length: usize,
        deadline: Instant,
        enough: impl Fn(&[T]) -> bool,
    ) -> Result<Vec<T>, PlatformError> {
        let limit = page_length.to_string();
        let mut items: Vec<T> = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let mut query = call.query.to_vec();
            query.push(("limit", &limit));
            query.extend(cursor.iter().map(|cursor| ("cursor", cursor.as_str())));
            let page_call = Call {
                query: &query,
                ..*call
            };
            let Page(page) = self.get(&page_call, deadline).await?;
            let is_last = page.len() < page_length;
            items.extend(page);
            if is_last || enough(&items) {
                return Ok(items);
            }
            let next = items.last().and_then(Item::cursor);
            let next = next.filter(|next| (1..=MAX_CURSOR_BYTES).contains(&next.len()));
            let missing = || call.malformed(MalformedReply::Missing("the cursor of a full page"));
            cursor = Some(next.ok_or_else(missing)?.to_owned());
        }
        Err(call.malformed(MalformedReply::Endless(MAX_PAGES)))
    }

    /// The answer to a call that only reads, with as many tries as the deadline and [`MAX_TRIES`] allow.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
        deadline: Instant,
    ) -> Result<T, PlatformError> {
        let Some(authorization) = &self.authorization else {
            return Err(PlatformError::CredentialsRejected(call.attempt()));
        };
        let mut tries = 0;
        loop {
            tries += 1;
            let failure = match self.attempt(call, authorization, deadline).await? {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let is_last = tries == MAX_TRIES;
            match retry::next(&failure, tries, rand::random()) {
                Next::PauseAll(pause) => {
                    let until = Instant::now() + pause;
                    self.budget(call.route).pause_until(until);
                    if is_last {
                        return Err(call.rate_limited(until));
                    }
                }
                Next::RetryAfter(wait) if !is_last && Instant::now() + wait < deadline => {
                    time::sleep(wait).await;
                }
                Next::RetryAfter(_) | Next::GiveUp => return Err(call.failed(failure)),
            }
        }
    }

    /// One try. The outer error means that the call was not made.
    async fn attempt<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
        authorization: &HeaderValue,
        deadline: Instant,
    ) -> Result<Result<T, Failure>, PlatformError> {
        let permit = time::timeout_at(deadline, self.permits.acquire()).await;
        let Ok(Ok(_permit)) = permit else {
            self.count(call, "crowded_out");
            return Err(call.unavailable(Outage::Crowded));
        };
        let leave = self
            .budget(call.route)
            .leave(deadline)
            .await
            .map_err(|until| {
                self.count(call, "held_back");
                call.rate_limited(until)
            })?;
        // Half of the time, so that a try which hangs leaves room for another.
        let timeout = deadline.min(Instant::now() + self.timeout / 2);
        let result = time::timeout_at(timeout, self.exchange(call, authorization, leave))
            .await
            .unwrap_or(Err(Failure::TimedOut));
        self.count(
            call,
            result.as_ref().map_or_else(Failure::outcome, |_| "ok"),
        );
        Ok(result)
    }

    async fn exchange<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
        authorization: &HeaderValue,
        leave: Leave<'_>,
    ) -> Result<T, Failure> {
        let mut url = self.base.join(call.path.iter().copied());
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query);
        }
        let (head, response) = exchange::send(self.http.get(url), authorization).await?;
        leave.answered(head.allowance);
        tracing::debug!(
            http.route = call.route.template(),
            http.status_code = head.status,
            render.request_id = head.request_id,
            "Render answered"
        );
        if let Some(allowance) = head.allowance
            && call.route != Route::ListLogs
        {
            let share = f64::from(allowance.remaining) / f64::from(allowance.limit);
            self.metrics.budget_remaining(PLATFORM, share);
        }
        if head.status != 200 {
            return Err(head.failure());
        }
        Ok(serde_json::from_slice(&exchange::body(response).await?)?)
    }

    fn budget(&self, route: Route) -> &Budget {
        match route {
            Route::ListLogs => &self.logs,
            _ => &self.reads,
        }
    }

    fn count(&self, call: &Call<'_>, outcome: &'static str) {
        self.metrics.call(PLATFORM, call.route.template(), outcome);
    }
}

/// The header for a key; `None` for one that no header can hold, and that can be no key of Render's.
pub(super) fn authorization(api_key: &str) -> Option<HeaderValue> {
    if api_key.is_empty() {
        return None;
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {api_key}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}
