//! A wall clock that can be set while a process runs, by libfaketime. Its monotonic clock goes on as it does.

use std::{fs, io::Write as _, path::PathBuf};

/// Where distributions put the library for programs with several threads.
const PLACES: [&str; 5] = [
    "/usr/lib/x86_64-linux-gnu/faketime",
    "/usr/lib/aarch64-linux-gnu/faketime",
    "/usr/lib64/faketime",
    "/usr/lib/faketime",
    "/usr/local/lib/faketime",
];

/// The wall clock of one process.
pub struct WallClock {
    library: PathBuf,
    folder: tempfile::TempDir,
}

impl WallClock {
    /// A clock that is right; `None`, and says so on the terminal, where libfaketime is not installed.
    pub fn new() -> Option<Self> {
        let home = std::env::var("HOME").unwrap_or_default();
        // Where `.ci/services` unpacks what the machine lacks.
        let unpacked = format!("{home}/.cache/plumbline/services/files");
        let mut libraries = ["", &unpacked].into_iter().flat_map(|root| {
            PLACES.map(|place| PathBuf::from(format!("{root}{place}/libfaketimeMT.so.1")))
        });
        let Some(library) = libraries.find(|library| library.exists()) else {
            // Past the harness, which keeps what a passing test prints to itself.
            let told = "SKIPPED: a test with a wall clock that is set; libfaketime is not here: Debian: `apt install faketime`";
            let mut terminal = std::io::stderr();
            writeln!(terminal, "{told}").unwrap();
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let clock = Self { library, folder };
        clock.set("+0");
        Some(clock)
    }

    /// What a process has to have in its environment to go by this clock.
    pub fn environment(&self) -> Vec<(String, String)> {
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        vec![
            variable("LD_PRELOAD", self.library.to_str().unwrap()),
            variable("FAKETIME_TIMESTAMP_FILE", self.file().to_str().unwrap()),
            variable("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            variable("FAKETIME_NO_CACHE", "1"),
        ]
    }

    /// Sets it so far from what is right, such as `+1h` or `-10y`.
    pub fn set(&self, offset: &str) {
        let new = self.folder.path().join("new");
        fs::write(&new, format!("{offset}\n")).unwrap();
        // Never read half written.
        fs::rename(new, self.file()).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("offset")
    }
}
