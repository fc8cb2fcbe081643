//! What a run against a folder amounts to: pure.

use std::io::ErrorKind;

use super::judgement::settle;
use crate::checks::verdict::{Finding, FindingReason};

/// What was done when it went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Looking at the folder.
    Look,
    /// Asking how much is free.
    Measure,
    /// Writing the marker.
    Write,
    /// Reading it back.
    Read,
    /// Deleting it.
    Delete,
}

/// What is free for a program without special rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Free {
    pub(super) bytes: u64,
    /// `None` where there is no fixed number of them.
    pub(super) inodes: Option<u64>,
}

/// What must be free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fewest {
    pub(super) bytes: Option<u64>,
    pub(super) inodes: Option<u64>,
}

/// Everything that a run saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) free: Option<Free>,
    /// Whether what was read is what was written.
    pub(super) is_same: Option<bool>,
    /// What went wrong, in its order.
    pub(super) broken: Vec<(Act, ErrorKind)>,
    /// The folder leads out of itself.
    pub(super) leads_out: bool,
    /// The marker that was made and could not be deleted.
    pub(super) left: Option<String>,
}

/// The judgement: the first certain fault, or else the first that leaves it unknown.
pub(super) fn judge(seen: &Seen, fewest: Fewest, path: &str) -> Finding {
    let mut faults: Vec<Finding> = seen
        .broken
        .iter()
        .map(|(act, kind)| broken(*act, *kind, path))
        .collect();
    if seen.leads_out {
        faults.push(Finding::unknown(
            FindingReason::TargetNotAllowed,
            format!("the folder of the markers leads out of {path}"),
        ));
    }
    if seen.is_same == Some(false) {
        faults.push(Finding::fail(
            FindingReason::UnexpectedBody,
            format!("{path} gives back another content than was written"),
        ));
    }
    let mut passed = Vec::new();
    if let Some(free) = seen.free {
        match too_few("bytes", fewest.bytes, Some(free.bytes), path) {
            Some(fault) => faults.push(fault),
            None => passed.push(format!("{} bytes are free", free.bytes)),
        }
        faults.extend(too_few("inodes", fewest.inodes, free.inodes, path));
    }
    if seen.is_same.is_some() {
        passed.push("a marker was written, read back and deleted".to_owned());
    }
    let left = seen
        .left
        .as_ref()
        .map(|name| format!("marker {name} is left behind"));
    settle(faults, &passed.join("; "), left.as_deref())
}

fn too_few(what: &str, fewest: Option<u64>, free: Option<u64>, path: &str) -> Option<Finding> {
    let fewest = fewest?;
    let Some(free) = free else {
        return Some(Finding::unknown(
            FindingReason::NoData,
            format!("{path} has no fixed number of {what}"),
        ));
    };
    (free < fewest).then(|| {
        Finding::fail(
            FindingReason::UnexpectedValue,
            format!("{path}: {free} {what} are free < {fewest}"),
        )
    })
}

