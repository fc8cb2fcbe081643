//! A connection of the dialer for client libraries that insist on opening sockets themselves: they are given an address of
//! this process, behind which the connection is.

use std::{
    io,
    path::{Path, PathBuf},
    process,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split},
    net::{UnixListener, UnixStream},
    time::timeout,
};

use super::connection::Connection;

/// Bytes that are carried at one time.
const CHUNK_BYTES: usize = 16 << 10;

/// How long what the library said last may take on its way, before the connection is closed.
const FAREWELL: Duration = Duration::from_millis(100);

/// Strangers that are turned away before the relay gives up.
const MOST_STRANGERS: usize = 16;

/// Looks at what the target sends, before the library does; `false` ends the connection.
pub trait Watch: Send {
    /// Whether `bytes`, which follow those of the calls before, may pass.
    fn admits(&mut self, bytes: &[u8]) -> bool;
}

/// An address of this process for exactly one connection to a target. It lies in no folder, so that it works where nothing can
/// be written, and it lets in nobody but this process.
#[derive(Debug)]
pub struct Relay {
    listener: UnixListener,
    address: PathBuf,
    connection: Connection,
}

/// How a relay ended.
#[derive(Debug)]
pub enum Carried {
    /// One of the two sides was done.
    Whole,
    /// The watch stopped it.
    Stopped,
    /// A side broke.
    Broken(io::Error),
}

impl Relay {
    /// Puts `connection` behind an address that ends in `suffix`, for libraries that add one of their own.
    pub fn new(connection: Connection, suffix: &str) -> io::Result<Self> {
        let address = format!("\0plumbline-{:032x}", rand::random::<u128>());
        let listener = UnixListener::bind(format!("{address}{suffix}"))?;
        Ok(Self {
            listener,
            address: address.into(),
            connection,
        })
    }

    /// The address, without the suffix.
    #[must_use]
    pub fn address(&self) -> &Path {
        &self.address
    }

    /// Does `work`, which connects to the address, and carries its bytes meanwhile; soon after it is done, the connection
    /// is closed. Says how the carrying ended, when it did before the work.
    pub async fn beside<T>(
        self,
        watch: impl Watch,
        work: impl Future<Output = T> + Send,
    ) -> (T, Option<Carried>) {
        let mut work = Box::pin(work);
        let mut carrying = std::pin::pin!(self.carry(watch));
        tokio::select! {
            biased;
            done = &mut work => {
                // With it goes the library's socket, whose last words are still to be carried.
                drop(work);
                let _ = timeout(FAREWELL, carrying).await;
                (done, None)
            }
            carried = &mut carrying => {
                // The library learns of the end from its own socket, which is closed by now.
                (work.await, Some(carried))
            }
        }
    }

    async fn carry(self, watch: impl Watch) -> Carried {
        match self.accept().await {
            Ok((near, far)) => exchange(near, far, watch).await,
            Err(error) => Carried::Broken(error),
        }
    }

    /// The library's side and the target's. Nobody can connect from here on.
    async fn accept(self) -> io::Result<(UnixStream, Connection)> {
        for _ in 0..MOST_STRANGERS {
            let (stream, _) = self.listener.accept().await?;
            let process = stream.peer_cred()?.pid();
            if process.and_then(|it| u32::try_from(it).ok()) == Some(process::id()) {
                return Ok((stream, self.connection));
            }
        }
        Err(io::ErrorKind::ConnectionRefused.into())
    }
}

async fn exchange(near: UnixStream, far: Connection, watch: impl Watch) -> Carried {
    let (near_read, near_write) = split(near);
    let (far_read, far_write) = split(far);
    let there = pass(near_read, far_write, |_: &[u8]| true);
    let mut watch = watch;
    let back = pass(far_read, near_write, |bytes: &[u8]| watch.admits(bytes));
    // The end of one way is the end of both: these protocols have no use for half a connection.
    tokio::select! {
        ended = there => ended,
        ended = back => ended,
    }
}

async fn pass<Source, Sink>(
    mut source: ReadHalf<Source>,
    mut sink: WriteHalf<Sink>,
    mut admits: impl FnMut(&[u8]) -> bool,
) -> Carried
where
    Source: tokio::io::AsyncRead,
    Sink: tokio::io::AsyncWrite,
{
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let carried = async {
            let length = source.read(&mut chunk).await?;
            let bytes = &chunk[..length];
            let admitted = admits(bytes);
            if admitted {
                sink.write_all(bytes).await?;
                sink.flush().await?;
            }
            Ok((length, admitted))
        };
        match carried.await {
            Ok((0, _)) => return Carried::Whole,
            Ok((_, true)) => {}
            Ok((_, false)) => return Carried::Stopped,
            Err(error) => return Carried::Broken(error),
        }
    }
}

#[cfg(test)]
mod tests;
