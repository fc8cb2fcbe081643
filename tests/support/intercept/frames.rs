//! The events of a watch: one line of JSON each.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{reply::Piece, request::Request, rule::FrameAction, server::Shared};

/// Longest event.
const LONGEST: usize = 8 << 20;

/// One event of a watch, as rules see it.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Path of the watch, without the query.
    pub path: String,
    /// `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK` or `ERROR`.
    pub kind: String,
    /// The object.
    pub object: Value,
}

/// Passes the events of a watch on, as the rules say, until it ends or its peer has gone away.
pub(super) async fn carry(
    shared: &Shared,
    request: &Request,
    upstream: Incoming,
    pieces: mpsc::Sender<Piece>,
) {
    let gone = pieces.clone();
    let watch = Watch {
        shared,
        request,
        pieces,
        late: None,
    };
    tokio::select! {
        // Nobody is left to tell.
        _ = watch.run(upstream) => {}
        () = gone.closed() => {}
    }
}

/// The watch is over.
struct Over;

struct Watch<'a> {
    shared: &'a Shared,
    request: &'a Request,
    pieces: mpsc::Sender<Piece>,
    /// An event that follows the next one.
    late: Option<Bytes>,
}

impl Watch<'_> {
    async fn run(mut self, mut upstream: Incoming) -> Result<(), Over> {
        let mut unread = BytesMut::new();
        loop {
            let chunk = match upstream.frame().await {
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
                Some(Err(_)) => return self.send(Piece::Cut).await,
                None => break,
            };
            unread.extend_from_slice(&chunk);
            while let Some(end) = unread.iter().position(|byte| *byte == b'\n') {
                let line = unread.split_to(end + 1).freeze();
                self.shared.freezer.until_thawed(&self.request.path).await;
                self.pass(line).await?;
            }
            if unread.len() > LONGEST {
                return self.send(Piece::Cut).await;
            }
        }
        if let Some(late) = self.late.take() {
            self.bytes(late).await?;
        }
        self.bytes(unread.freeze()).await
    }

    async fn pass(&mut self, line: Bytes) -> Result<(), Over> {
        let before = self.late.take();
        match self.shared.frame_rules.decide(&self.read(&line)) {
            None => self.bytes(line).await?,
            Some(FrameAction::Drop) => {}
            Some(FrameAction::Duplicate) => {
                self.bytes(line.clone()).await?;
                self.bytes(line).await?;
            }
            Some(FrameAction::Hold) => {
                if self.is_released(&line).await {
                    self.bytes(line).await?;
                }
            }
            Some(FrameAction::Reorder) => self.late = Some(line),
            Some(FrameAction::Truncate) => {
                self.bytes(line.slice(..line.len() / 2)).await?;
                self.send(Piece::Cut).await?;
                return Err(Over);
            }
        }
        match before {
            Some(before) => self.bytes(before).await,
            None => Ok(()),
        }
    }

    fn read(&self, line: &[u8]) -> Frame {
        let mut event: Value = serde_json::from_slice(line).unwrap_or_default();
        Frame {
            path: self.request.path.clone(),
            kind: event["type"].as_str().unwrap_or_default().to_owned(),
            object: event["object"].take(),
        }
    }

    async fn is_released(&self, line: &[u8]) -> bool {
        let frame = self.read(line);
        let request = Request {
            body: json!({"type": frame.kind, "object": frame.object}),
            ..self.request.clone()
        };
        self.shared.hold(request).await.is_ok()
    }

    async fn bytes(&self, bytes: Bytes) -> Result<(), Over> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.send(Piece::Bytes(bytes)).await
    }

    async fn send(&self, piece: Piece) -> Result<(), Over> {
        self.pieces.send(piece).await.map_err(|_| Over)
    }
}
