//! A TCP proxy on loopback, between the controller and the API server. TLS passes through it as it is, and the server's
//! certificate still verifies, since the host stays the same.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// Bytes that are passed on at once.
const PIECE: usize = 16 * 1024;

/// What the proxy does with the bytes of every connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Passes them on.
    Pass,
    /// Holds them in both directions, and closes nothing: the network has gone silent.
    Stall,
    /// Passes on what the client sends, and holds the answers.
    Mute,
    /// Resets each new connection.
    Refuse,
}

#[derive(Clone, Copy, Debug)]
struct Orders {
    mode: Mode,
    /// Connections with a lower number stay silent for good, whatever the mode.
    frozen_below: usize,
    /// Connections with a lower number are closed.
    cut_below: usize,
}

impl Orders {
    fn pass(&self, number: usize, direction: Direction) -> bool {
        let mode = match self.mode {
            Mode::Pass | Mode::Refuse => true,
            Mode::Stall => false,
            Mode::Mute => direction == Direction::ToServer,
        };
        mode && self.frozen_below <= number
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    ToServer,
    ToClient,
}

/// The proxy. It and all its connections end when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    orders: watch::Sender<Orders>,
    accepted: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Passes everything on to `upstream`, a URL such as `https://127.0.0.1:6443`, until it is told otherwise.
    pub async fn start(upstream: &str) -> Self {
        let upstream: SocketAddr = upstream
            .rsplit('/')
            .next()
            .and_then(|authority| authority.parse().ok())
            .expect("the API server listens on an address of loopback");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (orders, obeyed) = watch::channel(Orders {
            mode: Mode::Pass,
            frozen_below: 0,
            cut_below: 0,
        });
        let accepted = Arc::<AtomicUsize>::default();
        let task = tokio::spawn(accept(listener, upstream, obeyed, accepted.clone()));
        Self {
            address,
            orders,
            accepted,
            task,
        }
    }

    /// Where it listens, as the address of an API server.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// From now on does so with every connection, open ones included.
    pub fn set(&self, mode: Mode) {
        self.orders.send_modify(|orders| orders.mode = mode);
    }

    /// The connections that are open now go silent for good, as when a peer vanished without a word; new ones pass.
    pub fn freeze(&self) {
        let accepted = self.accepted();
        self.orders
            .send_modify(|orders| orders.frozen_below = accepted);
    }

    /// Closes the connections that are open now; new ones pass.
    pub fn cut(&self) {
        let accepted = self.accepted();
        self.orders
            .send_modify(|orders| orders.cut_below = accepted);
    }

    /// Connections so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    listener: TcpListener,
    upstream: SocketAddr,
    orders: watch::Receiver<Orders>,
    accepted: Arc<AtomicUsize>,
) {
    // Dropped with this task, and the connections with it.
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let number = accepted.fetch_add(1, Ordering::SeqCst);
        if orders.borrow().mode == Mode::Refuse {
            // Closing then sends RST instead of FIN.
            let _ = client.set_zero_linger();
            continue;
        }
        connections.spawn(carry(client, upstream, number, orders.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn carry(
    client: TcpStream,
    upstream: SocketAddr,
    number: usize,
    mut orders: watch::Receiver<Orders>,
) {
    let held = orders.clone();
    let passing = async {
        let server = TcpStream::connect(upstream).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (client_reads, client_writes) = client.into_split();
        let (server_reads, server_writes) = server.into_split();
        tokio::try_join!(
            pump(client_reads, server_writes, held.clone(), |orders| orders
                .pass(number, Direction::ToServer)),
            pump(server_reads, client_writes, held, |orders| orders
                .pass(number, Direction::ToClient)),
        )
    };
    tokio::select! {
        // A side that went away is no matter of the proxy's.
        _ = passing => {}
        _ = orders.wait_for(|orders| orders.cut_below > number) => {}
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut orders: watch::Receiver<Orders>,
    passes: impl Fn(&Orders) -> bool,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let length = from.read(&mut piece).await?;
        orders.wait_for(&passes).await.map_err(io::Error::other)?;
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&piece[..length]).await?;
    }
}
