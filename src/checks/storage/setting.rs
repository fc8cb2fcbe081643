//! How a bucket is configured, as its service tells it, and the judgement on it: pure.

use super::{
    document::Document,
    reply::{Refusal, Reply},
};
use crate::{
    api::{StorageEncryption, StorageExpectation, StorageVersioning},
    checks::{
        net::Target,
        verdict::{Finding, FindingReason},
    },
};

/// The four parts of a public access block.
const BLOCKS: [&str; 4] = [
    "BlockPublicAcls",
    "IgnorePublicAcls",
    "BlockPublicPolicy",
    "RestrictPublicBuckets",
];

/// One setting, and what it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    Versioning(StorageVersioning),
    Encryption(StorageEncryption),
    PublicAccessBlocked(bool),
    Lifecycle(bool),
}

impl Setting {
    /// Every setting that is expected to be something.
    pub(super) fn all(expectation: StorageExpectation) -> Vec<Self> {
        let StorageExpectation {
            versioning,
            encryption,
            public_access_blocked,
            lifecycle,
        } = expectation;
        let all = [
            versioning.map(Self::Versioning),
            encryption.map(Self::Encryption),
            public_access_blocked.map(Self::PublicAccessBlocked),
            lifecycle.map(Self::Lifecycle),
        ];
        all.into_iter().flatten().collect()
    }

    /// The query that asks for it.
    pub(super) const fn query(self) -> &'static str {
        match self {
            Self::Versioning(_) => "versioning",
            Self::Encryption(_) => "encryption",
            Self::PublicAccessBlocked(_) => "publicAccessBlock",
            Self::Lifecycle(_) => "lifecycle",
        }
    }

    const fn root(self) -> &'static str {
        match self {
            Self::Versioning(_) => "VersioningConfiguration",
            Self::Encryption(_) => "ServerSideEncryptionConfiguration",
            Self::PublicAccessBlocked(_) => "PublicAccessBlockConfiguration",
            Self::Lifecycle(_) => "LifecycleConfiguration",
        }
    }

    /// What is wrong with it, or unclear; `None` when it is as expected.
    pub(super) fn judge(self, reply: &Reply, target: &Target) -> Option<Finding> {
        let what = self.query();
        let untold = |why: String| {
            let message = format!("{target} does not tell the bucket's {what}: {why}");
            Some(Finding::unknown(FindingReason::NoData, message))
        };
        if reply.is_done() {
            let Some(document) = reply.document(self.root()) else {
                return untold("the answer is none of S3's".to_owned());
            };
            return match self.fault(&document) {
                Ok(fault) => fault.map(|fault| {
                    Finding::fail(FindingReason::UnexpectedValue, format!("{target}: {fault}"))
                }),
                Err(why) => untold(why.to_owned()),
            };
        }
        match reply.refusal() {
            Refusal::NotSet => self.fault_of_nothing().map(|fault| {
                Finding::fail(FindingReason::UnexpectedValue, format!("{target}: {fault}"))
            }),
            Refusal::NoBucket => Some(Finding::fail(
                FindingReason::UnexpectedStatus,
                format!("{target} has no such bucket: {reply}"),
            )),
            Refusal::Credentials | Refusal::Denied | Refusal::Clock => Some(Finding::unknown(
                FindingReason::CredentialsRefused,
                format!(
                    "{target} does not let the check's credentials see the bucket's {what}: {reply}"
                ),
            )),
            Refusal::Misdirected => Some(Finding::unknown(
                FindingReason::InvalidQuery,
                format!(
                    "{target} says that the bucket is elsewhere, or in another region: {reply}"
                ),
            )),
            Refusal::NoObject
            | Refusal::Full
            | Refusal::Unsupported
            | Refusal::Throttled
            | Refusal::Other => untold(reply.to_string()),
        }
    }

    fn fault(self, document: &Document) -> Result<Option<String>, &'static str> {
        match self {
            Self::Versioning(expected) => {
                let found = match document.text("VersioningConfiguration/Status") {
                    Some("Enabled") => StorageVersioning::Enabled,
                    Some("Suspended") => StorageVersioning::Suspended,
                    None | Some("") => StorageVersioning::Disabled,
                    Some(_) => return Err("its status is neither Enabled nor Suspended"),
                };
                Ok((found != expected)
                    .then(|| format!("versioning is {found:?}, expected {expected:?}")))
            }
            Self::Encryption(expected) => {
                const ALGORITHM: &str = "ServerSideEncryptionConfiguration/Rule/ApplyServerSideEncryptionByDefault/SSEAlgorithm";
                let found = match document.text(ALGORITHM) {
                    Some("AES256") => StorageEncryption::Aes256,
                    Some("aws:kms" | "aws:kms:dsse") => StorageEncryption::Kms,
                    _ => return Err("its algorithm is none that is known"),
                };
                let holds = expected == StorageEncryption::Any || found == expected;
                Ok((!holds).then(|| format!("encryption is {found:?}, expected {expected:?}")))
            }
            Self::PublicAccessBlocked(expected) => {
                let mut off = Vec::new();
                for part in BLOCKS {
                    match document.text(&format!("PublicAccessBlockConfiguration/{part}")) {
                        Some(told) if told.eq_ignore_ascii_case("true") => {}
                        // What is left out is off.
                        None => off.push(part),
                        Some(told) if told.eq_ignore_ascii_case("false") => off.push(part),
                        Some(_) => return Err("a part of it is neither on nor off"),
                    }
                }
                Ok(match (expected, off.is_empty()) {
                    (true, false) => Some(format!(
                        "the public access block is off in {}, expected on",
                        off.join(", ")
                    )),
                    (false, true) => Some("the public access block is on, expected off".to_owned()),
                    _ => None,
                })
            }
            Self::Lifecycle(expected) => {
                let mut rules = document.texts("LifecycleConfiguration/Rule/Status");
                let found = rules.any(|status| status == "Enabled");
                Ok(lifecycle_fault(expected, found))
            }
        }
    }

    /// What is wrong when the service says that there is no such setting.
    fn fault_of_nothing(self) -> Option<String> {
        match self {
            Self::Versioning(expected) => (expected != StorageVersioning::Disabled)
                .then(|| format!("versioning is Disabled, expected {expected:?}")),
            Self::Encryption(expected) => {
                Some(format!("encryption is not set, expected {expected:?}"))
            }
            Self::PublicAccessBlocked(expected) => {
                expected.then(|| "the bucket has no public access block, expected on".to_owned())
            }
            Self::Lifecycle(expected) => lifecycle_fault(expected, false),
        }
    }
}

