//! The reference: places that are known to answer. When a target seems down, it tells "the target is down" from "we are
//! cut off".

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use super::net::Network;

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

/// Asks the reference places, and remembers the answer for a moment.
#[derive(Clone, Debug)]
pub struct Reference {
    addresses: Arc<[String]>,
    last: Arc<Mutex<Option<(Instant, bool)>>>,
}

impl Reference {
    /// A reference over the places of `settings`.
    #[must_use]
    pub fn new(settings: &ReferenceSettings) -> Self {
        Self {
            addresses: settings.addresses.clone().into(),
            last: Arc::default(),
        }
    }

    /// Whether any place accepts a connection; true when there is none to ask.
    pub async fn is_reachable(&self, network: &Network) -> bool {
        if self.addresses.is_empty() {
            return true;
        }
        let mut last = self.last.lock().await;
        if let Some((asked, answer)) = *last
            && asked.elapsed() < FRESH
        {
            return answer;
        }
        let attempts = self.addresses.iter().map(|address| {
            Box::pin(async move {
                match timeout(TIMEOUT, network.connect_unrestricted(address)).await {
                    Ok(Ok(_)) => Ok(()),
                    Ok(Err(_)) | Err(_) => Err(()),
                }
            })
        });
        let answer = futures::future::select_ok(attempts).await.is_ok();
        *last = Some((Instant::now(), answer));
        answer
    }
}
