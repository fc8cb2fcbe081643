//! One rollout of a service, and what decides whether the service can be brought back: as a platform tells it, in words
//! that all platforms share.

use jiff::Timestamp;

/// One rollout of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// Its id, safe to be put into a path or a log.
    pub id: String,
    /// Where it stands.
    pub phase: Phase,
    /// What started it.
    pub cause: Cause,
    /// What it was built from: a commit, an image's digest, or an image's reference. At most 256 bytes, printable.
    pub version: Option<String>,
    /// When the platform took it.
    pub created_at: Option<Timestamp>,
    /// When it ended, well or not.
    pub finished_at: Option<Timestamp>,
}

/// Where a rollout stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It waits behind another one.
    Waiting,
    /// It builds, or starts.
    InProgress,
    /// It serves.
    Live,
    /// It served, and was replaced.
    Replaced,
    /// It never came to serve; what served before still does.
    Failed,
    /// Stopped before it came to serve, by a person or by a newer one.
    Canceled,
    /// In a state that this version does not know: neither an end nor a failure.
    Unknown,
}

impl Phase {
    /// Whether it will not come to serve, or not any more.
    #[must_use]
    pub const fn is_over(self) -> bool {
        match self {
            Self::Replaced | Self::Failed | Self::Canceled => true,
            Self::Waiting | Self::InProgress | Self::Live | Self::Unknown => false,
        }
    }

    /// Whether it serves or has served, so that it can be returned to.
    #[must_use]
    pub const fn has_served(self) -> bool {
        matches!(self, Self::Live | Self::Replaced)
    }
}

/// What started a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A return to an earlier one.
    Rollback,
    /// Anything else.
    Other,
}

/// What decides whether and how a service can be brought back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// Why the service is suspended, in the platform's words; `None` when it is not.
    pub suspended: Option<String>,
    /// Whether a push deploys by itself; `None` when the platform does not say.
    pub automatic_deploys: Option<bool>,
    /// What a rollback will not bring back, or may fail by, in words for people; at most 8 of at most 256 bytes.
    pub caveats: Vec<String>,
}

/// What is to be rolled out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revision {
    /// A commit of the service's repository.
    Commit(String),
    /// An image, with tag or digest.
    Image(String),
}

/// The platform took a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The new rollout; `None` when the platform took it and did not tell its id, as Render does while another runs.
    pub rollout: Option<Rollout>,
}
