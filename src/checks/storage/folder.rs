//! One run against a folder of this machine's file system.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read, Write},
    path::{Component, Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};

use super::{
    marker::Marker,
    space::{self, Act, Fewest, Free, Seen},
};
use crate::{
    api::{StorageCheck, StorageFolder},
    checks::{
        invalid::InvalidCheck,
        net::Session,
        verdict::{Finding, FindingReason, Measurement, Phases},
    },
};

const LONGEST_PATH: usize = 1024 * 4;

/// A folder, and what is asked of it.
pub(super) struct FolderCheck {
    path: String,
    prefix: String,
    cycle: bool,
    fewest: Fewest,
    /// Whether a look of an earlier run has not come back.
    is_looking: Arc<AtomicBool>,
}

impl FolderCheck {
    pub(super) fn new(check: &StorageCheck, folder: &StorageFolder) -> Result<Self, InvalidCheck> {
        if !is_path(&folder.path) {
            let problem = "is not an absolute path, or has `.`, `..` or a control character in it";
            return Err(InvalidCheck::new("storage.local.path", problem));
        }
        if check.list.is_some() || check.expect.is_some() {
            return Err(InvalidCheck::new(
                "storage",
                "list and expect are of s3 only",
            ));
        }
        let fewest = Fewest {
            bytes: folder.min_free_bytes,
            inodes: folder.min_free_inodes,
        };
        if !check.cycle && fewest == Fewest::default() {
            let problem = "without cycle there must be something else to measure";
            return Err(InvalidCheck::new("storage.cycle", problem));
        }
        Ok(Self {
            path: folder.path.clone(),
            prefix: check.prefix.clone(),
            cycle: check.cycle,
            fewest,
            is_looking: Arc::default(),
        })
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) async fn run(&self, session: &Session, deadline: Instant) -> Measurement {
        let path = &self.path;
        if !session.network().allows_files() {
            return Measurement::from(Finding::unknown(
                FindingReason::TargetNotAllowed,
                format!("{path} is a folder of this machine, which the settings deny to checks"),
            ));
        }
        let begun = Instant::now();
        let marker = self.cycle.then(|| Marker::new(&self.prefix));
        let Some(looking) = Looking::begin(&self.is_looking) else {
            return Measurement::from(Finding::fail(
                FindingReason::TimedOut,
                format!("{path} has not answered an earlier run so far"),
            ));
        };
        let name = marker.as_ref().map(|it| it.name.clone());
        let Some(seen) = aside(looking, PathBuf::from(path), marker) else {
            return Measurement::from(Finding::unknown(
                FindingReason::OutOfResources,
                "no thread could be had to look at the folder",
            ));
        };
        let finding = match timeout_at(deadline, seen).await {
            Ok(Ok(seen)) => space::judge(&seen, self.fewest, path),
            Ok(Err(_)) => Finding::unknown(
                FindingReason::Panicked,
                "looking at the folder broke; see the log",
            ),
            Err(_) => timed_out(path, name.as_deref()),
        };
        let phases = Phases {
            query: Some(begun.elapsed()),
            ..Phases::default()
        };
        Measurement::of(finding, phases)
    }
}

fn timed_out(path: &str, marker: Option<&str>) -> Finding {
    let left = marker.map(|name| format!("; marker {name} may be left behind"));
    Finding::fail(
        FindingReason::TimedOut,
        format!(
            "{path} did not answer within the timeout{}",
            left.unwrap_or_default()
        ),
    )
}

/// Held while a folder is looked at: one that does not answer has one thread waiting for it, and not one for each run.
struct Looking(Arc<AtomicBool>);

