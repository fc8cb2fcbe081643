//! A check that cannot be built from what its author wrote.

/// A field of a check that says something impossible. The message names the field, and never a secret value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InvalidCheck {
    /// Where it stands in the check: `http.expect.bodyMatches`.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

impl InvalidCheck {
    /// Names the field and what is wrong with it.
    #[must_use]
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            problem: problem.into(),
        }
    }
}
