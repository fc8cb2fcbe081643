//! What one measurement says: a verdict, its reason, and the words for it.

use std::{borrow::Cow, fmt, time::Duration};

use serde::Serialize;

use super::schema::SchemaFingerprint;
use crate::api::Phase;

/// The longest message of a finding, in bytes: fifty checks and their conditions fit into a status of 64 KiB.
pub const MAX_MESSAGE_BYTES: usize = 512;

/// What one execution of a check says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Verdict {
    /// A positive measurement: what was expected was seen.
    Pass,
    /// The target answered wrongly, or is certainly at fault.
    Fail,
    /// It could not be told. Never a pass, and never a reason to roll back.
    Unknown,
}

/// Why a check has its verdict: the word in `status.checks[].reason`, a closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum FindingReason {
    /// Everything expected was seen.
    Passed,
    /// The status of the answer is not among the expected ones.
    UnexpectedStatus,
    /// A header of the answer is missing or has another value.
    UnexpectedHeader,
    /// The body does not match, or is not what it should be.
    UnexpectedBody,
    /// A measured value, count or text is not what it has to be.
    UnexpectedValue,
    /// Jobs are there, and nothing works them off.
    NotProcessing,
    /// The target refuses the query that the check was given.
    InvalidQuery,
    /// There is nothing to judge: an empty result, a value that is no number.
    NoData,
    /// The service says that it is not well: an error of its own, or overloaded.
    Degraded,
    /// The quota or the credit of the key is spent.
    QuotaSpent,
    /// The service asks to send less, which says nothing of how it is.
    RateLimited,
    /// The answer came too late for the expectation, though within the timeout.
    TooSlow,
    /// A DNS record is missing.
    UnexpectedRecords,
    /// The target refused the connection.
    ConnectionRefused,
    /// The target closed the connection in the middle.
    ConnectionReset,
    /// Nothing came within the timeout.
    TimedOut,
    /// What came is not the protocol, or goes beyond its caps.
    ProtocolError,
    /// The certificate chain, the host name or the handshake is not acceptable.
    TlsFailed,
    /// The certificate ends too soon.
    CertificateExpiring,
    /// A redirect could not be followed: too many, or to where it must not go.
    RedirectRefused,
    /// The name does not exist.
    NameNotFound,
    /// The resolver gave no answer.
    ResolverFailed,
    /// There is no route to the target from here.
    Unreachable,
    /// The target looks down, and so does the reference: we are cut off.
    CutOff,
    /// The egress rule denies the address.
    TargetNotAllowed,
    /// The target refuses the credentials of the check.
    CredentialsRefused,
    /// The API of the platform gives no answer, or none that can be used.
    PlatformUnavailable,
    /// The check itself broke.
    Panicked,
    /// The run ended before the check could.
    RunTimedOut,
    /// Our own limits, such as file descriptors, were met.
    OutOfResources,
    /// A check that this one depends on does not pass.
    DependencyFailed,
    /// Not run so far.
    Pending,
}

impl FindingReason {
    /// The word as it stands in status.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "Passed",
            Self::UnexpectedStatus => "UnexpectedStatus",
            Self::UnexpectedHeader => "UnexpectedHeader",
            Self::UnexpectedBody => "UnexpectedBody",
            Self::UnexpectedValue => "UnexpectedValue",
            Self::NotProcessing => "NotProcessing",
            Self::InvalidQuery => "InvalidQuery",
            Self::NoData => "NoData",
            Self::Degraded => "Degraded",
            Self::QuotaSpent => "QuotaSpent",
            Self::RateLimited => "RateLimited",
            Self::TooSlow => "TooSlow",
            Self::UnexpectedRecords => "UnexpectedRecords",
            Self::ConnectionRefused => "ConnectionRefused",
            Self::ConnectionReset => "ConnectionReset",
            Self::TimedOut => "TimedOut",
            Self::ProtocolError => "ProtocolError",
            Self::TlsFailed => "TlsFailed",
            Self::CertificateExpiring => "CertificateExpiring",
            Self::RedirectRefused => "RedirectRefused",
            Self::NameNotFound => "NameNotFound",
            Self::ResolverFailed => "ResolverFailed",
            Self::Unreachable => "Unreachable",
            Self::CutOff => "CutOff",
            Self::TargetNotAllowed => "TargetNotAllowed",
            Self::CredentialsRefused => "CredentialsRefused",
            Self::PlatformUnavailable => "PlatformUnavailable",
            Self::Panicked => "Panicked",
            Self::RunTimedOut => "RunTimedOut",
            Self::OutOfResources => "OutOfResources",
            Self::DependencyFailed => "DependencyFailed",
            Self::Pending => "Pending",
        }
    }

    /// Whether being cut off from the network would look the same, so that the reference probe must be asked before the
    /// target is blamed.
    #[must_use]
    pub const fn needs_reference(self) -> bool {
        matches!(
            self,
            Self::ConnectionRefused | Self::ConnectionReset | Self::TimedOut
        )
    }
}

