//! The `tcp` check: a connection must come to stand.

use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::Instant;

use super::{
    invalid::InvalidCheck,
    net::{Session, Target, progress::Progress},
    suite::Probe,
    verdict::{Finding, FindingReason, Measurement, readable},
};
use crate::api;

/// Connects, and closes the connection.
#[derive(Clone, Debug)]
pub struct TcpProbe {
    target: Target,
    max_latency: Option<api::Duration>,
}

impl TcpProbe {
    /// Compiles the check.
    pub fn new(check: &api::TcpCheck) -> Result<Self, InvalidCheck> {
        if check.port == 0 {
            return Err(InvalidCheck::new("tcp.port", "is 0"));
        }
        Ok(Self {
            target: Target::new(&check.host, check.port)
                .map_err(|error| InvalidCheck::new("tcp.host", error.to_string()))?,
            max_latency: check.max_latency,
        })
    }

    async fn run(&self, session: &Session, deadline: Instant) -> Measurement {
        let progress = Progress::until(deadline);
        let outcome = session
            .network()
            .dialer()
            .connect(&self.target, &progress)
            .await;
        let finding = match outcome {
            Ok(_stream) => judge(self.max_latency, progress.started().elapsed()),
            Err(error) => error.finding(),
        };
        Measurement::of(finding, progress.phases())
    }
}

fn judge(max_latency: Option<api::Duration>, elapsed: Duration) -> Finding {
    match max_latency {
        Some(longest) if elapsed > longest.get() => Finding::fail(
            FindingReason::TooSlow,
            format!("connected in {}, over {longest}", readable(elapsed)),
        ),
        _ => Finding::pass("connected"),
    }
}

impl Probe for TcpProbe {
    fn measure<'a>(
        &'a self,
        session: &'a Session,
        deadline: Instant,
    ) -> BoxFuture<'a, Measurement> {
        Box::pin(self.run(session, deadline))
    }

    fn targets(&self) -> Vec<&Target> {
        vec![&self.target]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_over_its_latency_is_too_slow() {
        let longest = Some(api::Duration::from_secs(1));
        let slow = judge(longest, Duration::from_millis(1840));
        assert_eq!(slow.reason, FindingReason::TooSlow);
        assert_eq!(slow.message, "connected in 1.84s, over 1s");
        assert_eq!(
            judge(longest, Duration::from_secs(1)).reason,
            FindingReason::Passed
        );
    }

    #[test]
    fn a_check_without_a_host_is_refused() {
        for (host, port) in [("a b", 1), ("", 1), ("example.com", 0)] {
            let check = api::TcpCheck {
                host: host.to_owned(),
                port,
                max_latency: None,
            };
            assert!(TcpProbe::new(&check).is_err(), "{host}:{port}");
        }
    }
}