fn broken(act: Act, kind: ErrorKind, path: &str) -> Finding {
    let doing = match act {
        Act::Look => "looked at",
        Act::Measure => "measured",
        Act::Write => "written to",
        Act::Read => "read from",
        Act::Delete => "deleted from",
    };
    let fail = |says: &str| Finding::fail(FindingReason::UnexpectedValue, format!("{path} {says}"));
    match kind {
        ErrorKind::NotFound if act == Act::Look => fail("is not there"),
        ErrorKind::NotADirectory => fail("is no folder"),
        ErrorKind::NotFound if act == Act::Read => fail("does not have what was written"),
        ErrorKind::StorageFull => fail("is full: nothing can be written to it"),
        ErrorKind::QuotaExceeded => fail("has its quota used up: nothing can be written to it"),
        ErrorKind::ReadOnlyFilesystem => fail("is read-only"),
        ErrorKind::PermissionDenied => Finding::unknown(
            FindingReason::CredentialsRefused,
            format!("{path} may not be {doing} by the user that checks run as"),
        ),
        ErrorKind::OutOfMemory | ErrorKind::Unsupported => Finding::unknown(
            FindingReason::OutOfResources,
            format!("{path} could not be {doing}: {kind}"),
        ),
        _ => fail(&format!("could not be {doing}: {kind}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::verdict::Verdict;

    const FREE: Free = Free {
        bytes: 1000,
        inodes: Some(10),
    };

    fn judged(seen: &Seen, fewest: Fewest) -> (Verdict, FindingReason, String) {
        let finding = judge(seen, fewest, "/data");
        (finding.verdict, finding.reason, finding.message)
    }

    fn good() -> Seen {
        Seen {
            free: Some(FREE),
            is_same: Some(true),
            ..Seen::default()
        }
    }

    #[test]
    fn free_space_is_held_to_its_threshold() {
        let none = Free {
            inodes: None,
            ..FREE
        };
        for (free, bytes, inodes, verdict, message) in [
            (
                FREE,
                Some(1000),
                Some(10),
                Verdict::Pass,
                "1000 bytes are free; a marker was written, read back and deleted",
            ),
            (
                FREE,
                Some(1001),
                None,
                Verdict::Fail,
                "/data: 1000 bytes are free < 1001",
            ),
            (
                FREE,
                None,
                Some(11),
                Verdict::Fail,
                "/data: 10 inodes are free < 11",
            ),
            (
                none,
                None,
                Some(1),
                Verdict::Unknown,
                "/data has no fixed number of inodes",
            ),
        ] {
            let seen = Seen {
                free: Some(free),
                ..good()
            };
            let (found, _, said) = judged(&seen, Fewest { bytes, inodes });
            assert_eq!((found, said.as_str()), (verdict, message));
        }
    }

    #[test]
    fn a_storage_that_takes_no_writes_fails_and_rights_that_we_lack_do_not() {
        for (act, kind, verdict, reason) in [
            (
                Act::Look,
                ErrorKind::NotFound,
                Verdict::Fail,
                FindingReason::UnexpectedValue,
            ),
            (
                Act::Look,
                ErrorKind::NotADirectory,
                Verdict::Fail,
                FindingReason::UnexpectedValue,
            ),
            (
                Act::Look,
                ErrorKind::PermissionDenied,
                Verdict::Unknown,
                FindingReason::CredentialsRefused,
            ),
            (
                Act::Write,
                ErrorKind::PermissionDenied,
                Verdict::Unknown,
                FindingReason::CredentialsRefused,
            ),
            (
                Act::Write,
                ErrorKind::StorageFull,
                Verdict::Fail,
                FindingReason::UnexpectedValue,
            ),
            (
                Act::Write,
                ErrorKind::QuotaExceeded,
                Verdict::Fail,
                FindingReason::UnexpectedValue,
            ),
            (
                Act::Write,
                ErrorKind::ReadOnlyFilesystem,
                Verdict::Fail,
                FindingReason::UnexpectedValue,
            ),
            (
                Act::Write,
                ErrorKind::Other,
                Verdict::Fail,
                FindingReason::UnexpectedValue,
            ),
            (
                Act::Read,
                ErrorKind::NotFound,
                Verdict::Fail,
                FindingReason::UnexpectedValue,
            ),
        ] {
            let seen = Seen {
                broken: vec![(act, kind)],
                ..Seen::default()
            };
            let (found, why, message) = judged(&seen, Fewest::default());
            assert_eq!((found, why), (verdict, reason), "{message}");
        }
    }

    #[test]
    fn another_content_fails_and_a_marker_that_stays_is_told() {
        let seen = Seen {
            is_same: Some(false),
            ..good()
        };
        assert_eq!(
            judged(&seen, Fewest::default()).1,
            FindingReason::UnexpectedBody
        );
        let seen = Seen {
            broken: vec![(Act::Delete, ErrorKind::ReadOnlyFilesystem)],
            left: Some(".plumbline/1".to_owned()),
            ..good()
        };
        let (verdict, _, message) = judged(&seen, Fewest::default());
        assert_eq!(verdict, Verdict::Fail);
        assert_eq!(
            message,
            "/data is read-only; marker .plumbline/1 is left behind"
        );
    }
}
