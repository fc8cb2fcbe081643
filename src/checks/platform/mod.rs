//! The `platform` check: what the platform of a target says of its services.

mod judgement;
pub mod question;

use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use self::{
    judgement::{Expectation, State, judge},
    question::{Question, judge_error, late, worst},
};
use super::{
    compile::Platform,
    invalid::InvalidCheck,
    net::{Session, Target},
    suite::Probe,
    verdict::{Finding, Measurement, Phases},
};
use crate::{api::PlatformCheck, platforms::PlatformError};

const DEFAULT_WINDOW: Duration = Duration::from_mins(10);

/// Asks the platform for its services, by the adapter that observes the release.
#[derive(Debug)]
pub struct PlatformProbe {
    question: Question,
    expectation: Expectation,
    window: Duration,
}

impl PlatformProbe {
    /// Compiles the check. A target without a platform is an error.
    pub fn new(check: &PlatformCheck, platform: Platform<'_>) -> Result<Self, InvalidCheck> {
        let window = check
            .window
            .map_or(DEFAULT_WINDOW, crate::api::Duration::get);
        Ok(Self {
            question: Question::new(&check.services, platform, "platform")?,
            expectation: Expectation::new(check)?,
            window: question::window(window, "platform.window")?,
        })
    }

    async fn run(&self, deadline: Instant) -> Measurement {
        let began = Instant::now();
        let services = self.question.services.iter();
        let findings = services.map(|service| self.ask_for(service, deadline));
        let findings = join_all(findings).await;
        let phases = Phases {
            query: Some(began.elapsed()),
            ..Phases::default()
        };
        let passed = match self.question.services.as_slice() {
            [only] => format!("service {only} runs as expected"),
            several => format!("{} services run as expected", several.len()),
        };
        Measurement::of(worst(findings, passed), phases)
    }

    async fn ask_for(&self, service: &str, deadline: Instant) -> Finding {
        let observed = self.observe(service, Timestamp::now());
        match timeout_at(deadline, observed).await {
            Ok(Ok(state)) => judge(service, &state, &self.expectation),
            // In this check, a service that is missing is what it measures.
            Ok(Err(
                error @ (PlatformError::ServiceNotFound(_) | PlatformError::NoLiveDeploy(_)),
            )) => judgement::judge_missing(service, &error),
            Ok(Err(error)) => judge_error(service, &error),
            Err(_) => late(service),
        }
    }

    /// One question after the other: what shows first that the service does not run spares the others.
    async fn observe(&self, service: &str, now: Timestamp) -> Result<State, PlatformError> {
        let view = &self.question.view;
        let suspended = view.circumstances(service).await?.suspended;
        if suspended.is_some() {
            return Ok(State {
                suspended,
                ..State::default()
            });
        }
        let live = view.live(service).await?;
        let mut state = State {
            version: live.version,
            ..State::default()
        };
        if self.expectation.min_instances.is_some() {
            state.instances = Some(view.instances(service).await?);
        }
        if let Some(most) = self.expectation.max_crashes {
            let since = question::since(now, self.window, live.live_since);
            state.crashes = view.crashes(service, since, most.into()).await?;
        }
        Ok(state)
    }
}

impl Probe for PlatformProbe {
    fn measure<'a>(&'a self, _: &'a Session, deadline: Instant) -> BoxFuture<'a, Measurement> {
        Box::pin(self.run(deadline))
    }

    fn host(&self) -> &str {
        &self.question.host
    }

    fn targets(&self) -> Vec<&Target> {
        // The platform is the administrator's choice, and not the check's.
        Vec::new()
    }
}
