//! Reading the body of an answer within its caps.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use tokio::time::timeout;

use crate::checks::net::session::RequestError;

/// The most of a body that is read: 1 MiB.
pub(super) const LONGEST_BODY: usize = 1024 * 1024;

/// From this size on, bodies are taken apart one at a time.
const LARGE_BODY: usize = 64 * 1024;

/// How long a body that nobody judges is read, so that its connection can be used again. A stream without an end, such as
/// server-sent events, costs this much and no more.
const UNJUDGED_BODY: Duration = Duration::from_millis(500);

/// What the body is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::checks) enum Reading {
    /// For its content.
    Content,
    /// For the time that it takes.
    Time,
    /// For nothing.
    Nothing,
}

/// A body, as far as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::checks) enum Body {
    /// All of it.
    Whole(Vec<u8>),
    /// It came to its end, and was not kept.
    Ended,
    /// It is longer than the cap.
    TooLong,
    /// Nobody asked for it, and it did not come to its end soon.
    Unread,
}

impl Body {
    /// All of it, when it was read for its content and is not too long.
    pub(in crate::checks) fn whole(&self) -> Option<&[u8]> {
        match self {
            Self::Whole(content) => Some(content),
            Self::Ended | Self::TooLong | Self::Unread => None,
        }
    }

    pub(super) fn is_large(&self) -> bool {
        matches!(self, Self::Whole(content) if content.len() > LARGE_BODY)
    }
}

/// Reads the body. Dropping it before its end closes its connection.
pub(super) async fn read(body: Incoming, reading: Reading) -> Result<Body, RequestError> {
    match reading {
        Reading::Content => collect(body, true).await,
        Reading::Time => collect(body, false).await,
        Reading::Nothing => match timeout(UNJUDGED_BODY, collect(body, false)).await {
            Ok(Ok(Body::TooLong)) | Err(_) => Ok(Body::Unread),
            Ok(outcome) => outcome,
        },
    }
}

async fn collect(mut body: Incoming, keep: bool) -> Result<Body, RequestError> {
    let longest = u64::try_from(LONGEST_BODY).unwrap_or(u64::MAX);
    if body.size_hint().lower() > longest {
        return Ok(Body::TooLong);
    }
    let mut length = 0;
    let mut content = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| RequestError::of(&error))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        length += data.len();
        if length > LONGEST_BODY {
            return Ok(Body::TooLong);
        }
        if keep {
            content.extend_from_slice(&data);
        }
    }
    Ok(if keep {
        Body::Whole(content)
    } else {
        Body::Ended
    })
}
