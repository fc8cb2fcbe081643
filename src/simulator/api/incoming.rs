//! A call of Render's API as it arrived.

use std::time::Duration;

use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error},
};
use serde_json::{Map, Value};

use crate::simulator::{answer::Refusal, keys::KeyDigest, query::invalid};

/// The largest body that is read, in bytes.
const MAXIMUM_BODY: usize = 1 << 20;

/// How long a body may take to arrive.
const BODY_LIMIT: Duration = Duration::from_secs(10);

/// A call, read to its end. It holds what its headers say and not the headers, so that no key is kept.
#[derive(Debug)]
pub(in crate::simulator) struct Incoming {
    pub(in crate::simulator) method: Method,
    pub(in crate::simulator) path: String,
    pub(in crate::simulator) query: String,
    pub(in crate::simulator) caller: Option<KeyDigest>,
    pub(in crate::simulator) accepts_json: bool,
    pub(in crate::simulator) body: Content,
}

/// The body of a call.
#[derive(Debug)]
pub(in crate::simulator) enum Content {
    /// There is none.
    Empty,
    /// JSON, and named so.
    Json(Value),
    /// Something else, as far as it is text.
    Other(String),
}

impl Incoming {
    /// Reads a call to its end. A body that is too long, or too long under way, is refused.
    pub(super) async fn read(request: Request<Body>) -> Result<Self, Refusal> {
        let (head, body) = request.into_parts();
        let reading = Limited::new(body, MAXIMUM_BODY).collect();
        let bytes = tokio::time::timeout(BODY_LIMIT, reading)
            .await
            .map_err(|_| invalid("the body did not arrive in time"))?
            .map_err(|_| {
                let message = "the body is too large or was cut off".to_owned();
                Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message)
            })?
            .to_bytes();
        Ok(Self {
            caller: bearer(&head.headers).map(KeyDigest::of),
            accepts_json: accepts_json(&head.headers),
            body: Content::of(&head.headers, &bytes),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            method: head.method,
        })
    }
}

impl Content {
    fn of(headers: &HeaderMap, bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::Empty;
        }
        let kind = headers
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .and_then(|kind| kind.split(';').next());
        let named = kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
        match serde_json::from_slice(bytes) {
            Ok(body) if named => Self::Json(body),
            _ => Self::Other(String::from_utf8_lossy(bytes).into_owned()),
        }
    }

    /// The body as a value: null if there is none, text if it is no JSON.
    pub(in crate::simulator) fn to_value(&self) -> Option<Value> {
        match self {
            Self::Empty => None,
            Self::Json(body) => Some(body.clone()),
            Self::Other(text) => Some(Value::from(text.clone())),
        }
    }

    /// The body, which is an object, as what the route takes. What the description does not have is refused, and so is
    /// null: no property of any body here is described as nullable.
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        parsed(self.json()?)
    }

    /// The same for a body that is a list of objects.
    pub(super) fn parse_list<T: DeserializeOwned>(&self) -> Result<Vec<T>, Refusal> {
        let items = self.json()?.as_array();
        let items = items.ok_or_else(|| invalid("the body is no list"))?;
        items.iter().map(parsed).collect()
    }

    fn json(&self) -> Result<&Value, Refusal> {
        match self {
            Self::Empty => Err(invalid("a JSON body is required")),
            Self::Other(_) => Err(invalid("the body is no JSON, or not named so")),
            Self::Json(body) if holds_null(body) => Err(invalid("null in the body")),
            Self::Json(body) => Ok(body),
        }
    }
}

fn parsed<T: DeserializeOwned>(object: &Value) -> Result<T, Refusal> {
    if !object.is_object() {
        return Err(invalid("the body is not the object that it should be"));
    }
    T::deserialize(object)
        .map_err(|error| invalid(format!("the body is not as described: {error}")))
}

/// An object within a body. Without this, a list of its values in their order would pass for it.
pub(super) fn object<'body, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'body>,
    T: DeserializeOwned,
{
    let fields = Map::deserialize(deserializer)?;
    let object = T::deserialize(Value::Object(fields)).map_err(D::Error::custom)?;
    Ok(Some(object))
}

fn holds_null(body: &Value) -> bool {
    match body {
        Value::Null => true,
        Value::Array(items) => items.iter().any(holds_null),
        Value::Object(fields) => fields.values().any(holds_null),
        _ => false,
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

fn accepts_json(headers: &HeaderMap) -> bool {
    let mut named = headers.get_all(header::ACCEPT).iter().peekable();
    named.peek().is_none()
        || named
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|kind| kind.split(';').next().unwrap_or_default().trim())
            .any(|kind| matches!(kind, "*/*" | "application/*" | "application/json"))
}
