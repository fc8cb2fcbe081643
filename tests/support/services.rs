//! Servers that checks are tested against: real programs, each on a free port of loopback, with a folder of its own. `.ci/services`
//! has unpacked those that the machine lacks.

use std::{
    env,
    ffi::OsString,
    fs, io,
    io::Write as _,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How long a server may take until it accepts connections.
const UNTIL_READY: Duration = Duration::from_secs(30);

/// A server of this test's own. Ends when dropped, and when this process does.
pub struct Service {
    child: Child,
    folder: TempDir,
    port: u16,
}

impl Service {
    /// Starts `program` with the arguments that `arguments` gives for its folder and its port, and waits until it accepts
    /// connections. `None` where the program cannot be had, which is said.
    pub fn start(program: &str, arguments: impl Fn(&Path, u16) -> Vec<String>) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        Self::start_in(folder, program, arguments)
    }

    /// The same in a folder that was prepared.
    pub fn start_in(
        folder: TempDir,
        program: &str,
        arguments: impl Fn(&Path, u16) -> Vec<String>,
    ) -> Option<Self> {
        // Another process may take the port between our look and the server's.
        for _ in 0..5 {
            let port = free_port();
            let log = fs::File::create(folder.path().join("log")).unwrap();
            let mut command = command(program)?;
            command.args(arguments(folder.path(), port));
            command
                .stdin(Stdio::null())
                .stderr(log.try_clone().unwrap());
            let mut child = command.stdout(log).spawn().unwrap();
            if is_ready(&mut child, port) {
                return Some(Self {
                    child,
                    folder,
                    port,
                });
            }
            let _ = child.kill();
            child.wait().unwrap();
        }
        let log = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        panic!("{program} does not start: {log}");
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `127.0.0.1` and its port.
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Sends a signal, such as `STOP` or `CONT`.
    pub fn signal(&self, name: &str) {
        let signal = format!("-{name}");
        let mut kill = Command::new("kill");
        kill.args([&signal, &self.child.id().to_string()]);
        assert!(kill.status().unwrap().success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command that runs `program`, which ends with this process; `None` where it cannot be had, which is said. A server that
/// refuses to run as root sees another user, who has root's rights on files.
pub fn command(program: &str) -> Option<Command> {
    let Some(path) = found(program) else {
        skipped(&format!("{program} cannot be had on this machine"));
        return None;
    };
    let mut words: Vec<OsString> = Vec::new();
    if is_root() {
        words.extend(["unshare", "-U", "--map-user=1000", "--map-group=1000"].map(Into::into));
    }
    words.extend(["setpriv", "--pdeathsig", "KILL"].map(Into::into));
    words.push(path.clone().into());
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    if path.starts_with(files()) {
        command.env("LD_LIBRARY_PATH", files().join("usr/lib/x86_64-linux-gnu"));
    }
    Some(command)
}

/// Says, past the capture of the test's output, that it could not run.
pub fn skipped(why: &str) {
    let thread = thread::current();
    let name = thread.name().unwrap_or("a test");
    let _ = writeln!(io::stderr(), "SKIPPED {name}: {why}");
}

/// A port of loopback that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Where `.ci/services` unpacks what the machine lacks.
pub fn files() -> PathBuf {
    let home = env::var_os("HOME").unwrap_or_default();
    Path::new(&home).join(".cache/plumbline/services/files")
}

fn found(program: &str) -> Option<PathBuf> {
    let mut folders = Vec::new();
    for root in [Path::new("/"), &files()] {
        // Before the wrappers that some machines have for them.
        let versions = fs::read_dir(root.join("usr/lib/postgresql"));
        folders.extend(
            versions
                .into_iter()
                .flatten()
                .map(|it| it.unwrap().path().join("bin")),
        );
        folders.extend(["usr/local/bin", "usr/bin", "usr/sbin"].map(|it| root.join(it)));
    }
    folders.push(files().with_file_name("bin"));
    let candidates = folders.into_iter().map(|folder| folder.join(program));
    candidates.into_iter().find(|path| path.is_file())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}

fn is_ready(child: &mut Child, port: u16) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < UNTIL_READY {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        thread::sleep(Duration::from_millis(20));
    }
    false
}
