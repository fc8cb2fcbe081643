//! Sending the requests.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures::future::join_all;
use tokio::time::Instant;

use super::statistics::Sample;
use crate::checks::{
    http::{RequestTemplate, StatusRanges, Terms, exchange},
    net::Session,
    verdict::{Finding, FindingReason, Phases},
};

/// What is sent, how often, and which answers are good.
pub(super) struct Sampler {
    pub(super) request: RequestTemplate,
    pub(super) statuses: StatusRanges,
    pub(super) samples: usize,
    pub(super) concurrency: usize,
    pub(super) warmup: usize,
    pub(super) timeout: Duration,
}

/// What came of one request.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// A good answer.
    Answered(Sample),
    /// None, or another; what a check says of it. It counts against the target when that is a failure.
    Failed(Finding),
    /// The time of the check was up before that of the request. It says nothing, unless there is nothing else.
    CutOff(Finding),
}

/// What came of all that count, in the order in which they were sent.
#[derive(Clone, Debug)]
pub(super) struct Observation {
    pub(super) outcomes: Vec<Outcome>,
    /// From the first that counts to the end.
    pub(super) elapsed: Duration,
    /// What went wrong first before any counted.
    pub(super) before: Option<Finding>,
}

impl Sampler {
    /// Sends until all have been sent, or the deadline is there.
    pub(super) async fn observe(&self, session: &Session, deadline: Instant) -> Observation {
        // One connection each: over one session they would share them, and connect more often than they have to.
        let connections: Vec<Session> = (0..self.concurrency)
            .map(|_| session.network().session())
            .collect();
        let before = self.send(&connections, self.warmup, deadline).await;
        let began = Instant::now();
        let outcomes = self.send(&connections, self.samples, deadline).await;
        Observation {
            outcomes,
            elapsed: began.elapsed(),
            before: before.into_iter().find_map(|outcome| match outcome {
                Outcome::Answered(_) => None,
                Outcome::Failed(finding) | Outcome::CutOff(finding) => Some(finding),
            }),
        }
    }

    async fn send(&self, connections: &[Session], count: usize, deadline: Instant) -> Vec<Outcome> {
        // The first of each connection is its own, so that warming up reaches every connection.
        let next = AtomicUsize::new(connections.len());
        let next = &next;
        let senders = connections
            .iter()
            .enumerate()
            .map(async |(first, session)| {
                let mut outcomes = Vec::new();
                let mut place = first;
                while place < count && Instant::now() < deadline {
                    outcomes.push((place, self.sample(session, deadline).await));
                    place = next.fetch_add(1, Ordering::Relaxed);
                }
                outcomes
            });
        let mut outcomes: Vec<_> = join_all(senders).await.into_iter().flatten().collect();
        outcomes.sort_by_key(|(place, _)| *place);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    async fn sample(&self, session: &Session, deadline: Instant) -> Outcome {
        let until = deadline.min(Instant::now() + self.timeout);
        let mut phases = Phases::default();
        match exchange(session, &self.request, Terms::TIME, until, &mut phases).await {
            Ok(answer) if self.statuses.contain(answer.status) => Outcome::Answered(Sample {
                latency: answer.elapsed,
                phases: answer.phases,
            }),
            Ok(answer) => Outcome::Failed(self.unexpected(answer.status)),
            Err(finding) if until == deadline && Instant::now() >= deadline => {
                Outcome::CutOff(finding)
            }
            Err(finding) => Outcome::Failed(finding),
        }
    }

    fn unexpected(&self, status: u16) -> Finding {
        let target = self.request.target();
        if self.request.carries_secrets() && [401, 403].contains(&status) {
            return Finding::unknown(
                FindingReason::CredentialsRefused,
                format!("status {status}: {target} refuses the check's credentials"),
            );
        }
        let statuses = &self.statuses;
        Finding::fail(
            FindingReason::UnexpectedStatus,
            format!("{target} answers with status {status}, expected {statuses}"),
        )
    }
}
