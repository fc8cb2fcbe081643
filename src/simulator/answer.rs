//! An answer before it is sent, and what a fault makes of it.

use std::io;

use axum::{
    body::{Body, Bytes},
    response::Response,
};
use futures::{StreamExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::{budget::Allowance, effect::Effect};

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// Why a call is not answered as it would like to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: String) -> Self {
        Self { status, message }
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self::error(refusal.status, &refusal.message)
    }
}

/// An answer of the simulated API.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// The JSON body; none if there is none.
    pub(super) body: Option<Value>,
    headers: HeaderMap,
}

impl Answer {
    /// This status without a body.
    pub(super) fn empty(status: StatusCode) -> Self {
        Self {
            status,
            body: None,
            headers: HeaderMap::new(),
        }
    }

    /// This status with this body.
    pub(super) fn with(status: StatusCode, body: Value) -> Self {
        Self {
            body: Some(body),
            ..Self::empty(status)
        }
    }

    /// Status 200 with this body.
    pub(super) fn ok(body: Value) -> Self {
        Self::with(StatusCode::OK, body)
    }

    /// An error. Recorded ones carry a message and no identifier.
    pub(super) fn error(status: StatusCode, message: &str) -> Self {
        Self::with(status, json!({ "message": message }))
    }

    /// Too many calls: the one error whose body is of another shape.
    pub(super) fn rate_limited() -> Self {
        let body = json!({ "error": "rate limit exceeded" });
        Self::with(StatusCode::TOO_MANY_REQUESTS, body)
    }

    /// The same with what is left of the caller's budget.
    pub(super) fn with_allowance(mut self, allowance: Allowance) -> Self {
        self.set("ratelimit-limit", &allowance.limit.to_string());
        self.set("ratelimit-remaining", &allowance.remaining.to_string());
        self.set("ratelimit-reset", &allowance.reset_seconds.to_string());
        self
    }

    /// What a fault answers in place of the right answer; none for those that spoil it.
    pub(super) fn in_place(effect: &Effect) -> Option<Response> {
        match effect {
            Effect::Status {
                status,
                body,
                text,
                retry_after,
                ratelimit_reset,
            } => {
                let mut answer = Self::usual(*status);
                if let Some(after) = retry_after {
                    answer.set(header::RETRY_AFTER.as_str(), after);
                }
                if let Some(reset) = ratelimit_reset {
                    answer.set("ratelimit-remaining", "0");
                    answer.set("ratelimit-reset", reset);
                }
                Some(answer.saying(body.clone(), text.clone()))
            }
            Effect::ErrorBody => {
                Some(Self::ok(json!({"message": "internal server error"})).into_response())
            }
            Effect::Garbage => Some(
                Self::ok(Value::Null)
                    .respond(JSON, Body::from(&b"[{\"service\": \xff\xfe<html>"[..])),
            ),
            _ => None,
        }
    }

    /// What a fault answers once what was asked for is done; none for those that spoil the right answer.
    pub(super) fn after_commit(effect: &Effect) -> Option<Response> {
        match effect {
            Effect::CommitThenStatus { status, body, text } => {
                Some(Self::usual(*status).saying(body.clone(), text.clone()))
            }
            Effect::CommitThenReset => Some(Self::cut()),
            Effect::WithoutId => Some(Self::empty(StatusCode::ACCEPTED).into_response()),
            _ => None,
        }
    }

    /// No answer: the connection is closed before a byte of it is sent.
    pub(super) fn cut() -> Response {
        // The head of an answer is sent with the first of its body, and this one fails before that.
        let cut = stream::once(async { Err::<Bytes, _>(io::Error::other("cut off by a fault")) });
        Response::new(Body::from_stream(cut))
    }

    /// Sends the answer, spoilt as the fault says.
    pub(super) fn spoilt(mut self, effect: &Effect) -> Response {
        let Some(body) = self.body.as_mut().filter(|_| self.status.is_success()) else {
            return self.into_response();
        };
        match effect {
            Effect::Truncated => {
                let whole = body.to_string();
                let half = Bytes::copy_from_slice(&whole.as_bytes()[..whole.len() / 2]);
                // The half is on its way before the connection ends.
                let cut = stream::once(async {
                    tokio::task::yield_now().await;
                    Err(io::Error::other("cut off by a fault"))
                });
                let halves = stream::iter([Ok(half)]).chain(cut);
                self.set(header::CONTENT_LENGTH.as_str(), &whole.len().to_string());
                self.respond(JSON, Body::from_stream(halves))
            }
            Effect::ContentType { value } => {
                let body = Body::from(body.to_string());
                let named = HeaderValue::from_str(value);
                self.respond(named.unwrap_or(JSON), body)
            }
            other => {
                super::distortion::distort(body, other);
                self.into_response()
            }
        }
    }

    /// Sends the answer.
    pub(super) fn into_response(self) -> Response {
        if let Some(body) = &self.body {
            let body = Body::from(body.to_string());
            return self.respond(JSON, body);
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }

    /// Sends the answer with another body, if one is given.
    fn saying(mut self, body: Option<Value>, text: Option<String>) -> Response {
        if let Some(text) = text {
            let plain = HeaderValue::from_static("text/plain; charset=utf-8");
            return self.respond(plain, Body::from(text));
        }
        if body.is_some() {
            self.body = body;
        }
        self.into_response()
    }

    fn usual(status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Self::rate_limited();
        }
        let reason = status.canonical_reason().unwrap_or("error");
        Self::error(status, &reason.to_lowercase())
    }

    fn respond(self, content_type: HeaderValue, body: Body) -> Response {
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, content_type);
        response
    }

    /// Sets a header; a value that no header can carry is left out.
    fn set(&mut self, name: &'static str, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
    }
}
