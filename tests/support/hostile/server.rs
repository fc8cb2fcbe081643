//! A server on a free loopback port, and the ledger of what reached it.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;

use super::{
    answer::{After, answer, read_request},
    authority::Certificate,
    behaviour::Behaviour,
};

/// A request as it reached the server.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// How many requests came before on the same connection.
    pub place: usize,
    /// How many requests came before at the server.
    pub number: usize,
    /// Request line and headers.
    pub head: String,
    /// Body.
    pub body: Vec<u8>,
}

/// What reached a server, and what it managed to send.
#[derive(Debug, Default)]
pub struct Ledger {
    pub connections: AtomicUsize,
    pub open_connections: AtomicUsize,
    pub bytes_sent: AtomicUsize,
    pub requests: Mutex<Vec<Recorded>>,
}

/// A server that behaves as told, until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    scheme: &'static str,
    ledger: Arc<Ledger>,
    behaviour: Arc<Mutex<Behaviour>>,
    task: JoinHandle<()>,
}

impl Server {
    /// A plain HTTP server.
    pub async fn start(behaviour: Behaviour) -> Self {
        Self::listen(behaviour, None).await
    }

    /// An HTTP server under TLS.
    pub async fn start_tls(behaviour: Behaviour, certificate: &Certificate) -> Self {
        Self::listen(behaviour, Some(TlsAcceptor::from(certificate.server()))).await
    }

    async fn listen(behaviour: Behaviour, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let ledger = Arc::new(Ledger::default());
        let behaviour = Arc::new(Mutex::new(behaviour));
        let task = tokio::spawn(accept(listener, tls, ledger.clone(), behaviour.clone()));
        Self {
            address,
            scheme,
            ledger,
            behaviour,
            task,
        }
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The URL of a path, by IP address when plain and by `localhost` under TLS, as its certificate names it.
    pub fn url(&self, path: &str) -> String {
        let host = if self.scheme == "https" {
            "localhost"
        } else {
            "127.0.0.1"
        };
        format!("{}://{host}:{}{path}", self.scheme, self.port())
    }

    /// Behaves so from the next request on.
    pub fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    /// How many connections it has accepted.
    pub fn connections(&self) -> usize {
        self.ledger.connections.load(Ordering::SeqCst)
    }

    /// How many connections are open now.
    pub fn open_connections(&self) -> usize {
        self.ledger.open_connections.load(Ordering::SeqCst)
    }

    /// How many bytes of answers it got rid of.
    pub fn bytes_sent(&self) -> usize {
        self.ledger.bytes_sent.load(Ordering::SeqCst)
    }

    /// The requests that reached it.
    pub fn requests(&self) -> Vec<Recorded> {
        self.ledger.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    ledger: Arc<Ledger>,
    behaviour: Arc<Mutex<Behaviour>>,
) {
    // Dropped with this task, and the connections with it.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        ledger.connections.fetch_add(1, Ordering::SeqCst);
        ledger.open_connections.fetch_add(1, Ordering::SeqCst);
        let (tls, ledger, behaviour) = (tls.clone(), ledger.clone(), behaviour.clone());
        connections.spawn(async move {
            // A client that goes away in the middle is no matter of the server's.
            let _ = converse(stream, tls, &ledger, &behaviour).await;
            ledger.open_connections.fetch_sub(1, Ordering::SeqCst);
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    ledger: &Ledger,
    behaviour: &Mutex<Behaviour>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    if behaviour.lock().unwrap().resets() {
        // Closing then sends RST instead of FIN.
        stream.set_zero_linger()?;
    }
    if let Some(tls) = tls {
        serve(&mut tls.accept(stream).await?, ledger, behaviour).await
    } else {
        let mut stream = stream;
        serve(&mut stream, ledger, behaviour).await
    }
}

async fn serve(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    ledger: &Ledger,
    behaviour: &Mutex<Behaviour>,
) -> io::Result<()> {
    let mut place = 0;
    while let Some(mut request) = read_request(stream, place).await? {
        place += 1;
        {
            let mut requests = ledger.requests.lock().unwrap();
            request.number = requests.len();
            requests.push(request.clone());
        }
        let behaviour = behaviour.lock().unwrap().clone();
        if answer(stream, &request, &behaviour, ledger).await? == After::Close {
            break;
        }
    }
    Ok(())
}
