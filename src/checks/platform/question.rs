//! What all checks that ask a platform have in common: of which services, since when, and what an error amounts to.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};

use crate::{
    checks::{
        compile::Platform,
        invalid::InvalidCheck,
        verdict::{Finding, FindingReason, Verdict},
    },
    platforms::{PlatformError, PlatformView, Refusal},
};

const LONGEST_WINDOW: Duration = Duration::from_hours(24);

/// Whom to ask, and of which services.
#[derive(Debug)]
pub struct Question {
    /// What answers.
    pub view: Arc<dyn PlatformView>,
    /// Services of the target, by the names that it gives them.
    pub services: Vec<String>,
    /// What the limit per host counts: a name that no host has.
    pub host: String,
}

impl Question {
    /// The question of a check of this kind. `named` are its services, none for all of the target.
    pub fn new(named: &[String], platform: Platform<'_>, kind: &str) -> Result<Self, InvalidCheck> {
        let view = platform.ok_or_else(|| {
            InvalidCheck::new(
                kind,
                "needs a platform, which target.external does not name",
            )
        })?;
        let known = view.services();
        let astray = named.iter().find(|name| !known.contains(&name.as_str()));
        if let Some(name) = astray {
            let problem = format!("{name:?} is none of the target's services");
            return Err(InvalidCheck::new(format!("{kind}.services"), problem));
        }
        let services: Vec<String> = if named.is_empty() {
            known.iter().map(|&name| name.to_owned()).collect()
        } else {
            named.to_vec()
        };
        Ok(Self {
            host: format!("platform of {}", known.join(", ")),
            view: Arc::clone(view),
            services,
        })
    }
}

/// A window of time that can be looked back on.
pub fn window(window: Duration, field: &str) -> Result<Duration, InvalidCheck> {
    if (Duration::from_mins(1)..=LONGEST_WINDOW).contains(&window) {
        return Ok(window);
    }
    Err(InvalidCheck::new(field, "is not between 1m and 24h"))
}

/// From when on something counts: a release does not answer for what an earlier one did.
#[must_use]
pub fn since(now: Timestamp, window: Duration, live_since: Option<Timestamp>) -> Timestamp {
    let window = SignedDuration::try_from(window).unwrap_or(SignedDuration::MAX);
    let start = now.saturating_sub(window).unwrap_or(Timestamp::UNIX_EPOCH);
    live_since.map_or(start, |live| start.max(live.min(now)))
}

/// What decides of several services: a wrong one, then one that could not be told.
#[must_use]
pub fn worst(findings: Vec<Finding>, passed: String) -> Finding {
    let rank = |finding: &Finding| match finding.verdict {
        Verdict::Fail => 0,
        Verdict::Unknown => 1,
        Verdict::Pass => 2,
    };
    match findings.into_iter().min_by_key(rank) {
        Some(finding) if finding.verdict != Verdict::Pass => finding,
        Some(_) => Finding::pass(passed),
        None => Finding::unknown(FindingReason::NoData, "the target has no services"),
    }
}

/// What a check says when the platform did not tell: never that the service is at fault.
#[must_use]
pub fn judge_error(service: &str, error: &PlatformError) -> Finding {
    let reason = match (error.refusal(), error) {
        (Some(Refusal::CredentialsRejected), _) => FindingReason::CredentialsRefused,
        (Some(_), _) | (None, PlatformError::NoLiveDeploy(_)) => FindingReason::NoData,
        (None, _) => FindingReason::PlatformUnavailable,
    };
    Finding::unknown(reason, format!("service {service}: {error}"))
}

/// What a check says when its time ran out.
#[must_use]
pub fn late(service: &str) -> Finding {
    Finding::unknown(
        FindingReason::PlatformUnavailable,
        format!("service {service}: the platform did not tell within the timeout"),
    )
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::platforms::{Attempt, Outage};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn trouble_of_the_platform_is_never_a_failure() {
        let attempt = || Attempt::new("GET /services", "api");
        for (error, reason) in [
            (
                PlatformError::CredentialsRejected(attempt()),
                FindingReason::CredentialsRefused,
            ),
            (
                PlatformError::PaymentRequired(attempt()),
                FindingReason::CredentialsRefused,
            ),
            (
                PlatformError::ServiceNotFound(attempt()),
                FindingReason::NoData,
            ),
            (
                PlatformError::NoLiveDeploy(attempt()),
                FindingReason::NoData,
            ),
            (
                PlatformError::RateLimited {
                    attempt: attempt(),
                    until: Instant::now(),
                },
                FindingReason::PlatformUnavailable,
            ),
            (
                PlatformError::Unavailable {
                    attempt: attempt(),
                    source: Outage::Status(503),
                },
                FindingReason::PlatformUnavailable,
            ),
        ] {
            let finding = judge_error("api", &error);
            assert_eq!(
                (finding.verdict, finding.reason),
                (Verdict::Unknown, reason)
            );
        }
        assert_eq!(late("api").verdict, Verdict::Unknown);
    }

    #[test]
    fn a_release_does_not_answer_for_an_earlier_one() {
        let now = at("2026-03-01T12:00:00Z");
        let window = Duration::from_mins(10);
        for (live, expected) in [
            (None, "2026-03-01T11:50:00Z"),
            (Some("2026-03-01T09:00:00Z"), "2026-03-01T11:50:00Z"),
            (Some("2026-03-01T11:58:00Z"), "2026-03-01T11:58:00Z"),
            (Some("2026-03-01T12:00:09Z"), "2026-03-01T12:00:00Z"),
        ] {
            assert_eq!(since(now, window, live.map(at)), at(expected), "{live:?}");
        }
    }

    #[test]
    fn a_failing_service_decides_before_an_unknown_one_and_none_is_no_pass() {
        let fail = || Finding::fail(FindingReason::UnexpectedValue, "wrong");
        let pass = || Finding::pass("right");
        let all = worst(vec![pass(), late("a"), fail()], "all".to_owned());
        assert_eq!(all.verdict, Verdict::Fail);
        let some = worst(vec![pass(), late("a")], "all".to_owned());
        assert_eq!(some.verdict, Verdict::Unknown);
        assert_eq!(worst(vec![pass()], "all".to_owned()).message, "all");
        assert_eq!(
            worst(Vec::new(), "all".to_owned()).verdict,
            Verdict::Unknown
        );
    }
}
