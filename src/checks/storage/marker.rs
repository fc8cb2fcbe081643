//! The object or file that a check puts and takes away again.

/// A marker of one run: nobody else's has its name or its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marker {
    /// Its name, from the prefix on.
    pub(super) name: String,
    /// Its content.
    pub(super) content: String,
}

impl Marker {
    /// One of this run's own.
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            name: format!("{prefix}{:032x}", rand::random::<u128>()),
            content: format!(
                "plumbline checks this storage: {:032x}\n",
                rand::random::<u128>()
            ),
        }
    }
}
