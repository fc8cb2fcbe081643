//! A real kube-apiserver and etcd: one for the whole run, or one of a test's own to kill and restart.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, OnceLock},
};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde::Deserialize;

/// What the supervisor says once all is ready.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// The administrator's kubeconfig.
    pub kubeconfig: PathBuf,
    /// Address of the API server.
    pub server: String,
    /// Certificate that it is verified with.
    pub ca_file: PathBuf,
    /// One JSON line for every finished request.
    pub audit_log: PathBuf,
    /// Folder of the programs.
    pub binaries: PathBuf,
}

/// A control plane. It ends with its standard input: when it is dropped, or when the test process is gone, however it
/// went.
pub struct ControlPlane {
    pub facts: Facts,
    supervisor: Mutex<Supervisor>,
}

struct Supervisor {
    child: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl ControlPlane {
    /// The one that all tests of this run share, with the CRDs and the manifests of the base applied.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<ControlPlane> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// One of the test's own.
    pub fn start() -> Self {
        let mut child = Command::new(programs().join("cluster"))
            .arg("run")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the control plane starts");
        let commands = child.stdin.take();
        let mut answers = BufReader::new(child.stdout.take().expect("its output is piped"));
        let mut line = String::new();
        answers
            .read_line(&mut line)
            .expect("the control plane says that it is ready");
        let facts: Facts = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("the control plane did not start: {error}: {line}"));
        let plane = Self {
            facts,
            supervisor: Mutex::new(Supervisor {
                child,
                commands,
                answers,
            }),
        };
        plane.install();
        plane
    }

    /// Applies the CRDs and the manifests of the base, and waits until the kinds are served.
    pub fn install(&self) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let base = root.join("manifests/base");
        self.kubectl(&["apply", "-k", base.to_str().unwrap()], None)
            .expect("the base applies");
        self.kubectl(
            &[
                "wait",
                "--for=condition=Established",
                "crd/deploymentvalidations.plumbline.dev",
                "crd/rollbackpolicies.plumbline.dev",
                "crd/rollbacks.plumbline.dev",
                "--timeout=30s",
            ],
            None,
        )
        .expect("the CRDs are established");
    }

    /// Tells the supervisor to `kill`, `stop`, `cont` or `start` one of the processes, and waits until it is done.
    pub fn command(&self, verb: &str, process: &str) {
        let mut supervisor = self.supervisor.lock().unwrap();
        let commands = supervisor.commands.as_mut().unwrap();
        writeln!(commands, "{verb} {process}").unwrap();
        let mut answer = String::new();
        supervisor.answers.read_line(&mut answer).unwrap();
        assert!(answer.contains("\"ok\":true"), "{verb} {process}: {answer}");
    }

    /// Runs kubectl as the administrator; what it printed, or what it complained of.
    pub fn kubectl(&self, arguments: &[&str], input: Option<&str>) -> Result<String, String> {
        let mut child = Command::new(self.facts.binaries.join("kubectl"))
            .arg("--kubeconfig")
            .arg(&self.facts.kubeconfig)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl starts");
        let mut stdin = child.stdin.take().unwrap();
        // A kubectl that needs no input may be gone already.
        let _ = stdin.write_all(input.unwrap_or_default().as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("kubectl ends");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            Ok(told)
        } else {
            Err(format!("{told}{}", String::from_utf8_lossy(&output.stderr)))
        }
    }

    /// A client with the administrator's rights, over a connection of its own.
    pub async fn client(&self) -> Client {
        // Another test of this process may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let kubeconfig = Kubeconfig::read_from(&self.facts.kubeconfig).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            .unwrap();
        Client::try_from(config).unwrap()
    }

    /// A kubeconfig that carries nothing but the token of the service account `namespace/name`, for the API server at
    /// `server`. That is verified with the certificate in the file `authority`, or else with the control plane's own.
    pub fn kubeconfig_of(
        &self,
        namespace: &str,
        name: &str,
        server: &str,
        authority: Option<&Path>,
    ) -> String {
        let token = self
            .kubectl(
                &["create", "token", name, "-n", namespace, "--duration=2h"],
                None,
            )
            .expect("a token is made");
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
             clusters: [{{name: test, cluster: {{server: '{server}', certificate-authority: '{}'}}}}]\n\
             users: [{{name: test, user: {{token: '{}'}}}}]\n\
             contexts: [{{name: test, context: {{cluster: test, user: test}}}}]\n",
            authority.unwrap_or(&self.facts.ca_file).display(),
            token.trim(),
        )
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        if let Ok(mut supervisor) = self.supervisor.lock() {
            supervisor.commands = None;
            let _ = supervisor.child.wait();
        }
    }
}

/// The folder of the control plane's programs, as `make test` has built them.
pub fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let output = Command::new("go")
            .args(["run", ".", "build"])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster"))
            .stderr(Stdio::inherit())
            .output()
            .expect("Go runs: `make test` says how to get it");
        assert!(
            output.status.success(),
            "the control plane's programs did not build"
        );
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
    })
}
