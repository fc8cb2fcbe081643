//! The reference: places that are known to answer. When a target seems down, it tells "the target is down" from "we are
//! cut off".

use std::{sync::Arc, time::Duration};

use futures::future::select_ok;
use serde::{Deserialize, Serialize};
use tokio::{sync::Mutex, time::Instant};

use super::net::{Network, Target, progress::Progress};

/// How long an answer holds: a burst of failing checks asks once.
const FRESH: Duration = Duration::from_secs(2);

/// How long one place may take to accept a connection.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Places that are known to answer, set by the administrator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ReferenceSettings {
    /// Host and port of each (`one.one.one.one:443`); any one that accepts a TCP connection proves the network. Default
    /// in the controller: the Kubernetes API server. None: a target that seems down is taken for down.
    pub addresses: Vec<String>,
}

/// A reference place is not written as host and port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("reference.addresses: {0:?} is not a host and a port, such as one.one.one.one:443")]
pub struct InvalidReference(String);

/// Asks the reference places, and remembers the answer for a moment.
#[derive(Clone, Debug)]
pub struct Reference {
    network: Network,
    places: Arc<[Target]>,
    last: Arc<Mutex<Option<(Instant, bool)>>>,
}

impl Reference {
    /// A reference over the places of `settings`, dialled through `network`. That one denies nothing: the places are the
    /// administrator's own, and one of them is usually the API server.
    pub fn new(settings: &ReferenceSettings, network: Network) -> Result<Self, InvalidReference> {
        Ok(Self {
            network,
            places: settings
                .addresses
                .iter()
                .map(|address| place(address))
                .collect::<Result<_, _>>()?,
            last: Arc::default(),
        })
    }

    /// Whether any place accepts a connection; true when there is none to ask.
    pub async fn is_reachable(&self) -> bool {
        if self.places.is_empty() {
            return true;
        }
        let mut last = self.last.lock().await;
        if let Some((asked, answer)) = *last
            && asked.elapsed() < FRESH
        {
            return answer;
        }
        let progress = Progress::until(Instant::now() + TIMEOUT);
        let attempts = self
            .places
            .iter()
            .map(|place| Box::pin(self.network.dialer().connect(place, &progress)));
        let answer = select_ok(attempts).await.is_ok();
        *last = Some((Instant::now(), answer));
        answer
    }
}

fn place(address: &str) -> Result<Target, InvalidReference> {
    let invalid = || InvalidReference(address.chars().take(256).collect());
    let (host, port) = address.rsplit_once(':').ok_or_else(invalid)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = port
        .parse()
        .ok()
        .filter(|&port| port > 0)
        .ok_or_else(invalid)?;
    Target::new(host, port).map_err(|_| invalid())
}
