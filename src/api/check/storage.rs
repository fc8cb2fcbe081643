//! The fields of a `storage` check.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::http::SecretValueSource;
use crate::api::{SecretKeyReference, bounds};

/// Storage: that a marker can be put, read back unchanged and deleted; what is there; how a bucket is configured. Exactly one
/// of `s3` and `local` says where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.s3) != has(self.local)")
    .message("exactly one of s3, local must be set"))]
#[x_kube(validation = Rule::new("has(self.s3) || (!has(self.list) && !has(self.expect))")
    .message("list and expect are of s3 only"))]
#[x_kube(validation = Rule::new("!has(self.cycle) || self.cycle || has(self.list) || has(self.expect) || (has(self.local) && (has(self.local.minFreeBytes) || has(self.local.minFreeInodes)))")
    .message("without cycle there must be something else to measure"))]
pub struct StorageCheck {
    /// A bucket of Amazon S3, or of a server that speaks its API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3: Option<StorageBucket>,
    /// A folder of the file system of the program that runs the check. A controller uses no files of its own machine, unless
    /// its administrator allows it; the command line does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<StorageFolder>,
    /// What the names of markers begin with; no application must use it. Letters, digits, `.`, `_`, `-` and `/`, no part of
    /// which is `.` or `..`, at most 256. Default `.plumbline/`.
    #[serde(default = "default_prefix")]
    #[schemars(
        length(min = 1, max = 256),
        regex(pattern = r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*/?$")
    )]
    #[x_kube(validation = Rule::new("!self.matches('(^|/)[.][.]?(/|$)')").message("prefix must not have . or .. as a part"))]
    pub prefix: String,
    /// Whether a marker is put, read back, compared and deleted. Default `true`.
    #[serde(default = "default_cycle")]
    pub cycle: bool,
    /// Lists the bucket. For `s3` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<StorageList>,
    /// How the bucket must be configured. What the service does not tell leaves the check unknown. For `s3` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<StorageExpectation>,
}

impl StorageCheck {
    /// Every key of a Secret that it refers to.
    pub(super) fn secrets(&self) -> Vec<&SecretKeyReference> {
        let sources = self
            .s3
            .iter()
            .flat_map(|s3| [&s3.access_key_id, &s3.secret_access_key]);
        sources.map(|source| &source.secret_key_ref).collect()
    }
}

fn default_prefix() -> String {
    ".plumbline/".to_owned()
}

const fn default_cycle() -> bool {
    true
}

/// A bucket, and as whom a check goes there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct StorageBucket {
    /// Address of the service, `http://` or `https://` and a host, without user, password, path, query or fragment. Default:
    /// Amazon S3 in `region`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 8, max = 512),
        regex(
            pattern = r"^[Hh][Tt][Tt][Pp][Ss]?://(\[[0-9A-Fa-f:.]{2,45}\]|[^\x00-\x20\x7F/?#\\@:\[\]]{1,253})(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?/?$"
        )
    )]
    pub endpoint: Option<String>,
    /// Region of the bucket, such as `eu-central-1`; what a service without regions wants here its own documentation says,
    /// often `us-east-1` or `auto`.
    #[schemars(
        length(min = 1, max = 64),
        regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
    )]
    pub region: String,
    /// Name of the bucket.
    #[schemars(
        length(min = 3, max = 63),
        regex(pattern = r"^[a-z0-9][a-z0-9.-]*[a-z0-9]$")
    )]
    pub bucket: String,
    /// Whether the bucket stands in the path of an address, and not in its host. Default: `true` when `endpoint` is set, or the
    /// name of the bucket has a dot, which no certificate of S3 covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_style: Option<bool>,
    /// Where the id of the access key is.
    pub access_key_id: SecretValueSource,
    /// Where the secret of the access key is.
    pub secret_access_key: SecretValueSource,
}

/// A folder of the file system of the program that runs the check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct StorageFolder {
    /// The folder: an absolute path without `.` and `..`. At most 1024 characters.
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^/[^\x00-\x1F\x7F]*$"))]
    #[x_kube(validation = Rule::new("!self.matches('/[.][.]?(/|$)')").message("path must not have . or .. as a part"))]
    pub path: String,
    /// The fewest bytes that must be free for a program without special rights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::count")]
    pub min_free_bytes: Option<u64>,
    /// The fewest inodes, and so files, that must be free. A file system that has no fixed number of them leaves the check
    /// unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::count")]
    pub min_free_inodes: Option<u64>,
}

/// A listing of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct StorageList {
    /// What the names of the listed objects begin with. Default: nothing, for all of the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^[^\x00-\x1F\x7F]+$"))]
    pub prefix: Option<String>,
    /// The fewest objects that must be there, 0 to 500; markers of checks do not count. Default 0: the bucket can be listed.
    #[serde(default)]
    #[schemars(schema_with = "objects")]
    pub min_objects: u16,
}

fn objects(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "integer", "minimum": 0, "maximum": 500})
}

/// How a bucket must be configured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.versioning) || has(self.encryption) || has(self.publicAccessBlocked) || has(self.lifecycle)")
    .message("at least one of versioning, encryption, publicAccessBlocked, lifecycle must be set"))]
pub struct StorageExpectation {
    /// Whether versions of objects are kept: `Enabled`, `Suspended`, or `Disabled` when it was never enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versioning: Option<StorageVersioning>,
    /// How objects are encrypted unless told otherwise: `Any`, `Aes256` (keys of S3), `Kms` (keys of a key service).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<StorageEncryption>,
    /// Whether the bucket's own public access block is on, in all its four parts. One of the whole account is not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_access_blocked: Option<bool>,
    /// Whether at least one lifecycle rule is enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<bool>,
}

/// Whether versions of objects are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum StorageVersioning {
    Enabled,
    Suspended,
    Disabled,
}

/// How objects are encrypted unless told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum StorageEncryption {
    Any,
    Aes256,
    Kms,
}
