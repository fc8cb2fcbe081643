//! Regular expressions whose memory and time are bounded.

use regex::bytes::{Regex, RegexBuilder};

use crate::checks::invalid::InvalidCheck;

const LONGEST_PATTERN: usize = 1024;

/// Memory of one compiled expression, and of the automaton that it builds while it runs, in bytes.
const PATTERN_MEMORY: usize = 1024 * 1024;

/// Compiles the expression in `field`.
pub(super) fn compile(pattern: &str, field: &str) -> Result<Regex, InvalidCheck> {
    if pattern.len() > LONGEST_PATTERN {
        return Err(InvalidCheck::new(
            field,
            format!("is longer than {LONGEST_PATTERN} bytes"),
        ));
    }
    RegexBuilder::new(pattern)
        .size_limit(PATTERN_MEMORY)
        .dfa_size_limit(PATTERN_MEMORY)
        .build()
        .map_err(|error| InvalidCheck::new(field, explain(&error)))
}

/// The last line of the error; those before it draw the expression.
fn explain(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "needs too much memory".to_owned(),
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or_default();
            format!(
                "is not a regular expression: {}",
                last.trim_start_matches("error: ")
            )
        }
    }
}
