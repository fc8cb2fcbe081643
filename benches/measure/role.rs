//! The processes of a measurement: this program again, with a role.

use std::{
    io::{BufRead, BufReader, Lines, Write, stdin, stdout},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Broken, bare, engine, target};

/// The argument before a role.
pub const FLAG: &str = "as";

/// What a process of a measurement does until its standard input ends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Role {
    /// Is checked.
    Target(target::Order),
    /// Checks, with the monitor and the engine.
    Engine(engine::Order),
    /// Checks, with a bare client in a loop.
    Bare(bare::Order),
}

/// Plays the role, which is written as JSON.
pub async fn play(role: &str) -> Result<(), Broken> {
    match serde_json::from_str(role)? {
        Role::Target(order) => target::play(order).await,
        Role::Engine(order) => engine::play(order).await,
        Role::Bare(order) => bare::play(order).await,
    }
}

/// Answers each line of standard input with what `report` gives, and once before the first, until there are no more.
pub async fn answer<T: Serialize>(
    mut report: impl FnMut() -> T + Send + 'static,
) -> Result<(), Broken> {
    let answering = move || -> Result<(), Broken> {
        let mut asked = stdin().lines();
        loop {
            let line = serde_json::to_string(&report())?;
            let mut out = stdout().lock();
            writeln!(out, "{line}")?;
            out.flush()?;
            if asked.next().transpose()?.is_none() {
                return Ok(());
            }
        }
    };
    tokio::task::spawn_blocking(answering).await?
}

/// A process with a role. It ends with its standard input, and so with this program, however that goes.
pub struct Process {
    child: Child,
    questions: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts it, and waits until it has begun; gives its first report.
    pub fn start<T: DeserializeOwned>(role: &Role) -> Result<(Self, T), Broken> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([FLAG, &serde_json::to_string(role)?])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let questions = child.stdin.take().ok_or("no standard input")?;
        let answers = child.stdout.take().ok_or("no standard output")?;
        let mut process = Self {
            child,
            questions,
            answers: BufReader::new(answers).lines(),
        };
        let report = process.listen()?;
        Ok((process, report))
    }

    /// Its report as of now.
    pub fn ask<T: DeserializeOwned>(&mut self) -> Result<T, Broken> {
        self.questions.write_all(b"\n")?;
        self.listen()
    }

    fn listen<T: DeserializeOwned>(&mut self) -> Result<T, Broken> {
        let line = self.answers.next().transpose()?;
        Ok(serde_json::from_str(
            &line.ok_or("a process of the measurement has ended")?,
        )?)
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
