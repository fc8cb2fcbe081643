//! What of Render's texts may be passed on.

/// How Render's API keys begin.
const KEY_PREFIX: &str = "rnd_";

/// Whether a text has something, is no longer than so many bytes, prints as one word on one line, and holds no key.
pub(super) fn can_be_shown(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && !may_hold_a_key(text)
}

/// Whether a text holds what may be an API key, of anybody.
pub(super) fn may_hold_a_key(text: &str) -> bool {
    text.contains(KEY_PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_a_key_or_of_more_than_one_short_word_is_not_shown() {
        assert!(can_be_shown("sha256:ab", 9));
        for text in [
            "",
            "sha256:abc",
            "a b",
            "a\n",
            "\u{1b}[31m",
            "\u{e4}",
            "x=rnd_a",
        ] {
            assert!(!can_be_shown(text, 9), "{text:?}");
        }
    }
}
