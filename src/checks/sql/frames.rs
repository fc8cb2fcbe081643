//! The bounds of what a server may send, held before anything is read of it.

use crate::checks::net::relay::Watch;

/// Most bytes of one run: a large schema takes a tenth of it.
const MOST_BYTES: usize = 8 << 20;

/// Most bytes of one message. The library sets aside what a message says that it will be.
const MOST_MESSAGE_BYTES: u32 = 1 << 20;

/// Bytes of a message's head: its kind, and its length from there on.
const HEAD_BYTES: usize = 5;

/// Follows the messages of a PostgreSQL server:
/// <https://www.postgresql.org/docs/current/protocol-message-formats.html>.
#[derive(Debug, Default)]
pub(super) struct Frames {
    total: usize,
    head: Vec<u8>,
    /// What is left of the message whose head was read.
    left: usize,
}

impl Watch for Frames {
    fn admits(&mut self, bytes: &[u8]) -> bool {
        self.total = self.total.saturating_add(bytes.len());
        if self.total > MOST_BYTES {
            return false;
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let skipped = self.left.min(rest.len());
            self.left -= skipped;
            rest = &rest[skipped..];
            let missing = (HEAD_BYTES - self.head.len()).min(rest.len());
            if self.left == 0 {
                self.head.extend_from_slice(&rest[..missing]);
                rest = &rest[missing..];
            }
            if let [_, a, b, c, d] = self.head[..] {
                let length = u32::from_be_bytes([a, b, c, d]);
                if !(4..=MOST_MESSAGE_BYTES).contains(&length) {
                    return false;
                }
                self.head.clear();
                self.left = length as usize - 4;
            }
        }
        true
    }
}

/// Counts what a server sends, where the messages cannot be seen.
#[derive(Debug, Default)]
pub(super) struct Total(usize);

impl Watch for Total {
    fn admits(&mut self, bytes: &[u8]) -> bool {
        self.0 = self.0.saturating_add(bytes.len());
        self.0 <= MOST_BYTES
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(length: usize) -> Vec<u8> {
        let mut bytes = vec![b'D'];
        bytes.extend_from_slice(&u32::try_from(length + 4).unwrap().to_be_bytes());
        bytes.resize(HEAD_BYTES + length, 0xff);
        bytes
    }

    #[test]
    fn a_message_that_says_it_is_large_is_stopped_at_its_head() {
        for length in [0u32, 3, MOST_MESSAGE_BYTES + 1, u32::MAX] {
            let mut bytes = message(7);
            bytes.push(b'D');
            bytes.extend_from_slice(&length.to_be_bytes());
            assert!(!Frames::default().admits(&bytes), "{length}");
        }
    }

    #[test]
    fn what_never_ends_is_stopped() {
        let (mut frames, mut total) = (Frames::default(), Total::default());
        let bytes = message(1 << 19);
        let passed = (0..1000).take_while(|_| frames.admits(&bytes)).count();
        assert_eq!(passed, MOST_BYTES / bytes.len());
        let passed = (0..1000).take_while(|_| total.admits(&bytes)).count();
        assert_eq!(passed, MOST_BYTES / bytes.len());
    }

    proptest! {
        #[test]
        fn messages_pass_however_they_are_cut(
            lengths in prop::collection::vec(0usize..600, 1..20),
            cut in 1usize..40,
        ) {
            let bytes: Vec<u8> = lengths.iter().flat_map(|length| message(*length)).collect();
            let mut frames = Frames::default();
            prop_assert!(bytes.chunks(cut).all(|chunk| frames.admits(chunk)));
            prop_assert_eq!((frames.left, frames.head.len()), (0, 0));
        }

        #[test]
        fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 1usize..40) {
            let mut frames = Frames::default();
            let _ = bytes.chunks(cut).all(|chunk| frames.admits(chunk));
        }
    }

    #[test]
    fn what_is_admitted_does_not_depend_on_how_it_is_cut() {
        crate::fuzz::hold("frames", |input| {
            let whole = Frames::default().admits(input);
            let mut frames = Frames::default();
            assert_eq!(input.chunks(3).all(|part| frames.admits(part)), whole);
        });
    }
}