impl Looking {
    fn begin(is_looking: &Arc<AtomicBool>) -> Option<Self> {
        let was = is_looking.swap(true, Ordering::AcqRel);
        (!was).then(|| Self(is_looking.clone()))
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Looks on a thread of its own: nothing ends a call to a file system that hangs, and the runtime would wait for one of its
/// own threads when the program ends. It takes its marker away even when nobody waits any longer.
fn aside(
    looking: Looking,
    path: PathBuf,
    marker: Option<Marker>,
) -> Option<oneshot::Receiver<Seen>> {
    let (sender, receiver) = oneshot::channel();
    let work = move || {
        let seen = look(&path, marker.as_ref());
        drop(looking);
        let _ = sender.send(seen);
    };
    let thread = thread::Builder::new()
        .name("storage".to_owned())
        .spawn(work);
    thread.ok().map(|_| receiver)
}

fn look(path: &Path, marker: Option<&Marker>) -> Seen {
    let mut seen = Seen::default();
    let metadata = fs::metadata(path);
    if let Err(kind) = metadata.map_err(|it| kind(&it)).and_then(|it| {
        if it.is_dir() {
            Ok(())
        } else {
            Err(ErrorKind::NotADirectory)
        }
    }) {
        seen.broken.push((Act::Look, kind));
        return seen;
    }
    match rustix::fs::statvfs(path) {
        Ok(told) => {
            seen.free = Some(Free {
                bytes: told.f_bavail.saturating_mul(told.f_frsize),
                inodes: (told.f_files > 0).then_some(told.f_favail),
            });
        }
        Err(error) => seen.broken.push((Act::Measure, kind(&error.into()))),
    }
    if let Some(marker) = marker {
        cycle(path, marker, &mut seen);
    }
    seen
}

/// Writes the marker, reads it back, and deletes it, whatever came of the steps before.
fn cycle(path: &Path, marker: &Marker, seen: &mut Seen) {
    let place = path.join(&marker.name);
    let Some(folder) = place.parent() else {
        return;
    };
    match prepare(path, folder) {
        Ok(true) => {}
        Ok(false) => {
            seen.leads_out = true;
            return;
        }
        Err(error) => {
            seen.broken.push((Act::Write, kind(&error)));
            return;
        }
    }
    let file = match File::options().write(true).create_new(true).open(&place) {
        Ok(file) => file,
        Err(error) => {
            seen.broken.push((Act::Write, kind(&error)));
            return;
        }
    };
    match write(file, folder, &marker.content) {
        Ok(()) => match read(&place, marker.content.len()) {
            Ok(content) => seen.is_same = Some(content == marker.content.as_bytes()),
            Err(error) => seen.broken.push((Act::Read, kind(&error))),
        },
        Err(error) => seen.broken.push((Act::Write, kind(&error))),
    }
    if let Err(error) = fs::remove_file(&place) {
        seen.broken.push((Act::Delete, kind(&error)));
        seen.left = Some(marker.name.clone());
    }
}

/// Makes the folder of the markers, and tells whether it is below `path`, whatever links are in it.
fn prepare(path: &Path, folder: &Path) -> io::Result<bool> {
    fs::create_dir_all(folder)?;
    Ok(fs::canonicalize(folder)?.starts_with(fs::canonicalize(path)?))
}

/// Writes through to the disk, the name in its folder too.
fn write(mut file: File, folder: &Path, content: &str) -> io::Result<()> {
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    match File::open(folder)?.sync_all() {
        // Some file systems over a network sync no folders.
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
        outcome => outcome,
    }
}

/// The kind of an error; the limits of this process and this machine are ours.
fn kind(error: &io::Error) -> ErrorKind {
    match error.raw_os_error() {
        Some(libc::EMFILE | libc::ENFILE) => ErrorKind::OutOfMemory,
        _ => error.kind(),
    }
}

/// What is in the file, and no more of it than shows that it is something else.
fn read(place: &Path, length: usize) -> io::Result<Vec<u8>> {
    let most = u64::try_from(length).unwrap_or(u64::MAX).saturating_add(1);
    let mut content = Vec::new();
    File::open(place)?.take(most).read_to_end(&mut content)?;
    Ok(content)
}

/// Whether the path means one place, from the root on.
fn is_path(text: &str) -> bool {
    let components = Path::new(text).components();
    let dots = text.split('/').any(|part| matches!(part, "." | ".."));
    text.len() <= LONGEST_PATH
        && !dots
        && !text.chars().any(char::is_control)
        && components.into_iter().next() == Some(Component::RootDir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_begins_at_the_root_and_goes_nowhere_back() {
        for path in ["/", "/data", "/data/", "/a..b/.c"] {
            assert!(is_path(path), "{path}");
        }
        let long = format!("/{}", "a".repeat(LONGEST_PATH));
        for path in [
            "",
            "data",
            "./data",
            "/data/..",
            "/data/../etc",
            "/./data",
            "/data/.",
            "/a\nb",
            "/a\0",
            &long,
        ] {
            assert!(!is_path(path), "{path:?}");
        }
    }

    #[test]
    fn a_marker_is_gone_afterwards_and_a_second_one_does_not_stand_in_its_way() {
        let folder = tempfile::tempdir().unwrap();
        let marker = Marker::new(".plumbline/");
        let seen = look(folder.path(), Some(&marker));
        assert_eq!((seen.is_same, &seen.broken[..]), (Some(true), &[][..]));
        let inside = folder.path().join(".plumbline");
        assert_eq!(fs::read_dir(&inside).unwrap().count(), 0);
        fs::write(folder.path().join(&marker.name), "another's").unwrap();
        let seen = look(folder.path(), Some(&marker));
        assert_eq!(seen.broken, [(Act::Write, ErrorKind::AlreadyExists)]);
        assert_eq!(
            fs::read_to_string(folder.path().join(&marker.name)).unwrap(),
            "another's"
        );
    }

    #[test]
    fn a_folder_of_markers_that_leads_elsewhere_is_left_alone() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(other.path(), folder.path().join(".plumbline")).unwrap();
        let seen = look(folder.path(), Some(&Marker::new(".plumbline/")));
        assert!(seen.leads_out);
        assert_eq!(fs::read_dir(other.path()).unwrap().count(), 0);
    }

    #[test]
    fn one_look_at_a_time() {
        let is_looking = Arc::default();
        let first = Looking::begin(&is_looking);
        assert!(first.is_some() && Looking::begin(&is_looking).is_none());
        drop(first);
        assert!(Looking::begin(&is_looking).is_some());
    }
}
