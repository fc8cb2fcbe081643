//! A request as rules, the journal and whoever holds it see it; and its bytes, as they are passed on.

use bytes::Bytes;
use http::{HeaderMap, Method, header, request::Parts};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::Value;

use super::Closed;

/// Longest body of a request. The API server's own limit is 3 MiB.
const LONGEST_BODY: usize = 8 << 20;

/// POSTs of these ask the API server a question, and leave nothing behind.
const QUESTIONS: [&str; 7] = [
    "localsubjectaccessreviews",
    "selfsubjectaccessreviews",
    "selfsubjectreviews",
    "selfsubjectrulesreviews",
    "subjectaccessreviews",
    "token",
    "tokenreviews",
];

/// A request that has arrived at an interceptor.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    /// Path, without the query.
    pub path: String,
    /// Query, without the question mark; empty when there is none.
    pub query: String,
    /// The body: JSON when it is, a string when it is other text, null when there is none.
    pub body: Value,
    /// Its number in the journal, from 1, when it is counted there.
    pub number: Option<usize>,
}

impl Request {
    /// Whether it asks for the events of a watch.
    pub fn is_watch(&self) -> bool {
        let mut pairs = url::form_urlencoded::parse(self.query.as_bytes());
        self.method == Method::GET
            && pairs.any(|(key, value)| key == "watch" && matches!(&*value, "true" | "1"))
    }
}

/// Whether the request changes anything when it is carried out: every POST, PUT, PATCH and DELETE but reviews, tokens and
/// dry runs.
pub fn is_mutation(request: &Request) -> bool {
    let changing = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let last = request.path.rsplit('/').next().unwrap_or_default();
    let dry = url::form_urlencoded::parse(request.query.as_bytes()).any(|(key, _)| key == "dryRun");
    let question = request.method == Method::POST && QUESTIONS.contains(&last);
    changing.contains(&request.method) && !question && !dry
}

/// What is passed on upstream.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub head: Parts,
    pub body: Bytes,
}

/// Reads the whole request.
pub(super) async fn receive(
    incoming: http::Request<Incoming>,
) -> Result<(Request, Outgoing), Closed> {
    let (mut head, body) = incoming.into_parts();
    let body = Limited::new(body, LONGEST_BODY)
        .collect()
        .await
        .map_err(|_| Closed)?
        .to_bytes();
    leave_to_the_connection(&mut head.headers);
    let request = Request {
        method: head.method.clone(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        body: read(&body),
        number: None,
    };
    Ok((request, Outgoing { head, body }))
}

/// Removes what is said of one connection and does not hold for the next.
pub(super) fn leave_to_the_connection(headers: &mut HeaderMap) {
    headers.remove(header::CONNECTION);
    headers.remove(header::TRANSFER_ENCODING);
    headers.remove("keep-alive");
}

fn read(body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(body)
        .unwrap_or_else(|_| String::from_utf8_lossy(body).into_owned().into())
}
