//! A peer on a free loopback port that speaks no protocol: it does one thing with every connection, whatever it is asked.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream, tcp::OwnedReadHalf},
    task::{JoinHandle, JoinSet},
};

/// What the kernel may hold of what a peer has written, so that a count of it says what the other side took.
const SEND_BUFFER: u32 = 64 * 1024;

/// What a peer does with every connection.
#[derive(Clone, Debug)]
pub enum Conduct {
    /// Reads, and says this and nothing more.
    Says(Vec<u8>),
    /// Says this, and closes the connection.
    SaysThenCloses(Vec<u8>),
    /// Says the first, and then the second for as long as it is taken.
    Floods(Vec<u8>, Vec<u8>),
    /// Resets the connection.
    Resets,
    /// Sends back what it is sent.
    Echoes,
}

/// A peer, until it is dropped.
#[derive(Debug)]
pub struct Peer {
    port: u16,
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Counts {
    connections: AtomicUsize,
    sent: AtomicUsize,
}

impl Peer {
    /// One that waits for the first words of the other side, unless it is the first to speak.
    pub fn start(conduct: Conduct, speaks_first: bool) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(SEND_BUFFER).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(128).unwrap();
        let port = listener.local_addr().unwrap().port();
        let counts = Arc::<Counts>::default();
        let task = tokio::spawn(accept(listener, conduct, speaks_first, counts.clone()));
        Self { port, counts, task }
    }

    /// Its port at 127.0.0.1.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// How many connections it has accepted.
    pub fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::SeqCst)
    }

    /// How many bytes it got rid of, on all connections.
    pub fn sent(&self) -> usize {
        self.counts.sent.load(Ordering::SeqCst)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, conduct: Conduct, speaks_first: bool, counts: Arc<Counts>) {
    // Dropped with this task, and the connections with it.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        counts.connections.fetch_add(1, Ordering::SeqCst);
        let (conduct, counts) = (conduct.clone(), counts.clone());
        connections.spawn(async move {
            // A client that goes away in the middle is no matter of the peer's.
            let _ = converse(stream, conduct, speaks_first, &counts.sent).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(
    stream: TcpStream,
    conduct: Conduct,
    speaks_first: bool,
    sent: &AtomicUsize,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    if matches!(conduct, Conduct::Resets) {
        return stream.set_zero_linger();
    }
    let (mut from, mut to) = stream.into_split();
    let mut words = vec![0; 4096];
    let mut length = 0;
    if !speaks_first {
        length = from.read(&mut words).await?;
    }
    match conduct {
        Conduct::Resets => {}
        Conduct::SaysThenCloses(said) => to.write_all(&said).await?,
        Conduct::Says(said) => {
            to.write_all(&said).await?;
            listen(from).await?;
        }
        Conduct::Floods(first, then) => {
            // What it is told goes nowhere, and must not stop it.
            let ears = tokio::spawn(listen(from));
            let flooded = flood(&mut to, &first, &then, sent).await;
            ears.abort();
            return flooded;
        }
        Conduct::Echoes => loop {
            to.write_all(&words[..length]).await?;
            length = from.read(&mut words).await?;
            if length == 0 {
                break;
            }
        },
    }
    Ok(())
}

async fn flood(
    to: &mut (impl AsyncWriteExt + Unpin),
    first: &[u8],
    then: &[u8],
    sent: &AtomicUsize,
) -> io::Result<()> {
    to.write_all(first).await?;
    loop {
        to.write_all(then).await?;
        sent.fetch_add(then.len(), Ordering::SeqCst);
    }
}

async fn listen(mut from: OwnedReadHalf) -> io::Result<()> {
    let mut ignored = vec![0; 4096];
    while from.read(&mut ignored).await? > 0 {}
    Ok(())
}
