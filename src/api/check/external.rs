//! The fields of an `external` check.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::http::SecretValueSource;
use crate::api::SecretKeyReference;

/// A service that others run: whether it answers, takes the key, and has quota left. One request that reads and costs
/// nothing. Put it in the area `external`, so that an outage there is shown and no rollback follows from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(self.preset in ['openai', 'anthropic', 'llamaparse', 'stripe', 'sendgrid']) || has(self.apiKey)")
    .message("this preset needs apiKey"))]
#[x_kube(validation = Rule::new("self.preset != 's3' || !has(self.apiKey)")
    .message("preset s3 asks without a key"))]
#[x_kube(validation = Rule::new("!(self.preset in ['s3', 'generic']) || has(self.url)")
    .message("this preset needs url"))]
#[x_kube(validation = Rule::new("self.preset == 'generic' ? has(self.keyHeader) == has(self.apiKey) : !has(self.keyHeader)")
    .message("keyHeader goes with apiKey, and with preset generic only"))]
#[x_kube(validation = Rule::new("!has(self.keyHeader) || !(self.keyHeader.lowerAscii() in ['host', 'content-length', 'transfer-encoding', 'connection', 'upgrade', 'te', 'trailer', 'keep-alive', 'proxy-connection', 'expect'])")
    .message("this header frames the message or names its target, and cannot be set"))]
#[x_kube(validation = Rule::new("!has(self.keyPrefix) || has(self.keyHeader)")
    .message("keyPrefix goes with keyHeader"))]
#[x_kube(validation = Rule::new("self.preset == 'generic' || !has(self.url) || !self.url.contains('?')")
    .message("url may have a query with preset generic only"))]
pub struct ExternalCheck {
    /// Which service: it decides what is asked, and how the answer is read. `openai`, `anthropic`: the list of models.
    /// `llamaparse`: the list of projects. `stripe`: the balance. `sendgrid`: the credits. `github`: the rate limit. `s3`: a
    /// bucket, without a key. `generic`: `url`, which answers with 200 to 299 while all is well.
    pub preset: ExternalPreset,
    /// The key for the service. Needed by `openai`, `anthropic`, `llamaparse`, `stripe` and `sendgrid`; without one,
    /// `github` and `generic` are asked as anybody may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<SecretValueSource>,
    /// Address in place of the service's own, for a gateway, a proxy or another region: the preset's path is added to it.
    /// For `s3` the address of the bucket; for `generic` the whole address. `http://` or `https://`, without user, password
    /// or fragment; with a query for `generic` only. At most 2048 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 8, max = 2048),
        regex(
            pattern = r"^[Hh][Tt][Tt][Pp][Ss]?://(\[[0-9A-Fa-f:.]{2,45}\]|[^\x00-\x20\x7F/?#\\@:\[\]]{1,253})(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?([/?][^\x00-\x20\x7F#\\]*)?$"
        )
    )]
    pub url: Option<String>,
    /// For `generic`: the header that carries the key, such as `Authorization` or `X-Api-Key`. At most 128 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 128),
        regex(pattern = r"^[-!#$%&'*+.^_`|~0-9A-Za-z]+$")
    )]
    pub key_header: Option<String>,
    /// For `generic`: the word before the key, such as `Bearer`; a space follows it. Default: none. At most 32 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32), regex(pattern = r"^[!-~]+$"))]
    pub key_prefix: Option<String>,
}

impl ExternalCheck {
    /// Every key of a Secret that it refers to.
    pub(super) fn secrets(&self) -> Vec<&SecretKeyReference> {
        let sources = self.api_key.as_ref().into_iter();
        sources.map(|source| &source.secret_key_ref).collect()
    }
}

/// Services whose answers are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum ExternalPreset {
    OpenAi,
    Anthropic,
    LlamaParse,
    Stripe,
    SendGrid,
    GitHub,
    S3,
    Generic,
}
