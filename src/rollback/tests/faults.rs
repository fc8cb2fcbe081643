//! What went wrong in many runs, told at once.

/// What went wrong.
#[derive(Debug, Default)]
pub struct Faults(Vec<String>);

impl Faults {
    /// Keeps what is wrong with the run that `story` tells, if anything is.
    pub fn add(&mut self, story: &str, fault: Option<String>) {
        self.0
            .extend(fault.map(|fault| format!("{story}: {fault}")));
    }

    /// Fails if anything went wrong.
    pub fn assert_none(&self) {
        let told: Vec<&str> = self.0.iter().take(40).map(String::as_str).collect();
        assert!(
            told.is_empty(),
            "{} faults:\n{}",
            self.0.len(),
            told.join("\n")
        );
    }
}