fn lifecycle_fault(expected: bool, found: bool) -> Option<String> {
    let fault = match (expected, found) {
        (true, false) => "no lifecycle rule is enabled, expected at least 1",
        (false, true) => "a lifecycle rule is enabled, expected none",
        _ => return None,
    };
    Some(fault.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::verdict::Verdict;

    fn judged(
        setting: Setting,
        status: u16,
        body: &str,
    ) -> Option<(Verdict, FindingReason, String)> {
        let target = Target::new("s3.example.com", 443).unwrap();
        let reply = Reply::new(status, Some(body.as_bytes().to_vec()));
        let finding = setting.judge(&reply, &target)?;
        Some((finding.verdict, finding.reason, finding.message))
    }

    fn block(parts: [&str; 4]) -> String {
        let parts = BLOCKS.iter().zip(parts);
        let parts: Vec<_> = parts
            .map(|(name, value)| format!("<{name}>{value}</{name}>"))
            .collect();
        let parts = parts.concat();
        format!("<PublicAccessBlockConfiguration>{parts}</PublicAccessBlockConfiguration>")
    }

    #[test]
    fn what_is_told_is_held_to_what_is_expected() {
        use StorageEncryption as Encryption;
        use StorageVersioning as Versioning;
        let versioning = |status: &str| {
            format!(
                "<VersioningConfiguration xmlns='x'><Status>{status}</Status></VersioningConfiguration>"
            )
        };
        let encryption = |name: &str| {
            format!(
                "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>{name}</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
            )
        };
        let lifecycle = |status: &str| {
            format!(
                "<LifecycleConfiguration><Rule><Status>Disabled</Status></Rule><Rule><Status>{status}</Status></Rule></LifecycleConfiguration>"
            )
        };
        for (setting, body, fault) in [
            (
                Setting::Versioning(Versioning::Enabled),
                versioning("Enabled"),
                None,
            ),
            (
                Setting::Versioning(Versioning::Enabled),
                versioning("Suspended"),
                Some("versioning is Suspended, expected Enabled"),
            ),
            (
                Setting::Versioning(Versioning::Enabled),
                "<VersioningConfiguration/>".to_owned(),
                Some("versioning is Disabled, expected Enabled"),
            ),
            (
                Setting::Versioning(Versioning::Disabled),
                "<VersioningConfiguration/>".to_owned(),
                None,
            ),
            (
                Setting::Encryption(Encryption::Any),
                encryption("aws:kms"),
                None,
            ),
            (
                Setting::Encryption(Encryption::Kms),
                encryption("aws:kms:dsse"),
                None,
            ),
            (
                Setting::Encryption(Encryption::Kms),
                encryption("AES256"),
                Some("encryption is Aes256, expected Kms"),
            ),
            (Setting::PublicAccessBlocked(true), block(["true"; 4]), None),
            (
                Setting::PublicAccessBlocked(true),
                block(["TRUE", "true", "false", "true"]),
                Some("the public access block is off in BlockPublicPolicy, expected on"),
            ),
            (
                Setting::PublicAccessBlocked(false),
                block(["true"; 4]),
                Some("the public access block is on, expected off"),
            ),
            (
                Setting::PublicAccessBlocked(false),
                block(["true", "true", "true", "false"]),
                None,
            ),
            (Setting::Lifecycle(true), lifecycle("Enabled"), None),
            (
                Setting::Lifecycle(true),
                lifecycle("Disabled"),
                Some("no lifecycle rule is enabled, expected at least 1"),
            ),
            (
                Setting::Lifecycle(false),
                lifecycle("Enabled"),
                Some("a lifecycle rule is enabled, expected none"),
            ),
        ] {
            let expected = fault.map(|fault| {
                (
                    Verdict::Fail,
                    FindingReason::UnexpectedValue,
                    format!("s3.example.com:443: {fault}"),
                )
            });
            assert_eq!(judged(setting, 200, &body), expected, "{setting:?} {body}");
        }
    }

    #[test]
    fn what_is_not_set_is_told_and_what_is_not_told_is_never_a_pass() {
        let on = Setting::PublicAccessBlocked(true);
        let code =
            |code: &str| format!("<Error><Code>{code}</Code><Message>canary</Message></Error>");
        let absent = code("NoSuchPublicAccessBlockConfiguration");
        assert_eq!(judged(on, 404, &absent).unwrap().0, Verdict::Fail);
        assert_eq!(
            judged(Setting::PublicAccessBlocked(false), 404, &absent),
            None
        );
        let absent = code("ServerSideEncryptionConfigurationNotFoundError");
        assert_eq!(
            judged(Setting::Encryption(StorageEncryption::Any), 404, &absent)
                .unwrap()
                .0,
            Verdict::Fail
        );
        let absent = code("NoSuchLifecycleConfiguration");
        assert_eq!(
            judged(Setting::Lifecycle(true), 404, &absent).unwrap().0,
            Verdict::Fail
        );
        assert_eq!(judged(Setting::Lifecycle(false), 404, &absent), None);
        let nothing = "<PublicAccessBlockConfiguration/>";
        assert_eq!(judged(on, 200, nothing).unwrap().0, Verdict::Fail);
        for (status, body, verdict, reason) in [
            (
                501,
                code("NotImplemented"),
                Verdict::Unknown,
                FindingReason::NoData,
            ),
            (404, String::new(), Verdict::Unknown, FindingReason::NoData),
            (500, code("canary"), Verdict::Unknown, FindingReason::NoData),
            (
                200,
                "<html/>".to_owned(),
                Verdict::Unknown,
                FindingReason::NoData,
            ),
            (
                200,
                block(["canary"; 4]),
                Verdict::Unknown,
                FindingReason::NoData,
            ),
            (200, String::new(), Verdict::Unknown, FindingReason::NoData),
            (
                403,
                code("AccessDenied"),
                Verdict::Unknown,
                FindingReason::CredentialsRefused,
            ),
            (
                403,
                code("SignatureDoesNotMatch"),
                Verdict::Unknown,
                FindingReason::CredentialsRefused,
            ),
            (
                301,
                code("PermanentRedirect"),
                Verdict::Unknown,
                FindingReason::InvalidQuery,
            ),
            (
                404,
                code("NoSuchBucket"),
                Verdict::Fail,
                FindingReason::UnexpectedStatus,
            ),
        ] {
            let (found, why, message) = judged(on, status, &body).unwrap();
            assert_eq!((found, why), (verdict, reason), "{body}");
            assert!(!message.contains("canary"), "{message}");
        }
    }
}
