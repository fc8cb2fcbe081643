//! How `GitOps` tools read an object: the tools' own code, in a program of the test control plane.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use serde::Deserialize;
use serde_json::Value;

use super::control_plane::programs;

/// What each tool makes of one object.
#[derive(Clone, Debug, Deserialize)]
pub struct Reading {
    /// kstatus: `Current`, `InProgress`, `Failed`, `Terminating`.
    pub kstatus: Option<String>,
    /// Flux's condition checker.
    pub flux: Value,
    /// Argo CD, by our script.
    pub argocd: Value,
}

impl Reading {
    /// kstatus' word.
    pub fn kstatus(&self) -> &str {
        self.kstatus.as_deref().unwrap_or("error")
    }

    /// Whether Flux's checker has no complaint about an object in the moment `moment`.
    pub fn flux_accepts(&self, moment: &str) -> bool {
        let failures = self.flux[moment]["failures"].as_array();
        failures.is_none_or(Vec::is_empty)
    }

    /// Whether Flux takes an object for `ready`, `reconciling` or `stalled`.
    pub fn flux_says(&self, word: &str) -> bool {
        self.flux[word] == true
    }

    /// Argo CD's word.
    pub fn argocd(&self) -> &str {
        self.argocd["status"].as_str().unwrap_or("error")
    }
}

/// What the tools make of each of `objects`.
pub fn read(objects: &[Value]) -> Vec<Reading> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/argocd/health.lua");
    let mut child = Command::new(programs().join("readers"))
        .arg("--argocd-script")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the readers start");
    let mut input = child.stdin.take().unwrap();
    let lines: Vec<String> = objects.iter().map(ToString::to_string).collect();
    let lines = format!("{}\n", lines.join("\n"));
    let feeder = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().expect("the readers end");
    feeder.join().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}
