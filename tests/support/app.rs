//! What a service on the simulated Render serves: its health depends on the deploy that is live, so that a rollback mends what
//! a deploy has broken.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
};
use plumbline::simulator::{Control, DeployStatus, NewDeploy};
use tokio::{net::TcpListener, task::JoinHandle};

/// The pages of all services. Ends when dropped.
pub struct App {
    address: std::net::SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    render: Control,
    broken: Mutex<BTreeSet<String>>,
}

impl App {
    /// What the services of `render` serve, all well.
    pub async fn start(render: Control) -> Self {
        let shared = Arc::new(Shared {
            render,
            broken: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new()
            .route("/{service}/health", axum::routing::get(health))
            .with_state(shared.clone());
        let task = tokio::spawn(async move {
            axum::serve(listener, routes).await.expect("the app serves");
        });
        Self {
            address,
            shared,
            task,
        }
    }

    /// The health page of a service.
    pub fn url(&self, service: &str) -> String {
        format!("http://{}/{service}/health", self.address)
    }

    /// Every deploy of this commit answers 503 from now on.
    pub fn breaks(&self, commit: &str) {
        self.shared.broken.lock().unwrap().insert(commit.to_owned());
    }

    /// A deploy of `commit` that is live at once; its id.
    pub fn ship(&self, service: &str, commit: &str) -> String {
        let deploy = NewDeploy {
            commit: Some(commit.to_owned()),
            immediately: true,
            ..NewDeploy::default()
        };
        self.shared
            .render
            .start_deploy(service, &deploy)
            .unwrap()
            .id
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn health(
    State(shared): State<Arc<Shared>>,
    Path(service): Path<String>,
) -> (StatusCode, &'static str) {
    let deploys = shared.render.deploys(&service).unwrap_or_default();
    let live = deploys
        .iter()
        .find(|deploy| deploy.status == DeployStatus::Live);
    let commit = live.and_then(|deploy| deploy.commit.as_ref());
    let broken = shared.broken.lock().unwrap();
    match commit {
        Some(commit) if !broken.contains(&commit.id) => (StatusCode::OK, r#"{"status":"ok"}"#),
        _ => (StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"down"}"#),
    }
}
