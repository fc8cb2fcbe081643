//! Render, read through its public API.
//!
//! | module | subject |
//! |---|---|
//! | `services` | which service a name stands for, and whose it is |
//! | `deploys` | which deploy is live |
//! | `client` | a call with its tries, within its deadline |
//! | `exchange` | one request and its answer, with every cap |
//! | `retry` | which failures are worth another try, and when |
//! | `budget`, `limits` | how many calls are left, and how the answers tell it |
//! | `wire` | the answers, as far as they are read |

mod budget;
mod client;
mod deploys;
mod exchange;
mod limits;
mod retry;
mod services;
mod wire;

use futures::{FutureExt, future::BoxFuture};
use secrecy::SecretString;

use self::client::Client;
use super::{
    LiveDeploy, Platform, PlatformError, PlatformMetrics, RenderSettings, Service, ServiceReference,
};

/// Render, spoken to with one API key.
#[derive(Debug)]
pub(super) struct Render {
    client: Client,
}

impl Render {
    pub(super) fn new(
        settings: &RenderSettings,
        http: reqwest::Client,
        api_key: &SecretString,
        metrics: PlatformMetrics,
    ) -> Self {
        Self {
            client: Client::new(settings, http, api_key, metrics),
        }
    }
}

impl Platform for Render {
    fn find<'a>(
        &'a self,
        reference: &'a ServiceReference,
    ) -> BoxFuture<'a, Result<Service, PlatformError>> {
        services::find(&self.client, reference).boxed()
    }

    fn current<'a>(
        &'a self,
        service: &'a Service,
    ) -> BoxFuture<'a, Result<LiveDeploy, PlatformError>> {
        deploys::live(&self.client, service).boxed()
    }
}

/// Whether a text has the form of Render's ids: `^[a-z]{3}-[0-9a-z-]{1,64}$`. Nothing else may get into a path or a log.
fn is_identifier(text: &str) -> bool {
    let Some((prefix, rest)) = text.split_once('-') else {
        return false;
    };
    prefix.len() == 3
        && prefix.bytes().all(|byte| byte.is_ascii_lowercase())
        && (1..=64).contains(&rest.len())
        && rest
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_the_form_of_an_id_is_taken_for_one() {
        for id in [
            "srv-cjnxpq0l5elc73a7hkv0",
            "dpg-cjnxpq0l5elc73a7hkv0-a",
            "dep-1",
        ] {
            assert!(is_identifier(id), "{id}");
        }
        let long = format!("dep-{}", "a".repeat(65));
        for text in [
            "",
            "dep",
            "dep-",
            "-dep",
            "depl-1",
            "DEP-1",
            "dep-A",
            "dep-../owners",
            "dep-1\r\nx",
            "dep-1/x",
            "dep-1?x",
            "dep-ä",
            &long,
        ] {
            assert!(!is_identifier(text), "{text:?}");
        }
    }
}
