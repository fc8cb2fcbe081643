//! The release binary as a controller, with the rights of its own `ServiceAccount`.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::{
    Broken,
    process::{self, Memory},
    support::control_plane::ControlPlane,
};

/// The binary.
pub const BINARY: &str = env!("CARGO_BIN_EXE_plumbline");

/// Longest time until it is ready.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running controller. Ended when dropped.
pub struct Controller {
    child: Child,
    listen: SocketAddr,
}

impl Controller {
    /// Starts it for `namespace`, and gives the time until it was ready. Its settings are the defaults, but that loopback
    /// may be checked. `folder` takes its files.
    pub async fn start(
        plane: &ControlPlane,
        folder: &Path,
        namespace: &str,
    ) -> Result<(Self, Duration), Broken> {
        let kubeconfig =
            plane.kubeconfig_of("plumbline-system", "plumbline", &plane.facts.server, None);
        fs::write(folder.join("kubeconfig"), kubeconfig)?;
        fs::write(
            folder.join("settings.yaml"),
            "network: {egress: {allow: ['127.0.0.1/32']}}\n",
        )?;
        let listen = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let begun = Instant::now();
        let child = Command::new(BINARY)
            .args(["controller", "--watch-namespace", namespace])
            .args(["--listen", &listen.to_string()])
            .arg("--settings")
            .arg(folder.join("settings.yaml"))
            .arg("--kubeconfig")
            .arg(folder.join("kubeconfig"))
            .env_remove("KUBECONFIG")
            .env_remove("RUST_LOG")
            .env_remove("LOG_LEVEL")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("log"))?)
            .spawn()?;
        let controller = Self { child, listen };
        while !controller.is_ready().await {
            if begun.elapsed() > PATIENCE {
                let log = fs::read_to_string(folder.join("log"))?;
                return Err(format!("the controller is not ready: {log}").into());
            }
            sleep(Duration::from_millis(2)).await;
        }
        Ok((controller, begun.elapsed()))
    }

    async fn is_ready(&self) -> bool {
        matches!(self.get("/readyz").await, Ok(answer) if answer == "ok\n")
    }

    /// What `/metrics` shows.
    pub async fn metrics(&self) -> Result<String, Broken> {
        self.get("/metrics").await
    }

    async fn get(&self, path: &str) -> Result<String, Broken> {
        let answer = reqwest::get(format!("http://{}{path}", self.listen)).await?;
        Ok(answer.text().await?)
    }

    /// Its memory.
    pub fn memory(&self) -> Result<Memory, Broken> {
        process::memory(self.child.id())
    }

    /// The seconds that it has been on a processor.
    pub fn on_cpu(&self) -> Result<f64, Broken> {
        process::on_cpu(self.child.id())
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
