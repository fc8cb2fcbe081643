//! Events on objects, published in bounded memory.

use std::sync::{Mutex, PoisonError};

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, Recorder, Reporter},
};

/// Events after which repetitions are no longer known.
///
/// kube's recorder keeps every event that it has published, six minutes and longer: until the next one. After the start
/// with a thousand objects that is 6 MiB.
const REMEMBERED: usize = 64;

/// Publishes events. One that repeats another of the last few is counted in the series of that one.
pub struct Events {
    client: Client,
    reporter: Reporter,
    current: Mutex<Current>,
}

struct Current {
    recorder: Recorder,
    published: usize,
}

impl Events {
    /// Publishes as `controller`.
    #[must_use]
    pub fn new(client: Client, controller: &str) -> Self {
        let reporter = Reporter::from(controller);
        let current = Current {
            recorder: Recorder::new(client.clone(), reporter.clone()),
            published: 0,
        };
        Self {
            client,
            reporter,
            current: Mutex::new(current),
        }
    }

    /// Publishes `event` about `object`.
    pub async fn publish(&self, event: &Event, object: &ObjectReference) -> kube::Result<()> {
        self.recorder().publish(event, object).await
    }

    fn recorder(&self) -> Recorder {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.published >= REMEMBERED {
            *current = Current {
                recorder: Recorder::new(self.client.clone(), self.reporter.clone()),
                published: 0,
            };
        }
        current.published += 1;
        current.recorder.clone()
    }
}
