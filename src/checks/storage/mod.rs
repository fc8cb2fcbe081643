//! The `storage` check: a marker that is put, read back, compared and deleted; what is there; how a bucket is configured.

mod bucket;
mod cycle;
mod document;
mod folder;
mod judgement;
mod marker;
mod reply;
mod setting;
mod space;

use std::fmt;

use futures::future::BoxFuture;
use tokio::time::Instant;

use self::{cycle::BucketCheck, folder::FolderCheck};
use super::{
    compile::Secrets,
    invalid::InvalidCheck,
    net::{Session, Target},
    suite::Probe,
    verdict::Measurement,
};
use crate::api::StorageCheck;

const LONGEST_PREFIX: usize = 256;

/// Puts, reads and deletes a marker, and asks how the storage is set up.
pub struct StorageProbe {
    place: Place,
}

enum Place {
    Bucket(Box<BucketCheck>),
    Folder(FolderCheck),
}

impl StorageProbe {
    /// Compiles the check. No error shows a secret.
    pub fn new(check: &StorageCheck, secrets: Secrets<'_>) -> Result<Self, InvalidCheck> {
        let invalid = |field: &str, problem: &str| Err(InvalidCheck::new(field, problem));
        if !is_prefix(&check.prefix) {
            let problem =
                "is not made of letters, digits, `.`, `_`, `-` and `/`, or has a part `.` or `..`";
            return invalid("storage.prefix", problem);
        }
        let place = match (&check.s3, &check.local) {
            (Some(s3), None) => Place::Bucket(Box::new(BucketCheck::new(check, s3, secrets)?)),
            (None, Some(local)) => Place::Folder(FolderCheck::new(check, local)?),
            _ => return invalid("storage", "exactly one of s3, local must be set"),
        };
        Ok(Self { place })
    }
}

/// Whether the text can begin the name of a marker: it needs no encoding in an address, and leaves no folder.
fn is_prefix(text: &str) -> bool {
    let parts = text.strip_suffix('/').unwrap_or(text).split('/');
    let is_plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '_' | '-');
    text.len() <= LONGEST_PREFIX
        && parts
            .into_iter()
            .all(|part| !matches!(part, "" | "." | "..") && part.chars().all(is_plain))
}

impl Probe for StorageProbe {
    fn measure<'a>(
        &'a self,
        session: &'a Session,
        deadline: Instant,
    ) -> BoxFuture<'a, Measurement> {
        match &self.place {
            Place::Bucket(bucket) => Box::pin(bucket.run(session, deadline)),
            Place::Folder(folder) => Box::pin(folder.run(session, deadline)),
        }
    }

    fn host(&self) -> &str {
        match &self.place {
            Place::Bucket(bucket) => bucket.target().as_str(),
            Place::Folder(folder) => folder.path(),
        }
    }

    fn targets(&self) -> Vec<&Target> {
        match &self.place {
            Place::Bucket(bucket) => vec![bucket.target()],
            Place::Folder(_) => Vec::new(),
        }
    }
}

impl fmt::Debug for StorageProbe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("StorageProbe")
            .field("host", &self.host())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_needs_no_encoding_and_leaves_no_folder() {
        for text in [".plumbline/", "a", "a/b-c_d.e/", "..a/b.."] {
            assert!(is_prefix(text), "{text}");
        }
        let long = "a".repeat(LONGEST_PREFIX + 1);
        for text in [
            "", "/", "/a", "a//b", "a//", ".", "..", "../", "a/../b", "a/.", "a b", "a?b", "é",
            "a%2e", "a\\b", &long,
        ] {
            assert!(!is_prefix(text), "{text}");
        }
    }
}
