//! The calls of Render's API that arrived, for tests that hold a client's requests against the description.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::api::Incoming;

/// The newest calls that are kept.
const CAPACITY: usize = 10_000;

/// The longest body that is kept, in bytes as JSON.
const MAXIMUM_BODY: usize = 1 << 16;

/// A call as it arrived. The key that it was made with is not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordedRequest {
    /// When it arrived.
    pub at: Timestamp,
    /// Its method.
    pub method: String,
    /// Its path, from `/v1` on.
    pub path: String,
    /// Its query as it was written, without the question mark.
    pub query: String,
    /// Its body; none if there was none. What is no JSON is a text here, and what is longer than 64 KiB a text that says so.
    pub body: Option<Value>,
}

/// The newest calls.
#[derive(Debug, Default)]
pub(super) struct Journal {
    requests: VecDeque<RecordedRequest>,
}

impl Journal {
    /// Adds a call and drops the oldest one above the capacity.
    pub(super) fn record(&mut self, incoming: &Incoming, at: Timestamp) {
        if self.requests.len() == CAPACITY {
            self.requests.pop_front();
        }
        let body = incoming.body.to_value().map(|body| {
            let length = body.to_string().len();
            if length > MAXIMUM_BODY {
                Value::from(format!("a body of {length} bytes"))
            } else {
                body
            }
        });
        self.requests.push_back(RecordedRequest {
            at,
            method: incoming.method.to_string(),
            path: incoming.path.clone(),
            query: incoming.query.clone(),
            body,
        });
    }

    /// The calls, oldest first.
    pub(super) fn requests(&self) -> Vec<RecordedRequest> {
        self.requests.iter().cloned().collect()
    }

    pub(super) fn clear(&mut self) {
        self.requests.clear();
    }
}