impl fmt::Display for FindingReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The judgement on one measurement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it says.
    pub verdict: Verdict,
    /// Why, in one word.
    pub reason: FindingReason,
    /// Why, with value, operator and threshold; never a body, a header, a URL query or a secret. Printable, one line, at
    /// most [`MAX_MESSAGE_BYTES`] bytes.
    pub message: String,
}

impl Finding {
    /// Everything expected was seen.
    #[must_use]
    pub fn pass(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Verdict::Pass, FindingReason::Passed, message)
    }

    /// The target is at fault.
    #[must_use]
    pub fn fail(reason: FindingReason, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Verdict::Fail, reason, message)
    }

    /// It could not be told.
    #[must_use]
    pub fn unknown(reason: FindingReason, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Verdict::Unknown, reason, message)
    }

    fn new(verdict: Verdict, reason: FindingReason, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            verdict,
            reason,
            message: printable(&message.into(), MAX_MESSAGE_BYTES),
        }
    }
}

/// The text on one line, without control characters or bidirectional marks, cut to `max_bytes` at a character's end: what
/// a target sends may reach a message only like this.
#[must_use]
pub fn printable(text: &str, max_bytes: usize) -> String {
    let mut line = String::with_capacity(text.len().min(max_bytes));
    for character in text.chars() {
        let shown = match character {
            '\n' | '\r' | '\t' => ' ',
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => continue,
            other if other.is_control() => continue,
            other => other,
        };
        if line.len() + shown.len_utf8() > max_bytes {
            break;
        }
        line.push(shown);
    }
    line
}

/// A measured duration in a message: `812ms`, `1.84s`.
#[must_use]
pub fn readable(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{}ms", duration.as_millis())
    } else {
        format!("{:.2}s", duration.as_secs_f64())
    }
}

/// How long each phase of a probe took; a phase that did not happen, as with a reused connection, is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Phases {
    /// Name resolution.
    pub dns: Option<Duration>,
    /// TCP connection.
    pub connect: Option<Duration>,
    /// TLS handshake.
    pub tls: Option<Duration>,
    /// From the request's start on the connection to the answer's head.
    pub first_byte: Option<Duration>,
    /// From the answer's head to the end of its body.
    pub body: Option<Duration>,
    /// Telling who we are, where that takes exchanges of its own.
    pub authenticate: Option<Duration>,
    /// From a question on a connection that stands to the end of its answer.
    pub query: Option<Duration>,
}

impl Phases {
    /// How long `phase` took.
    #[must_use]
    pub const fn of(&self, phase: Phase) -> Option<Duration> {
        match phase {
            Phase::Dns => self.dns,
            Phase::Connect => self.connect,
            Phase::Tls => self.tls,
            Phase::FirstByte => self.first_byte,
            Phase::Body => self.body,
            Phase::Authenticate => self.authenticate,
            Phase::Query => self.query,
        }
    }
}

/// One execution of a probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Measurement {
    /// The judgement.
    pub finding: Finding,
    /// Where the time went.
    pub phases: Phases,
    /// The schema of the database, when the check was asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<SchemaFingerprint>,
}

impl Measurement {
    /// A judgement, and where the time went.
    #[must_use]
    pub const fn of(finding: Finding, phases: Phases) -> Self {
        Self {
            finding,
            phases,
            schema: None,
        }
    }
}

impl From<Finding> for Measurement {
    fn from(finding: Finding) -> Self {
        Self::of(finding, Phases::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_printable_line_within_its_bound() {
        let hostile = format!(
            "\u{1b}[31mred\r\nSet-Cookie: x\0\u{202e}{}",
            "é".repeat(2000)
        );
        let finding = Finding::fail(FindingReason::UnexpectedBody, hostile);
        assert!(finding.message.len() <= MAX_MESSAGE_BYTES);
        assert!(finding.message.starts_with("[31mred  Set-Cookie: x"));
        assert!(!finding.message.chars().any(char::is_control));
    }

    #[test]
    fn every_text_becomes_one_line_and_stays_as_it_became() {
        crate::fuzz::hold_text("printable", |text| {
            let line = printable(text, 64);
            assert!(line.len() <= 64);
            assert!(!line.contains(char::is_control) && !line.contains('\u{202e}'));
            assert_eq!(printable(&line, 64), line);
        });
    }
}
