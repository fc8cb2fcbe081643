//! What the services on the simulated Render serve: each page is well or not by the deploy that is live, so that a deploy breaks it
//! and a rollback mends it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
};
use jiff::Timestamp;
use plumbline::simulator::{Control, Deploy, DeployStatus, NewDeploy};
use tokio::{net::TcpListener, task::JoinHandle};

/// Any page of a service.
const ANY: &str = "*";

/// The pages of all services. Ends when dropped.
pub struct App {
    address: std::net::SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    render: Control,
    state: Mutex<Served>,
}

#[derive(Default)]
struct Served {
    /// The status that a page, or any, answers with while this commit is live.
    broken: BTreeMap<(String, String), u16>,
    /// How long what was live before goes on serving.
    behind: Duration,
    /// When requests were served, by page and the commit that served them.
    requests: BTreeMap<(String, String), Vec<Timestamp>>,
}

impl App {
    /// What the services of `render` serve, all well.
    pub async fn start(render: Control) -> Self {
        let shared = Arc::new(Shared {
            render,
            state: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new()
            .route("/{service}/{page}", axum::routing::get(page))
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

    /// A page of a service.
    pub fn page(&self, service: &str, page: &str) -> String {
        format!("http://{}/{service}/{page}", self.address)
    }

    /// The port of every page.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Every deploy of this commit answers 503 from now on.
    pub fn breaks(&self, commit: &str) {
        self.answers(commit, 503);
    }

    /// Every deploy of this commit answers with this status from now on.
    pub fn answers(&self, commit: &str, status: u16) {
        self.page_answers(ANY, commit, status);
    }

    /// The same for one page.
    pub fn page_answers(&self, page: &str, commit: &str, status: u16) {
        let subject = (page.to_owned(), commit.to_owned());
        self.state().broken.insert(subject, status);
    }

    /// Every deploy of this commit answers well again.
    pub fn mends(&self, commit: &str) {
        self.state()
            .broken
            .retain(|(_, broken), _| broken != commit);
    }

    /// What goes live from now on serves only after this time: until then what was live before does.
    pub fn serves_behind(&self, behind: Duration) {
        self.state().behind = behind;
    }

    /// Requests for a page, of whatever service, that this commit has served so far.
    pub fn requests(&self, page: &str, commit: &str) -> usize {
        self.served(page, commit).len()
    }

    /// When they were, oldest first.
    pub fn served(&self, page: &str, commit: &str) -> Vec<Timestamp> {
        let subject = (page.to_owned(), commit.to_owned());
        let state = self.state();
        state.requests.get(&subject).cloned().unwrap_or_default()
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

    fn state(&self) -> std::sync::MutexGuard<'_, Served> {
        self.shared.state.lock().unwrap()
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn page(
    State(shared): State<Arc<Shared>>,
    Path((service, page)): Path<(String, String)>,
) -> (StatusCode, &'static str) {
    let deploys = shared.render.deploys(&service).unwrap_or_default();
    let mut state = shared.state.lock().unwrap();
    let served = serving(&deploys, state.behind);
    let commit = served.and_then(|deploy| deploy.commit.as_ref());
    let status = commit.as_ref().map_or(503, |commit| {
        let told = |page: &str| state.broken.get(&(page.to_owned(), commit.id.clone()));
        told(&page).or_else(|| told(ANY)).copied().unwrap_or(200)
    });
    let commit = commit.map(|commit| commit.id.clone()).unwrap_or_default();
    let served = state.requests.entry((page, commit)).or_default();
    served.push(Timestamp::now());
    let status = StatusCode::from_u16(status).unwrap();
    let body = if status.is_success() {
        r#"{"status":"ok"}"#
    } else {
        r#"{"status":"down"}"#
    };
    (status, body)
}

/// The deploy that serves: the live one, or the one before while that is too new.
fn serving(deploys: &[Deploy], behind: Duration) -> Option<&Deploy> {
    let live = deploys
        .iter()
        .find(|deploy| deploy.status == DeployStatus::Live)?;
    let went_live = live.finished_at.unwrap_or(live.updated_at);
    let age = Timestamp::now().duration_since(went_live);
    if Duration::try_from(age).unwrap_or_default() >= behind {
        return Some(live);
    }
    let replaced = |deploy: &&Deploy| deploy.status == DeployStatus::Deactivated;
    // The newest change is the end of the one that this one has replaced.
    let before = deploys.iter().filter(replaced);
    before.max_by_key(|deploy| deploy.updated_at).or(Some(live))
}
