//! What a service answers, and what its refusals amount to: pure.

use std::fmt;

use super::document::Document;
use crate::checks::http::Observation;

/// The longest id of a version that is sent back.
const LONGEST_VERSION: usize = 1024;

/// Whose fault a refusal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It does not know us.
    Credentials,
    /// It may know us, and does not let us.
    Denied,
    /// It finds our clock, or its own, wrong.
    Clock,
    /// The bucket is at another address, or in another region.
    Misdirected,
    /// There is no such bucket.
    NoBucket,
    /// There is no such object.
    NoObject,
    /// There is no such setting.
    NotSet,
    /// It takes no more.
    Full,
    /// It does not know what it is asked.
    Unsupported,
    /// It wants to be asked less often.
    Throttled,
    /// Anything else.
    Other,
}

/// The codes that are known, and so can be shown (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>, and
/// those that `MinIO`, Ceph and versitygw add).
const CODES: [(&str, Refusal); 41] = [
    ("AccessDenied", Refusal::Denied),
    ("AccessForbidden", Refusal::Denied),
    ("AllAccessDisabled", Refusal::Denied),
    ("AccountProblem", Refusal::Credentials),
    ("AuthorizationHeaderMalformed", Refusal::Misdirected),
    ("AuthorizationQueryParametersError", Refusal::Misdirected),
    ("ExpiredToken", Refusal::Credentials),
    ("InvalidAccessKeyId", Refusal::Credentials),
    ("InvalidSecurity", Refusal::Credentials),
    ("InvalidToken", Refusal::Credentials),
    ("NotSignedUp", Refusal::Credentials),
    ("SignatureDoesNotMatch", Refusal::Credentials),
    ("RequestTimeTooSkewed", Refusal::Clock),
    ("RequestExpired", Refusal::Clock),
    ("IllegalLocationConstraintException", Refusal::Misdirected),
    ("IncorrectEndpoint", Refusal::Misdirected),
    ("InvalidRegion", Refusal::Misdirected),
    ("PermanentRedirect", Refusal::Misdirected),
    ("Redirect", Refusal::Misdirected),
    ("TemporaryRedirect", Refusal::Misdirected),
    ("NoSuchBucket", Refusal::NoBucket),
    ("NoSuchKey", Refusal::NoObject),
    ("NoSuchVersion", Refusal::NoObject),
    ("NoSuchLifecycleConfiguration", Refusal::NotSet),
    ("NoSuchPublicAccessBlockConfiguration", Refusal::NotSet),
    (
        "ServerSideEncryptionConfigurationNotFoundError",
        Refusal::NotSet,
    ),
    ("InsufficientCapacity", Refusal::Full),
    ("QuotaExceeded", Refusal::Full),
    ("XMinioAdminBucketQuotaExceeded", Refusal::Full),
    ("XMinioStorageFull", Refusal::Full),
    ("MethodNotAllowed", Refusal::Unsupported),
    ("NotImplemented", Refusal::Unsupported),
    ("ObjectLockConfigurationNotFoundError", Refusal::NotSet),
    ("RequestLimitExceeded", Refusal::Throttled),
    ("SlowDown", Refusal::Throttled),
    ("SlowDownRead", Refusal::Throttled),
    ("SlowDownWrite", Refusal::Throttled),
    ("TooManyRequests", Refusal::Throttled),
    ("InternalError", Refusal::Other),
    ("InvalidRequest", Refusal::Other),
    ("ServiceUnavailable", Refusal::Other),
];

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reply {
    /// Status of the answer.
    pub(super) status: u16,
    /// The code of a refusal, when it is a known one.
    code: Option<(&'static str, Refusal)>,
    /// All that came; `None` when it was too long.
    pub(super) content: Option<Vec<u8>>,
    /// The version that was put.
    pub(super) version: Option<String>,
}

impl Reply {
    /// What an exchange brought.
    pub(super) fn of(observation: &Observation) -> Self {
        let version = observation.headers.get("x-amz-version-id");
        let version = version.and_then(|it| it.to_str().ok());
        let is_one = |it: &&str| !it.is_empty() && *it != "null" && it.len() <= LONGEST_VERSION;
        Self {
            version: version.filter(is_one).map(str::to_owned),
            ..Self::new(
                observation.status,
                observation.body.whole().map(<[u8]>::to_vec),
            )
        }
    }

    /// An answer of `status` with `content`.
    pub(super) fn new(status: u16, content: Option<Vec<u8>>) -> Self {
        let document = content
            .as_deref()
            .filter(|_| status >= 300)
            .and_then(Document::read);
        let code = document.as_ref().and_then(|it| it.text("Error/Code"));
        Self {
            status,
            code: code
                .and_then(|code| CODES.iter().find(|it| it.0 == code))
                .copied(),
            content,
            version: None,
        }
    }

    /// Whether it did what it was asked.
    pub(super) fn is_done(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The document that it brought, with `root` as its outermost element.
    pub(super) fn document(&self, root: &str) -> Option<Document> {
        let document = Document::read(self.content.as_deref()?)?;
        (document.root() == root).then_some(document)
    }

    /// What it amounts to, when it did not do what it was asked.
    pub(super) fn refusal(&self) -> Refusal {
        match (self.code, self.status) {
            (Some((_, refusal)), _) => refusal,
            (None, 401) => Refusal::Credentials,
            (None, 403) => Refusal::Denied,
            (None, 301 | 302 | 303 | 307 | 308) => Refusal::Misdirected,
            (None, 405 | 501) => Refusal::Unsupported,
            (None, 429) => Refusal::Throttled,
            (None, 507) => Refusal::Full,
            (None, _) => Refusal::Other,
        }
    }
}

/// The status, and the code if it is a known one: what the other side writes itself is not shown.
impl fmt::Display for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "status {}", self.status)?;
        match self.code {
            Some((code, _)) => write!(formatter, " {code}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_says_more_than_its_status_and_an_unknown_one_is_not_shown() {
        for (status, body, refusal, shown) in [
            (
                403,
                "<Error><Code>AccessDenied</Code></Error>",
                Refusal::Denied,
                "status 403 AccessDenied",
            ),
            (
                403,
                "<Error><Code>RequestTimeTooSkewed</Code></Error>",
                Refusal::Clock,
                "status 403 RequestTimeTooSkewed",
            ),
            (
                403,
                "<Error><Code>canary</Code></Error>",
                Refusal::Denied,
                "status 403",
            ),
            (403, "<html>canary", Refusal::Denied, "status 403"),
            (
                400,
                "<Error><Code>AuthorizationHeaderMalformed</Code></Error>",
                Refusal::Misdirected,
                "status 400 AuthorizationHeaderMalformed",
            ),
            (
                404,
                "<Error><Code>NoSuchBucket</Code></Error>",
                Refusal::NoBucket,
                "status 404 NoSuchBucket",
            ),
            (404, "", Refusal::Other, "status 404"),
            (401, "", Refusal::Credentials, "status 401"),
            (507, "", Refusal::Full, "status 507"),
            (501, "", Refusal::Unsupported, "status 501"),
            (
                503,
                "<Error><Code>SlowDown</Code></Error>",
                Refusal::Throttled,
                "status 503 SlowDown",
            ),
            (500, "", Refusal::Other, "status 500"),
        ] {
            let reply = Reply::new(status, Some(body.as_bytes().to_vec()));
            assert_eq!(
                (reply.refusal(), reply.to_string().as_str()),
                (refusal, shown),
                "{body}"
            );
        }
    }
}
