//! What a platform must say of a service, and the judgement on it: pure.

use crate::{
    api::PlatformCheck,
    checks::{
        invalid::InvalidCheck,
        verdict::{Finding, FindingReason},
    },
    platforms::{Crash, PlatformError},
};

/// The fewest digits by which a commit is known.
const SHORTEST_COMMIT: usize = 7;

/// What must hold for each service.
#[derive(Clone, Debug, Default)]
pub(super) struct Expectation {
    version: Option<String>,
    pub(super) min_instances: Option<u8>,
    pub(super) max_crashes: Option<u8>,
}

impl Expectation {
    pub(super) fn new(check: &PlatformCheck) -> Result<Self, InvalidCheck> {
        let invalid = |field: &str, problem: &str| {
            Err(InvalidCheck::new(format!("platform.{field}"), problem))
        };
        if let Some(version) = &check.version {
            let is_word = version.bytes().all(|byte| byte.is_ascii_graphic());
            if !is_word || !(SHORTEST_COMMIT..=256).contains(&version.len()) {
                return invalid("version", "is no word of 7 to 256 characters");
            }
        }
        if check
            .min_instances
            .is_some_and(|it| !(1..=100).contains(&it))
        {
            return invalid("minInstances", "is not between 1 and 100");
        }
        if check.max_crashes.is_some_and(|it| it > 100) {
            return invalid("maxCrashes", "is more than 100");
        }
        if check.window.is_some() && check.max_crashes.is_none() {
            return invalid("window", "needs maxCrashes");
        }
        Ok(Self {
            version: check.version.clone(),
            min_instances: check.min_instances,
            max_crashes: check.max_crashes,
        })
    }
}

/// What the platform says of a service.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    /// Why it is suspended. Nothing else is known of one that is.
    pub(super) suspended: Option<String>,
    /// What its live deploy was built from.
    pub(super) version: Option<String>,
    /// How many instances run, when that matters.
    pub(super) instances: Option<usize>,
    /// The crashes within the window.
    pub(super) crashes: Vec<Crash>,
}

pub(super) fn judge(service: &str, state: &State, expectation: &Expectation) -> Finding {
    let wrong = |message| Finding::fail(FindingReason::UnexpectedValue, message);
    if let Some(by) = &state.suspended {
        return wrong(format!("service {service} is suspended ({by})"));
    }
    if let Some(expected) = &expectation.version {
        match &state.version {
            Some(version) if is_version(version, expected) => {}
            Some(version) => {
                return wrong(format!(
                    "service {service} runs {version}, expected {expected}"
                ));
            }
            None => {
                return Finding::unknown(
                    FindingReason::NoData,
                    format!("service {service}: the platform does not tell what runs"),
                );
            }
        }
    }
    if let (Some(least), Some(instances)) = (expectation.min_instances, state.instances)
        && instances < usize::from(least)
    {
        return wrong(format!(
            "service {service} has {instances} instances, expected at least {least}"
        ));
    }
    match expectation.max_crashes {
        Some(most) if state.crashes.len() > usize::from(most) => {
            wrong(crashed(service, &state.crashes, most))
        }
        _ => Finding::pass(format!("service {service} runs as expected")),
    }
}

fn crashed(service: &str, crashes: &[Crash], most: u8) -> String {
    let out_of_memory = crashes.iter().filter(|crash| crash.out_of_memory).count();
    let count = crashes.len();
    format!(
        "service {service} crashed {count} times, {out_of_memory} of them out of memory, expected at most {most}"
    )
}

/// What is said of a service that is not there, or of which nothing is live.
pub(super) fn judge_missing(service: &str, error: &PlatformError) -> Finding {
    let what = match error {
        PlatformError::ServiceNotFound(_) => "does not exist",
        _ => "has no live deploy",
    };
    Finding::fail(
        FindingReason::UnexpectedValue,
        format!("service {service} {what}"),
    )
}

/// Whether what runs is what was expected: the same, or a commit that begins so.
fn is_version(version: &str, expected: &str) -> bool {
    let is_hexadecimal = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let begins = version.get(..expected.len());
    version == expected
        || (is_hexadecimal(version)
            && is_hexadecimal(expected)
            && begins.is_some_and(|begins| begins.eq_ignore_ascii_case(expected)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::verdict::Verdict;

    fn said(state: &State, expectation: &Expectation) -> (Verdict, String) {
        let finding = judge("api", state, expectation);
        (finding.verdict, finding.message)
    }

    fn running(version: &str) -> State {
        State {
            version: Some(version.to_owned()),
            ..State::default()
        }
    }

    fn expecting(version: &str) -> Expectation {
        Expectation {
            version: Some(version.to_owned()),
            ..Expectation::default()
        }
    }

    #[test]
    fn a_suspended_service_fails_whatever_else_is_expected() {
        let state = State {
            suspended: Some("billing".to_owned()),
            ..State::default()
        };
        let (verdict, message) = said(&state, &expecting("4f1c2ab"));
        assert_eq!(verdict, Verdict::Fail);
        assert_eq!(message, "service api is suspended (billing)");
    }

    #[test]
    fn a_commit_is_known_by_its_beginning_and_an_image_by_its_whole_name() {
        let commit = "4f1c2ab09d4f1c2ab09d4f1c2ab09d4f1c2ab09d";
        for (version, expected, verdict) in [
            (commit, commit, Verdict::Pass),
            (commit, "4f1c2ab", Verdict::Pass),
            (commit, "4F1C2AB", Verdict::Pass),
            (commit, "5f1c2ab", Verdict::Fail),
            ("4f1c2ab", commit, Verdict::Fail),
            ("registry/app:1", "registry/app:1", Verdict::Pass),
            ("registry/app:10", "registry/app:1", Verdict::Fail),
        ] {
            let (said, _) = said(&running(version), &expecting(expected));
            assert_eq!(said, verdict, "{version} {expected}");
        }
        let (unknown, _) = said(&State::default(), &expecting(commit));
        assert_eq!(unknown, Verdict::Unknown);
    }

    #[test]
    fn the_instances_must_be_as_many_as_asked() {
        let expectation = Expectation {
            min_instances: Some(2),
            ..Expectation::default()
        };
        for (instances, verdict) in [(0, Verdict::Fail), (1, Verdict::Fail), (2, Verdict::Pass)] {
            let state = State {
                instances: Some(instances),
                ..State::default()
            };
            assert_eq!(said(&state, &expectation).0, verdict, "{instances}");
        }
    }

    #[test]
    fn more_crashes_than_allowed_fail_and_memory_is_named() {
        let crash = |out_of_memory| Crash {
            at: jiff::Timestamp::UNIX_EPOCH,
            out_of_memory,
        };
        let state = State {
            crashes: vec![crash(true), crash(false)],
            ..State::default()
        };
        let at_most = |most| Expectation {
            max_crashes: Some(most),
            ..Expectation::default()
        };
        assert_eq!(said(&state, &at_most(2)).0, Verdict::Pass);
        let (verdict, message) = said(&state, &at_most(1));
        assert_eq!(verdict, Verdict::Fail);
        assert_eq!(
            message,
            "service api crashed 2 times, 1 of them out of memory, expected at most 1"
        );
    }
}
