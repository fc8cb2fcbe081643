//! The connection to the API server.

use std::{net::SocketAddr, time::Duration};

use kube::{
    Client, Config,
    client::ClientBuilder,
    config::{InferConfigError, KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use tower::timeout::TimeoutLayer;

/// Longest time of one request that is no watch, and of the wait for the head of any answer.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Who writes: the owner of the fields in `metadata.managedFields`.
pub const FIELD_MANAGER: &str = "plumbline";

/// No connection to the API server could be set up.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Neither a kubeconfig nor a service account was found.
    #[error(
        "could not find out how to reach a Kubernetes API server: set KUBECONFIG or --kubeconfig, or run inside a cluster"
    )]
    Infer(#[source] Box<InferConfigError>),
    /// The named kubeconfig cannot be used.
    #[error("could not use the kubeconfig {path}")]
    Kubeconfig {
        /// The file.
        path: String,
        /// Why.
        source: Box<KubeconfigError>,
    },
    /// The configuration was found, and no client could be made of it.
    #[error("could not set up a client for the API server at {server}")]
    Client {
        /// The server.
        server: String,
        /// Why.
        source: Box<kube::Error>,
    },
}

/// A client, and where its server is.
#[derive(Clone)]
pub struct Connection {
    /// The client. It sends every request once: a write that may have been carried out is settled by reading, and each
    /// loop that reads has a backoff of its own.
    pub client: Client,
    /// Host and port of the API server, as configured (`10.0.0.1:443`).
    pub server: String,
    /// What the host resolves to now; empty when it does not.
    pub addresses: Vec<SocketAddr>,
}

/// Connects by the file `kubeconfig`, or, when `None`, as kubectl would: `KUBECONFIG`, the user's own file, or the
/// service account of the pod. `watch_timeout` is the longest time of one watch request.
pub async fn connect(
    kubeconfig: Option<&std::path::Path>,
    watch_timeout: Duration,
) -> Result<Connection, ClientError> {
    let mut config = match kubeconfig {
        None => Config::infer()
            .await
            .map_err(|source| ClientError::Infer(Box::new(source)))?,
        Some(path) => {
            let describe = |source| ClientError::Kubeconfig {
                path: path.display().to_string(),
                source: Box::new(source),
            };
            let kubeconfig = Kubeconfig::read_from(path).map_err(describe)?;
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
                .await
                .map_err(describe)?
        }
    };
    config.default_retry = false;
    config.connect_timeout = Some(REQUEST_TIMEOUT);
    config.write_timeout = Some(REQUEST_TIMEOUT);
    // A list that stops in the middle. A silent watch is given up before.
    config.read_timeout = Some(watch_timeout + REQUEST_TIMEOUT);
    config.reset_reader_on_write = true;
    let host = config.cluster_url.host().unwrap_or_default().to_owned();
    let port = config.cluster_url.port_u16().unwrap_or(
        if config.cluster_url.scheme_str() == Some("http") {
            80
        } else {
            443
        },
    );
    let server = format!("{host}:{port}");
    // The watcher waits for the head of an answer for ever, and so would never come back from a kept connection whose
    // other end has vanished.
    let client = ClientBuilder::try_from(config)
        .map_err(|source| ClientError::Client {
            server: server.clone(),
            source: Box::new(source),
        })?
        .with_layer(&TimeoutLayer::new(REQUEST_TIMEOUT))
        .build();
    let addresses = tokio::time::timeout(REQUEST_TIMEOUT, tokio::net::lookup_host((host, port)))
        .await
        .ok()
        .and_then(Result::ok)
        .map(Iterator::collect)
        .unwrap_or_default();
    Ok(Connection {
        client,
        server,
        addresses,
    })
}
