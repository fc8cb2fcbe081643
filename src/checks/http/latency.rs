//! How long an answer may take.

use crate::{
    api::{Duration, HttpPhaseLimits},
    checks::verdict::{Phases, readable},
};

/// The longest time of an answer, and of its phases.
#[derive(Debug)]
pub(super) struct LatencyLimits {
    total: Option<Duration>,
    phases: HttpPhaseLimits,
}

impl LatencyLimits {
    pub(super) fn new(total: Option<Duration>, phases: Option<HttpPhaseLimits>) -> Self {
        Self {
            total,
            phases: phases.unwrap_or_default(),
        }
    }

    /// Whether the end of the body has to be seen.
    pub(super) fn time_the_body(&self) -> bool {
        self.total.is_some() || self.phases.body.is_some()
    }

    /// What took too long, in words: value and threshold.
    pub(super) fn faults(&self, elapsed: std::time::Duration, phases: &Phases) -> Vec<String> {
        let HttpPhaseLimits {
            dns,
            connect,
            tls,
            first_byte,
            body,
        } = self.phases;
        [
            ("answered", self.total, Some(elapsed)),
            ("resolved the name", dns, phases.dns),
            ("connected", connect, phases.connect),
            ("agreed on TLS", tls, phases.tls),
            ("sent the first byte", first_byte, phases.first_byte),
            ("sent the body", body, phases.body),
        ]
        .into_iter()
        .filter_map(|(what, longest, taken)| {
            let (longest, taken) = (longest?, taken?);
            (taken > longest.get())
                .then(|| format!("{what} in {}, over {longest}", readable(taken)))
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_phase_has_a_limit_of_its_own_and_one_that_did_not_happen_is_within_it() {
        let limits: HttpPhaseLimits =
            serde_yaml::from_str("{dns: 1ms, connect: 2ms, tls: 3ms, firstByte: 4ms, body: 5ms}")
                .unwrap();
        let limits = LatencyLimits::new(None, Some(limits));
        let whole = Duration::from_mins(1);
        assert!(limits.faults(whole, &Phases::default()).is_empty());
        let at = |millis| Some(Duration::from_millis(millis));
        let phases = Phases {
            dns: at(1),
            connect: at(2),
            tls: at(3),
            first_byte: at(4),
            body: at(5),
            ..Phases::default()
        };
        assert!(limits.faults(whole, &phases).is_empty());
        let phases = Phases {
            dns: at(2),
            connect: at(3),
            tls: at(4),
            first_byte: at(5),
            body: at(6),
            ..Phases::default()
        };
        assert_eq!(
            limits.faults(whole, &phases),
            [
                "resolved the name in 2ms, over 1ms",
                "connected in 3ms, over 2ms",
                "agreed on TLS in 4ms, over 3ms",
                "sent the first byte in 5ms, over 4ms",
                "sent the body in 6ms, over 5ms",
            ]
        );
    }
}
