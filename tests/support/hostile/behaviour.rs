//! What a server can be told to do with a request.

use std::{fmt, sync::Arc, time::Duration};

/// What a server does with every request that it reads.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// Answers 200 with `{"status":"ok"}`.
    Ok,
    /// Answers with this status and JSON body.
    Json(u16, String),
    /// Answers with exactly these bytes, and keeps the connection.
    Raw(Vec<u8>),
    /// Answers with exactly these bytes, and closes the connection.
    RawThenClose(Vec<u8>),
    /// Answers well, after a while.
    Slow(Duration),
    /// Reads, and never answers.
    Hang,
    /// Sends the head at once, and a body of a byte at a time without an end.
    Drip(Duration),
    /// Sends the head at once, and chunks without an end, as fast as they are taken.
    Endless,
    /// Sends the head at once, and a body as long as this, as fast as it is taken.
    Long(usize),
    /// Sends interim (1xx) answers without an end.
    InterimFlood,
    /// Sends header lines without an end.
    EndlessHead,
    /// Sends half of its body, then resets the connection.
    ResetInBody,
    /// Closes the connection in the middle of the body.
    CloseInBody,
    /// Closes the connection instead of an answer.
    CloseBeforeAnswer,
    /// Answers the first request of each connection, and closes the connection instead of a second answer.
    OnceAConnection,
    /// Sends on to this address with this status.
    Redirect(u16, String),
    /// Answers with the head of the request as a JSON string in `head`, so that a check can see it.
    Echo,
    /// Answers with a gzip body that unpacks to this many bytes.
    GzipBomb(usize),
    /// Sends the head at once, and the body after a while.
    SlowBody(Duration),
    /// Does one after the other with the requests that reach the server, and the last one with all that follow.
    InTurn(Vec<Behaviour>),
    /// Does the first with a GET, and the second with every other request.
    ByMethod(Box<Behaviour>, Box<Behaviour>),
    /// Does what this makes of the head of a request, whichever path and headers it has.
    ByHead(ByHead),
}

/// Makes a behaviour of the head of a request.
#[derive(Clone)]
pub struct ByHead(pub Arc<dyn Fn(&str) -> Behaviour + Send + Sync>);

impl fmt::Debug for ByHead {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ByHead")
    }
}

impl Behaviour {
    /// Does what `choose` makes of the head of each request.
    pub fn by_head(choose: impl Fn(&str) -> Self + Send + Sync + 'static) -> Self {
        Self::ByHead(ByHead(Arc::new(choose)))
    }

    /// Whether it ever resets a connection.
    pub fn resets(&self) -> bool {
        match self {
            Self::ResetInBody => true,
            Self::ByMethod(get, other) => get.resets() || other.resets(),
            Self::InTurn(behaviours) => behaviours.iter().any(Self::resets),
            _ => false,
        }
    }
}

/// A whole answer with a length.
pub fn complete(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = format!(
        "HTTP/1.1 {status} Test\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(body);
    answer
}
