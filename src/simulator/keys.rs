//! API keys and the workspaces they reach.

use std::fmt;

use serde_json::Value;

use super::identity;

/// What is kept of an API key: the SHA-256, never the key itself.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct KeyDigest(String);

impl KeyDigest {
    pub(super) fn of(key: &str) -> Self {
        Self(identity::hexadecimal(key))
    }
}

impl fmt::Display for KeyDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "sha256:{}", &self.0[..12])
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Which workspaces a key sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reach {
    /// All, also those created later.
    Everything,
    /// The workspaces with these identifiers.
    Workspaces(Vec<String>),
}

impl Reach {
    /// Whether a key with this reach sees the workspace.
    pub(super) fn covers(&self, workspace: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Workspaces(reached) => reached.iter().any(|id| id == workspace),
        }
    }

    /// How the ledger and the state tell it.
    pub(super) fn written(&self) -> Value {
        match self {
            Self::Everything => Value::from("every workspace"),
            Self::Workspaces(reached) => Value::from(reached.clone()),
        }
    }
}
