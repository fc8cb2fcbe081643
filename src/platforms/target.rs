//! Where services run, with the credentials to ask for them.

use secrecy::SecretString;

use crate::api::{self, SecretKeyReference};

/// Where the services of a validation run, with the credentials to ask for them.
#[derive(Clone, Debug)]
pub enum Target {
    /// Services on Render.
    Render(RenderTarget),
    /// No platform that is known: no release can be told apart.
    External,
}

/// Services on Render.
#[derive(Clone, Debug)]
pub struct RenderTarget {
    /// The API key.
    pub api_key: SecretString,
    /// The workspace that every service must belong to; `None`: not compared.
    pub owner_id: Option<String>,
    /// Names or ids of the services.
    pub services: Vec<String>,
}

impl Target {
    /// The Secret that a target's credentials are in, for a platform that asks for some.
    #[must_use]
    pub fn credentials(target: &api::Target) -> Option<&SecretKeyReference> {
        target
            .render
            .as_ref()
            .map(|render| &render.api_key_secret_ref)
    }

    /// A target with its credentials, which `credentials` gives for their reference; `None` unless exactly one platform is
    /// set. Credentials that a platform asks for and does not get are refused when it is read.
    #[must_use]
    pub fn new(
        target: &api::Target,
        credentials: impl FnOnce(&SecretKeyReference) -> Option<SecretString>,
    ) -> Option<Self> {
        match (&target.render, &target.external) {
            (Some(render), None) => Some(Self::Render(RenderTarget {
                api_key: credentials(&render.api_key_secret_ref).unwrap_or_default(),
                owner_id: render.owner_id.clone(),
                services: render
                    .services
                    .iter()
                    .map(|service| service.name.clone())
                    .collect(),
            })),
            (None, Some(_)) => Some(Self::External),
            (None, None) | (Some(_), Some(_)) => None,
        }
    }
}
