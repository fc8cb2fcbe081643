//! Where the validated services run.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SecretKeyReference;

/// Where the services run: exactly one platform, or `external` for none that Plumbline knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.render), has(self.external)].filter(set, set).size() == 1")
    .message("exactly one of render, external must be set"))]
pub struct Target {
    /// Services on Render. The live deploy of each is the release that the checks judge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub render: Option<RenderTarget>,
    /// No platform that Plumbline knows: the checks say how the target is, and no release is told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalTarget>,
}

/// A target with no known platform.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExternalTarget {}

/// Services on Render.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RenderTarget {
    /// The API key that reads these services, in a Secret of this object's namespace.
    pub api_key_secret_ref: SecretKeyReference,
    /// Workspace that every service must belong to, such as `tea-cjnxpq0l5elc73a7hkv0`. A Render API key reaches every
    /// workspace of its owner; with this set, a service of another workspace is refused. Default: not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = r"^(tea|usr)-[0-9a-z]{1,40}$"))]
    pub owner_id: Option<String>,
    /// The services whose live deploys make up the release. 1 to 20.
    #[schemars(length(min = 1, max = 20), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub services: Vec<RenderService>,
}

/// One service on Render.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RenderService {
    /// Name of the service in its workspace, or its id (`srv-...`).
    #[schemars(
        length(min = 1, max = 64),
        regex(pattern = r"^[a-zA-Z0-9]([-_.a-zA-Z0-9]*[a-zA-Z0-9])?$")
    )]
    pub name: String,
    /// Which services a rollback takes together. Default `application`.
    #[serde(default)]
    pub tier: Tier,
}

/// Which services a rollback takes together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum Tier {
    #[default]
    Application,
    Infrastructure,
}
