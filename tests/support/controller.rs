//! The controller as a subprocess, with the rights of its own service account and nothing more.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::{
    control_plane::ControlPlane,
    eventually::{LIMIT, within},
};

/// The running controller. Killed when dropped.
pub struct Controller {
    child: Child,
    folder: tempfile::TempDir,
    listen: SocketAddr,
    environment: Vec<(String, String)>,
}

/// How to start it.
pub struct Options<'a> {
    /// Namespace that it watches.
    pub namespace: &'a str,
    /// Settings, as YAML.
    pub settings: String,
    /// Address of the API server, when it is not the control plane's own.
    pub server: Option<String>,
    /// Certificate that the API server is verified with, when it is not the control plane's own.
    pub authority: Option<PathBuf>,
}

impl Controller {
    /// Starts it, and waits until it has seen the cluster.
    pub async fn start(plane: &ControlPlane, options: &Options<'_>) -> Self {
        let mut controller = Self::launch(plane, options);
        controller.until_ready().await;
        controller
    }

    /// Waits until it has seen the cluster.
    pub async fn until_ready(&mut self) {
        let begun = Instant::now();
        while let Err(last) = self.ready().await {
            assert!(
                self.is_running(),
                "the controller has ended: {}",
                self.log()
            );
            assert!(
                begun.elapsed() < LIMIT,
                "the controller is not ready: {last}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Starts it, and waits for nothing.
    pub fn launch(plane: &ControlPlane, options: &Options<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = options.server.as_deref().unwrap_or(&plane.facts.server);
        let authority = options.authority.as_deref();
        let kubeconfig = plane.kubeconfig_of("plumbline-system", "plumbline", server, authority);
        fs::write(folder.path().join("kubeconfig"), kubeconfig).unwrap();
        fs::write(folder.path().join("settings.yaml"), &options.settings).unwrap();
        let listen = free_address();
        let environment = Vec::new();
        let child = spawn(&folder, listen, options.namespace, &environment);
        Self {
            child,
            folder,
            listen,
            environment,
        }
    }

    /// Variables that the next process starts with, and each one after it.
    pub fn set_environment(&mut self, environment: Vec<(String, String)>) {
        self.environment = environment;
    }

    /// Kills it, and starts another in its place with the same settings.
    pub async fn restart(&mut self, namespace: &str) {
        self.relaunch(namespace);
        self.until_ready().await;
    }

    /// The same, and waits for nothing.
    pub fn relaunch(&mut self, namespace: &str) {
        self.kill();
        self.child = spawn(&self.folder, self.listen, namespace, &self.environment);
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM; the time until it was gone, and how it ended.
    pub async fn terminate(&mut self) -> (Duration, std::process::ExitStatus) {
        let begun = Instant::now();
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        let status = within(Duration::from_secs(20), "the controller to end", || {
            let ended = self.child.try_wait().unwrap();
            async move { ended.ok_or("still running") }
        })
        .await;
        (begun.elapsed(), status)
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// What one of its HTTP endpoints answers.
    pub async fn get(&self, path: &str) -> Result<(u16, String), String> {
        let answer = reqwest::get(format!("http://{}{path}", self.listen))
            .await
            .map_err(|error| error.to_string())?;
        Ok((
            answer.status().as_u16(),
            answer.text().await.map_err(|error| error.to_string())?,
        ))
    }

    /// Whether `/readyz` says yes.
    pub async fn ready(&self) -> Result<(), String> {
        match self.get("/readyz").await? {
            (200, _) => Ok(()),
            (status, body) => Err(format!("{status} {body}\n{}", self.log())),
        }
    }

    /// The value of one metric, all labels summed; 0 when it is not there.
    pub async fn metric(&self, name: &str) -> f64 {
        let (_, text) = self.get("/metrics").await.unwrap();
        text.lines()
            .filter(|line| {
                line.strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with([' ', '{']))
            })
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(
    folder: &tempfile::TempDir,
    listen: SocketAddr,
    namespace: &str,
    environment: &[(String, String)],
) -> Child {
    let log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.path().join("log"))
        .unwrap();
    Command::new(env!("CARGO_BIN_EXE_plumbline"))
        .args([
            "controller",
            "--watch-namespace",
            namespace,
            "--log-level",
            "trace",
        ])
        .args(["--listen", &listen.to_string()])
        .arg("--settings")
        .arg(folder.path().join("settings.yaml"))
        .arg("--kubeconfig")
        .arg(folder.path().join("kubeconfig"))
        .env_remove("KUBECONFIG")
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("the controller starts")
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}
