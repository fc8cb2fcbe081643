//! From what was found to the finding of the check: pure.

use crate::{
    api::{SecurityCode, SecuritySeverity},
    checks::{
        net::Target,
        verdict::{Finding, FindingReason, MAX_MESSAGE_BYTES, Verdict},
    },
};

/// What a rule has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Weakness {
    pub(super) code: SecurityCode,
    /// More about it in a few words, which hold nothing that the target has sent.
    pub(super) detail: Option<String>,
}

impl Weakness {
    pub(super) fn new(code: SecurityCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: Some(detail.into()),
        }
    }
}

impl From<SecurityCode> for Weakness {
    fn from(code: SecurityCode) -> Self {
        Self { code, detail: None }
    }
}

/// What the author of the check puts up with.
#[derive(Clone, Debug)]
pub(super) struct Tolerance {
    pub(super) ignored: Vec<SecurityCode>,
    /// The least severity that fails the check.
    pub(super) least: SecuritySeverity,
}

impl Tolerance {
    /// Whether one of these matters.
    pub(super) fn looks_for(&self, codes: &[SecurityCode]) -> bool {
        codes.iter().any(|code| !self.ignored.contains(code))
    }

    fn counts(&self, code: SecurityCode) -> bool {
        code.severity() >= self.least
    }
}

/// What all rules together have found.
#[derive(Debug, Default)]
pub(super) struct Report {
    weaknesses: Vec<Weakness>,
    /// Why something could not be told: the first of all that could not.
    untold: Option<Finding>,
}

impl Report {
    /// What one look has found, or why it cannot tell.
    pub(super) fn take(&mut self, found: Result<Vec<Weakness>, Finding>) {
        match found {
            Ok(weaknesses) => self.add_all(weaknesses),
            Err(finding) => {
                self.untold.get_or_insert(finding);
            }
        }
    }

