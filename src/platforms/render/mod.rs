//! Render, read and changed through its public API.
//!
//! | module | subject |
//! |---|---|
//! | `services` | which service a name stands for, and whose it is |
//! | `deploys` | which deploy is live |
//! | `rollouts` | the newest deploys, and one by its id |
//! | `instances` | how many instances run, and which crashed |
//! | `lines` | what a service wrote |
//! | `circumstances`, `caveats` | what a service's settings say about bringing it back |
//! | `changes` | the changes that are made, and what the answers to them say |
//! | `client` | a call that reads, with its tries, within its deadline |
//! | `writer` | a call that changes something, sent once or not at all |
//! | `exchange` | one request and its answer, with every cap |
//! | `retry` | which failures of a reading are worth another try, and when |
//! | `outcome` | what an answer says about whether a change was carried out |
//! | `budget`, `bucket`, `limits` | how many calls are left, of which kind, and how the answers tell it |
//! | `wire`, `text`, `image` | the answers, as far as they are read, and what of them may be passed on |

mod bucket;
mod budget;
mod caveats;
mod changes;
mod circumstances;
mod client;
mod deploys;
mod exchange;
mod image;
mod instances;
mod limits;
mod lines;
mod outcome;
mod retry;
mod rollouts;
mod services;
mod text;
mod wire;
mod writer;

use futures::{FutureExt, future::BoxFuture};
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::time::Instant;

use self::{client::Client, writer::Writer};
use super::{
    Accepted, Circumstances, Crash, LineQuery, LinesRead, LiveDeploy, MutationError, Platform,
    PlatformError, PlatformMetrics, RenderSettings, Revision, Rollout, Service, ServiceReference,
    registry::HttpClients,
};

/// Render, spoken to with one API key.
#[derive(Debug)]
pub(super) struct Render {
    client: Client,
    writer: Writer,
}

impl Render {
    pub(super) fn new(
        settings: &RenderSettings,
        http: HttpClients,
        api_key: &SecretString,
        metrics: PlatformMetrics,
    ) -> Self {
        Self {
            client: Client::new(settings, http.reads, api_key, metrics.clone()),
            writer: Writer::new(settings, http.changes, api_key, metrics),
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

    fn rollouts<'a>(
        &'a self,
        service: &'a Service,
    ) -> BoxFuture<'a, Result<Vec<Rollout>, PlatformError>> {
        rollouts::newest(&self.client, service).boxed()
    }

    fn rollout<'a>(
        &'a self,
        service: &'a Service,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Rollout>, PlatformError>> {
        rollouts::one(&self.client, service, id).boxed()
    }

    fn circumstances<'a>(
        &'a self,
        service: &'a Service,
    ) -> BoxFuture<'a, Result<Circumstances, PlatformError>> {
        circumstances::of(&self.client, service).boxed()
    }

    fn instances<'a>(
        &'a self,
        service: &'a Service,
    ) -> BoxFuture<'a, Result<usize, PlatformError>> {
        instances::count(&self.client, service).boxed()
    }

    fn crashes<'a>(
        &'a self,
        service: &'a Service,
        since: Timestamp,
        most: usize,
    ) -> BoxFuture<'a, Result<Vec<Crash>, PlatformError>> {
        instances::crashes(&self.client, service, since, most).boxed()
    }

    fn lines<'a>(
        &'a self,
        service: &'a Service,
        query: &'a LineQuery,
    ) -> BoxFuture<'a, Result<LinesRead, PlatformError>> {
        lines::read(&self.client, service, query).boxed()
    }

    fn stop_automatic_deploys<'a>(
        &'a self,
        service: &'a Service,
        begin_by: Instant,
    ) -> BoxFuture<'a, Result<(), MutationError>> {
        changes::stop_automatic_deploys(&self.writer, service, begin_by).boxed()
    }

    fn roll_back<'a>(
        &'a self,
        service: &'a Service,
        to: &'a str,
        begin_by: Instant,
    ) -> BoxFuture<'a, Result<Accepted, MutationError>> {
        changes::roll_back(&self.writer, service, to, begin_by).boxed()
    }

    fn deploy<'a>(
        &'a self,
        service: &'a Service,
        revision: &'a Revision,
        begin_by: Instant,
    ) -> BoxFuture<'a, Result<Accepted, MutationError>> {
        changes::deploy(&self.client, &self.writer, service, revision, begin_by).boxed()
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
