//! Carries out a behaviour on one connection.

use std::{
    io::{self, Write},
    sync::atomic::Ordering,
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::sleep,
};

use super::{
    behaviour::{Behaviour, complete},
    server::{Ledger, Recorded},
};

/// The longest request that is read.
const LONGEST_REQUEST: usize = 256 * 1024;

/// What is left to do with the connection.
#[derive(PartialEq, Eq)]
pub enum After {
    KeepOpen,
    Close,
}

/// Reads one request, the `place`th of its connection; `None` when the client has closed the connection.
pub async fn read_request(
    stream: &mut (impl AsyncRead + Unpin),
    place: usize,
) -> io::Result<Option<Recorded>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if bytes.len() > LONGEST_REQUEST || stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let length = text
        .lines()
        .find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse().ok())?
        })
        .unwrap_or(0);
    while bytes.len() < head + length {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(Recorded {
        place,
        number: 0,
        head: text,
        body: bytes[head..head + length].to_vec(),
    }))
}

/// Answers one request.
pub async fn answer(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: &Recorded,
    behaviour: &Behaviour,
    ledger: &Ledger,
) -> io::Result<After> {
    let mut send = Sender { stream, ledger };
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    match behaviour {
        Behaviour::OnceAConnection if request.place > 0 => return Ok(After::Close),
        Behaviour::Ok | Behaviour::OnceAConnection => {
            send.all(&complete(200, "", br#"{"status":"ok"}"#)).await?;
        }
        Behaviour::Json(status, body) => {
            send.all(&complete(*status, "", body.as_bytes())).await?;
        }
        Behaviour::Raw(bytes) => send.all(bytes).await?,
        Behaviour::RawThenClose(bytes) => {
            send.all(bytes).await?;
            return Ok(After::Close);
        }
        Behaviour::Slow(delay) => {
            sleep(*delay).await;
            send.all(&complete(200, "", b"{}")).await?;
        }
        Behaviour::SlowBody(delay) => {
            send.all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n")
                .await?;
            sleep(*delay).await;
            send.all(b"{}").await?;
        }
        Behaviour::InTurn(behaviours) => {
            let turn = request.number.min(behaviours.len() - 1);
            return Box::pin(answer(send.stream, request, &behaviours[turn], ledger)).await;
        }
        Behaviour::Hang => send.until_closed().await?,
        Behaviour::Drip(pause) => {
            send.all(chunked).await?;
            send.forever(b"1\r\na\r\n", *pause).await?;
        }
        Behaviour::Endless => {
            send.all(chunked).await?;
            let mut chunk = b"4000\r\n".to_vec();
            chunk.resize(chunk.len() + 0x4000, b'a');
            chunk.extend_from_slice(b"\r\n");
            send.forever(&chunk, Duration::ZERO).await?;
        }
        Behaviour::Long(length) => {
            send.all(&complete(200, "", &vec![b'a'; *length])).await?;
        }
        Behaviour::InterimFlood => {
            let interim = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
            send.forever(interim, Duration::ZERO).await?;
        }
        Behaviour::EndlessHead => {
            send.all(b"HTTP/1.1 200 OK\r\n").await?;
            send.forever(b"x-filler: 0123456789abcdef\r\n", Duration::ZERO)
                .await?;
        }
        Behaviour::ResetInBody | Behaviour::CloseInBody => {
            send.all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
                .await?;
            return Ok(After::Close);
        }
        Behaviour::CloseBeforeAnswer => return Ok(After::Close),
        Behaviour::Redirect(status, location) => {
            let header = format!("location: {location}\r\n");
            send.all(&complete(*status, &header, b"")).await?;
        }
        Behaviour::Echo => {
            let body = serde_json::json!({ "head": request.head }).to_string();
            send.all(&complete(200, "", body.as_bytes())).await?;
        }
        Behaviour::ByMethod(get, other) => {
            let is_get = request.head.starts_with("GET ");
            let behaviour = if is_get { get } else { other };
            return Box::pin(answer(send.stream, request, behaviour, ledger)).await;
        }
        Behaviour::ByHead(choose) => {
            let behaviour = choose.0(&request.head);
            return Box::pin(answer(send.stream, request, &behaviour, ledger)).await;
        }
        Behaviour::GzipBomb(unpacked) => {
            let packed = pack(*unpacked)?;
            send.all(&complete(200, "content-encoding: gzip\r\n", &packed))
                .await?;
        }
    }
    Ok(After::KeepOpen)
}

struct Sender<'a, S> {
    stream: &'a mut S,
    ledger: &'a Ledger,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sender<'_, S> {
    async fn all(&mut self, bytes: &[u8]) -> io::Result<()> {
        for part in bytes.chunks(16 * 1024) {
            self.stream.write_all(part).await?;
            self.ledger
                .bytes_sent
                .fetch_add(part.len(), Ordering::SeqCst);
        }
        self.stream.flush().await
    }

    async fn forever(&mut self, bytes: &[u8], pause: Duration) -> io::Result<()> {
        loop {
            self.all(bytes).await?;
            if !pause.is_zero() {
                sleep(pause).await;
            }
        }
    }

    async fn until_closed(&mut self) -> io::Result<()> {
        let mut ignored = [0; 1024];
        while self.stream.read(&mut ignored).await? > 0 {}
        Ok(())
    }
}

fn pack(unpacked: usize) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0; 64 * 1024];
    let mut left = unpacked;
    while left > 0 {
        let part = left.min(zeros.len());
        encoder.write_all(&zeros[..part])?;
        left -= part;
    }
    encoder.finish()
}
