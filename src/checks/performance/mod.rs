//! The `performance` check: one request, a number of times.

mod judgement;
mod sampling;
pub(super) mod statistics;

use std::fmt;

use futures::future::BoxFuture;
use tokio::time::Instant;

use self::{judgement::Limits, sampling::Sampler};
use super::{
    compile::Secrets,
    http::{RequestTemplate, StatusRanges},
    invalid::InvalidCheck,
    net::{Session, Target},
    suite::Probe,
    verdict::Measurement,
};
use crate::api::PerformanceCheck;

/// Sends a request many times, and judges latency, errors and throughput.
pub struct PerformanceProbe {
    sampler: Sampler,
    limits: Limits,
}

impl PerformanceProbe {
    /// Compiles the check. No error shows a secret.
    pub fn new(check: &PerformanceCheck, secrets: Secrets<'_>) -> Result<Self, InvalidCheck> {
        for (field, value, least, most) in [
            ("samples", check.samples, 5, 200),
            ("concurrency", check.concurrency.into(), 1, 8),
            ("warmup", check.warmup.into(), 0, 50),
        ] {
            if !(least..=most).contains(&value) {
                let problem = format!("is not between {least} and {most}");
                return Err(InvalidCheck::new(format!("performance.{field}"), problem));
            }
        }
        let of_this_kind = |InvalidCheck { field, problem }: InvalidCheck| {
            let within = field.trim_start_matches("http.");
            let within = within.trim_start_matches("expect.");
            InvalidCheck::new(format!("performance.{within}"), problem)
        };
        Ok(Self {
            sampler: Sampler {
                request: RequestTemplate::new(&check.request(), secrets).map_err(of_this_kind)?,
                statuses: StatusRanges::new(&check.status).map_err(of_this_kind)?,
                samples: check.samples.into(),
                concurrency: check.concurrency.into(),
                warmup: check.warmup.into(),
                timeout: check.sample_timeout.get(),
            },
            limits: Limits::new(check)?,
        })
    }

    async fn run(&self, session: &Session, deadline: Instant) -> Measurement {
        let observation = self.sampler.observe(session, deadline).await;
        let phases = observation.typical_phases();
        Measurement::of(self.limits.judge(&observation), phases)
    }
}

impl Probe for PerformanceProbe {
    fn measure<'a>(
        &'a self,
        session: &'a Session,
        deadline: Instant,
    ) -> BoxFuture<'a, Measurement> {
        Box::pin(self.run(session, deadline))
    }

    fn targets(&self) -> Vec<&Target> {
        vec![self.sampler.request.target()]
    }
}

impl fmt::Debug for PerformanceProbe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PerformanceProbe")
            .field("host", &self.host())
            .finish_non_exhaustive()
    }
}
