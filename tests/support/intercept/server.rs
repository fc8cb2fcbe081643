//! The interceptor: its address, its connections, and what a test tells it.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use url::Url;

use super::{
    Closed,
    delivery::{Delivery, Flushing},
    exchange::exchange,
    frames::Frame,
    freezer::{Freezer, Frozen},
    held::Held,
    journal::Journal,
    request::Request,
    rule::{Action, Applied, FrameAction, FrameRule, RequestRule, Rules},
    upstream::{Stream, Upstream},
};
use crate::support::{control_plane::ControlPlane, eventually::LIMIT, hostile::Authority};

/// Requests and frames that wait to be asked for with [`Interceptor::held`].
const HELD: usize = 64;

/// Longest time of a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// An HTTP proxy in front of one server, on a free loopback port. It, its connections and what it holds end when it is
/// dropped.
pub struct Interceptor {
    url: Url,
    shared: Arc<Shared>,
    authority: Option<Authority>,
    held: tokio::sync::Mutex<mpsc::Receiver<Held>>,
}

/// What the tasks of an interceptor share.
pub(super) struct Shared {
    pub upstream: Upstream,
    pub journal: Journal,
    pub rules: Rules<Request, Action>,
    pub frame_rules: Rules<Frame, FrameAction>,
    pub freezer: Freezer,
    pub tasks: Tasks,
    keep: mpsc::Sender<Held>,
}

impl Interceptor {
    /// In front of the API server of `plane`, under TLS with a certificate of its own.
    pub async fn before_api_server(plane: &ControlPlane, journal: &Journal) -> Self {
        let url = Url::parse(&plane.facts.server).unwrap();
        let upstream = Upstream::new(&url, Some(&plane.facts.ca_file));
        Self::start(url, upstream, Some(Authority::new()), journal).await
    }

    /// In front of the plain HTTP server at `url`, whose host is an address.
    pub async fn before(url: &str, journal: &Journal) -> Self {
        let url = Url::parse(url).unwrap();
        let upstream = Upstream::new(&url, None);
        Self::start(url, upstream, None, journal).await
    }

    async fn start(
        mut url: Url,
        upstream: Upstream,
        authority: Option<Authority>,
        journal: &Journal,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        set_address(&mut url, address);
        let (keep, held) = mpsc::channel(HELD);
        let shared = Arc::new(Shared {
            upstream,
            journal: journal.clone(),
            rules: Rules::default(),
            frame_rules: Rules::default(),
            freezer: Freezer::default(),
            tasks: Tasks::default(),
            keep,
        });
        // Without ALPN in the server's configuration, every client speaks HTTP/1.1.
        let tls = authority.as_ref().map(|authority| {
            let certificate = authority.good_for(&address.ip().to_string());
            TlsAcceptor::from(certificate.server())
        });
        shared.tasks.spawn(accept(listener, tls, shared.clone()));
        Self {
            url,
            shared,
            authority,
            held: tokio::sync::Mutex::new(held),
        }
    }

    /// Where it listens: the URL that it was started with, with another port.
    pub fn url(&self) -> String {
        self.url.as_str().trim_end_matches('/').to_owned()
    }

    /// The file with the certificate that its own is verified with; it goes with the interceptor. Panics when the server
    /// is a plain one.
    pub fn certificate_authority(&self) -> PathBuf {
        let authority = self.authority.as_ref();
        authority
            .expect("there is no TLS before a plain server")
            .file()
    }

    /// Adds a rule. The first one whose turn it is decides.
    pub fn rule(&self, rule: RequestRule) -> Applied {
        self.shared.rules.add(rule)
    }

    /// Adds a rule of the events of watches.
    pub fn frame_rule(&self, rule: FrameRule) -> Applied {
        self.shared.frame_rules.add(rule)
    }

    /// Forgets every rule. What they did is not undone.
    pub fn clear(&self) {
        self.shared.rules.clear();
        self.shared.frame_rules.clear();
    }

    /// Waits for the next request or event that a rule holds, in the order in which they came. Panics after a minute.
    pub async fn held(&self) -> Held {
        let mut held = self.held.lock().await;
        let next = timeout(LIMIT, held.recv()).await;
        next.unwrap_or_else(|_| panic!("nothing was held within {LIMIT:?}"))
            .expect("the interceptor runs")
    }

    /// Freezes the watches of each path that passes `test`, open ones and new ones: they stay open and tell nothing, as if
    /// the API server had lost touch with its store.
    pub fn freeze(&self, test: impl Fn(&str) -> bool + Send + Sync + 'static) -> Frozen {
        self.shared.freezer.freeze(test)
    }
}

impl Drop for Interceptor {
    fn drop(&mut self) {
        self.shared.tasks.end();
    }
}

impl Shared {
    /// Keeps `request` until the test releases it; fails when it is not to go on.
    pub async fn hold(&self, request: Request) -> Result<(), Closed> {
        let (held, holding) = Held::new(request, None);
        self.keep.send(held).await.map_err(|_| Closed)?;
        holding.released().await
    }
}

/// The tasks of one interceptor.
pub(super) struct Tasks(Mutex<Option<JoinSet<()>>>);

impl Default for Tasks {
    fn default() -> Self {
        Self(Mutex::new(Some(JoinSet::new())))
    }
}

impl Tasks {
    /// Runs it until it ends, or all do.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(tasks) = &mut *self.0.lock().unwrap() {
            while tasks.try_join_next().is_some() {}
            tasks.spawn(task);
        }
    }

    fn end(&self) {
        let tasks = self.0.lock().unwrap().take();
        drop(tasks);
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let life = shared.journal.life();
        let (tls, through) = (tls.clone(), shared.clone());
        shared.tasks.spawn(async move {
            tokio::select! {
                () = serve(stream, tls, &through, life) => {}
                () = through.journal.crashed(life) => {}
            }
        });
    }
}

async fn serve(stream: TcpStream, tls: Option<TlsAcceptor>, shared: &Arc<Shared>, life: usize) {
    let _ = stream.set_nodelay(true);
    let stream: Box<dyn Stream> = match tls {
        None => Box::new(stream),
        Some(tls) => match timeout(HANDSHAKE, tls.accept(stream)).await {
            Ok(Ok(stream)) => Box::new(stream),
            // A client that does not trust the certificate, or went away.
            _ => return,
        },
    };
    let delivery = Delivery::default();
    let service = service_fn(|incoming| exchange(shared.clone(), incoming, life, delivery.clone()));
    let stream = Flushing {
        stream,
        delivery: delivery.clone(),
    };
    // A peer that went away, or a connection that was to be closed.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn set_address(url: &mut Url, address: SocketAddr) {
    url.set_ip_host(address.ip()).unwrap();
    url.set_port(Some(address.port())).unwrap();
}
