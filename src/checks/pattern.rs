//! Regular expressions whose memory and time are bounded.

use regex::bytes::{Regex, RegexBuilder};

use super::invalid::InvalidCheck;

const LONGEST_PATTERN: usize = 1024;

/// How deep groups and repetitions may stand in each other: the compiler takes stack for each. The library's own bound, 250, is
/// more than a thread's stack holds in a build without optimization.
const DEEPEST_PATTERN: u32 = 50;

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
        .nest_limit(DEEPEST_PATTERN)
        .size_limit(PATTERN_MEMORY)
        .dfa_size_limit(PATTERN_MEMORY)
        .build()
        .map_err(|error| InvalidCheck::new(field, explain(&error)))
}

/// One of our own.
///
/// # Panics
/// When it is no expression: the tests of what has it try it.
#[expect(clippy::expect_used, reason = "it is written in the source")]
pub(super) fn fixed(pattern: &'static str) -> Regex {
    Regex::new(pattern).expect("an expression of ours")
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

#[cfg(test)]
mod tests {
    use super::*;

    /// As long as a body may be, and made so that what begins to match does not end.
    fn body() -> Vec<u8> {
        b"aaaaaaaaaaaaaaa a1b2\n".repeat(52_429)
    }

    #[test]
    fn what_makes_other_engines_stand_still_ends_soon() {
        let (body, began) = (body(), std::time::Instant::now());
        for pattern in [
            "^(a+)+$",
            "(a|a)*c",
            "(a|aa)+!",
            "(.*a){12}z",
            "(x+x+)+y",
            "^(([a-z])+.)+[A-Z]([a-z])+$",
            "(?s).*.*.*=.*",
            "(a?){40}a{40}z",
        ] {
            assert!(
                !compile(pattern, "field").unwrap().is_match(&body),
                "{pattern}"
            );
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(30));
    }

    #[test]
    fn what_is_nested_too_deep_for_a_stack_is_refused() {
        for nested in [
            format!("{}a{}", "(".repeat(200), ")".repeat(200)),
            format!("a{}", "*".repeat(200)),
            format!("{}a{}", "(?:x|".repeat(120), ")".repeat(120)),
        ] {
            let error = compile(&nested, "field").unwrap_err();
            assert!(!error.problem.contains('\n'), "{error}");
        }
        let deepest = format!("{}a{}", "(".repeat(49), ")".repeat(49));
        assert!(compile(&deepest, "field").unwrap().is_match(b"a"));
    }

    #[test]
    fn every_text_is_compiled_within_its_memory_or_refused_on_one_line() {
        let body = &body()[..8192];
        crate::fuzz::hold_text("pattern", |text| match compile(text, "field") {
            Ok(pattern) => {
                let _ = pattern.is_match(body);
            }
            Err(InvalidCheck { problem, .. }) => {
                assert!(!problem.contains('\n'), "{text:?}: {problem}");
            }
        });
        let large = compile("(a{1,1000}){1,1000}", "field").unwrap_err();
        assert_eq!(large.problem, "needs too much memory");
    }
}