    pub(super) fn add_all(&mut self, weaknesses: impl IntoIterator<Item = Weakness>) {
        for weakness in weaknesses {
            if self.weaknesses.iter().all(|it| it.code != weakness.code) {
                self.weaknesses.push(weakness);
            }
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.add_all(other.weaknesses);
        if let Some(finding) = other.untold {
            self.take(Err(finding));
        }
    }
}

/// A look that ended with `finding` instead of an answer. What would be the target's failure otherwise is no data here: the page
/// itself was answered.
pub(super) fn cannot_tell(what: &str, finding: &Finding) -> Finding {
    let reason = match finding.verdict {
        Verdict::Fail => FindingReason::NoData,
        Verdict::Unknown | Verdict::Pass => finding.reason,
    };
    Finding::unknown(reason, format!("cannot tell {what}: {}", finding.message))
}

/// The finding of the check.
pub(super) fn judge(report: Report, tolerance: &Tolerance, target: &Target) -> Finding {
    let Report {
        mut weaknesses,
        untold,
    } = report;
    weaknesses.retain(|it| !tolerance.ignored.contains(&it.code));
    weaknesses.sort_by_key(|it| (std::cmp::Reverse(it.code.severity()), it.code));
    let (counted, lesser): (Vec<_>, Vec<_>) = weaknesses
        .into_iter()
        .partition(|it| tolerance.counts(it.code));
    if let Some(worst) = counted.first() {
        return Finding::fail(reason(worst.code), words(&counted, target));
    }
    if let Some(finding) = untold {
        return finding;
    }
    let least = tolerance.least;
    Finding::pass(if lesser.is_empty() {
        format!("nothing was found at {target}")
    } else {
        format!(
            "nothing of severity {least:?} or above was found at {target}; below it: {}",
            listed(&lesser)
        )
    })
}

/// All of the codes, and as much of the advice as there is room for.
fn words(weaknesses: &[Weakness], target: &Target) -> String {
    let mut words = format!("{} at {target}", listed(weaknesses));
    for (place, weakness) in weaknesses.iter().enumerate() {
        let sign = if place == 0 { ": " } else { "; " };
        let advice = weakness.code.advice();
        if words.len() + sign.len() + advice.len() > MAX_MESSAGE_BYTES {
            break;
        }
        words.push_str(sign);
        words.push_str(advice);
    }
    words
}

fn listed(weaknesses: &[Weakness]) -> String {
    let shown = weaknesses.iter().map(|Weakness { code, detail }| {
        let code = code.as_str();
        detail
            .as_ref()
            .map_or_else(|| code.to_owned(), |detail| format!("{code} ({detail})"))
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// The word for what is wrong with the target.
const fn reason(code: SecurityCode) -> FindingReason {
    match code {
        SecurityCode::OldTlsAccepted
        | SecurityCode::CertificateOutOfDate
        | SecurityCode::CertificateWrongHost
        | SecurityCode::CertificateNotTrusted => FindingReason::TlsFailed,
        SecurityCode::PathExposed | SecurityCode::MixedContent => FindingReason::UnexpectedBody,
        SecurityCode::HttpsRedirectMissing => FindingReason::UnexpectedStatus,
        SecurityCode::RedirectsToPlainHttp | SecurityCode::RedirectsToOtherHost => {
            FindingReason::RedirectRefused
        }
        SecurityCode::CorsCredentialsForAnyOrigin
        | SecurityCode::CorsReflectsOrigin
        | SecurityCode::HstsMissing
        | SecurityCode::HstsTooShort
        | SecurityCode::CookieNotSecure
        | SecurityCode::CookieNotHttpOnly
        | SecurityCode::CookieWithoutSameSite
        | SecurityCode::FramingAllowed
        | SecurityCode::ContentSecurityPolicyMissing
        | SecurityCode::ContentTypeOptionsMissing
        | SecurityCode::ReferrerPolicyMissing
        | SecurityCode::VersionShown => FindingReason::UnexpectedHeader,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(
        found: &[SecurityCode],
        untold: bool,
        ignored: &[SecurityCode],
        least: SecuritySeverity,
    ) -> Finding {
        let mut report = Report::default();
        if untold {
            report.take(Err(Finding::unknown(FindingReason::NoData, "no data")));
        }
        report.take(Ok(found.iter().map(|code| (*code).into()).collect()));
        let tolerance = Tolerance {
            ignored: ignored.to_vec(),
            least,
        };
        judge(report, &tolerance, &Target::new("a.example", 443).unwrap())
    }

    #[test]
    fn nothing_found_passes_only_when_all_could_be_told() {
        let finding = judged(&[], false, &[], SecuritySeverity::Low);
        assert_eq!(finding, Finding::pass("nothing was found at a.example:443"));
        let finding = judged(&[], true, &[], SecuritySeverity::Low);
        assert_eq!(finding.verdict, Verdict::Unknown);
        // What was found is certain, whatever else there may be.
        let found = [SecurityCode::HstsMissing];
        let finding = judged(&found, true, &[], SecuritySeverity::Low);
        assert_eq!(finding.verdict, Verdict::Fail);
    }

    #[test]
    fn a_look_without_an_answer_is_unknown() {
        let silent = Finding::fail(FindingReason::TimedOut, "a timed out");
        let finding = cannot_tell("x", &silent);
        let expected = Finding::unknown(FindingReason::NoData, "cannot tell x: a timed out");
        assert_eq!(finding, expected);
        let denied = Finding::unknown(FindingReason::TargetNotAllowed, "denied");
        let finding = cannot_tell("x", &denied);
        assert_eq!(finding.reason, FindingReason::TargetNotAllowed);
    }

    #[test]
    fn the_worst_gives_the_reason_and_every_code_is_named_with_its_advice() {
        let found = [SecurityCode::VersionShown, SecurityCode::OldTlsAccepted];
        let finding = judged(&found, false, &[], SecuritySeverity::Low);
        assert_eq!(finding.reason, FindingReason::TlsFailed);
        assert_eq!(
            finding.message,
            "OldTlsAccepted, VersionShown at a.example:443: \
             offer TLS from the floor on alone, 1.2 and 1.3; leave versions out of Server and X-Powered-By"
        );
    }

    #[test]
    fn what_is_ignored_or_of_less_severity_does_not_fail_the_check() {
        let found = [SecurityCode::HstsMissing, SecurityCode::VersionShown];
        let ignored = [SecurityCode::HstsMissing];
        let finding = judged(&found, false, &ignored, SecuritySeverity::Medium);
        assert_eq!(
            finding,
            Finding::pass(
                "nothing of severity Medium or above was found at a.example:443; below it: VersionShown"
            )
        );
        let finding = judged(&found, false, &ignored, SecuritySeverity::Low);
        assert_eq!(finding.verdict, Verdict::Fail);
        let finding = judged(&found, false, &[], SecuritySeverity::Medium);
        assert!(finding.message.starts_with("HstsMissing at"), "{finding:?}");
    }

    #[test]
    fn every_code_at_once_is_named_within_the_bound_of_a_message() {
        let finding = judged(SecurityCode::ALL, false, &[], SecuritySeverity::Low);
        for code in SecurityCode::ALL {
            assert!(finding.message.contains(code.as_str()), "{finding:?}");
        }
        let short = SecurityCode::ALL
            .iter()
            .all(|code| code.advice().len() < 70);
        assert!(short, "advice has to fit beside the codes");
    }
}
