//! What the first bytes of an answer to a hello say: pure.

use super::OldVersion;

const RECORD_HEADER: usize = 5;

/// The head of a message, and the version that follows it.
const MESSAGE_HEAD: usize = 6;

const ALERT: usize = 2;

/// Warnings that may come before the answer proper, such as that a name is not recognised.
const MOST_WARNINGS: usize = 2;

/// Everything that is read: after this much, the answer is known.
pub(super) const LONGEST_ANSWER: usize =
    MOST_WARNINGS * (RECORD_HEADER + ALERT) + RECORD_HEADER + MESSAGE_HEAD;

const ALERT_RECORD: u8 = 21;
const HANDSHAKE_RECORD: u8 = 22;
const SERVER_HELLO: u8 = 2;
const WARNING: u8 = 1;
const CLOSE_NOTIFY: u8 = 0;

/// What comes of a hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// An alert, or the end of the connection.
    Refused,
    /// The handshake goes on, in this version.
    Accepted(OldVersion),
    /// Something that is neither.
    Unclear,
}

/// What an answer that begins with `said` means to an offer of `offered`; `None` when more of it has to come.
pub(super) fn read(said: &[u8], offered: OldVersion) -> Option<Answer> {
    let mut rest = said;
    for _ in 0..=MOST_WARNINGS {
        match *rest {
            [ALERT_RECORD, 3, _, 0, 2, WARNING, word, ..] if word != CLOSE_NOTIFY => {
                rest = &rest[RECORD_HEADER + ALERT..];
            }
            [ALERT_RECORD, 3, _, 0, 2, _, _, ..] => return Some(Answer::Refused),
            [
                HANDSHAKE_RECORD,
                3,
                _,
                _,
                _,
                SERVER_HELLO,
                _,
                _,
                _,
                3,
                minor,
                ..,
            ] => {
                return Some(accepted(minor, offered));
            }
            _ if begins_well(rest) => return None,
            _ => return Some(Answer::Unclear),
        }
    }
    Some(Answer::Unclear)
}

fn accepted(minor: u8, offered: OldVersion) -> Answer {
    [
        OldVersion::Ssl30,
        OldVersion::Tls10,
        OldVersion::Tls11,
        OldVersion::Tls12,
    ]
    .into_iter()
    .find(|version| version.number()[1] == minor)
    .filter(|version| *version <= offered)
    .map_or(Answer::Unclear, Answer::Accepted)
}

/// Whether `bytes` may become a record that is understood.
fn begins_well(bytes: &[u8]) -> bool {
    const ANY: Option<u8> = None;
    let alert = [Some(ALERT_RECORD), Some(3), ANY, Some(0), Some(2), ANY, ANY];
    let hello = [
        Some(HANDSHAKE_RECORD),
        Some(3),
        ANY,
        ANY,
        ANY,
        Some(SERVER_HELLO),
        ANY,
        ANY,
        ANY,
        Some(3),
        ANY,
    ];
    let fits = |shape: &[Option<u8>]| {
        let mut pairs = bytes.iter().zip(shape);
        bytes.len() < shape.len() && pairs.all(|(byte, wanted)| wanted.is_none_or(|it| it == *byte))
    };
    fits(&alert) || fits(&hello)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WARNED: [u8; 7] = [ALERT_RECORD, 3, 1, 0, 2, WARNING, 112];
    const FATAL: [u8; 7] = [ALERT_RECORD, 3, 1, 0, 2, 2, 70];

    fn server_hello(minor: u8) -> Vec<u8> {
        vec![
            HANDSHAKE_RECORD,
            3,
            1,
            0,
            80,
            SERVER_HELLO,
            0,
            0,
            76,
            3,
            minor,
        ]
    }

    #[test]
    fn an_answer_is_taken_or_refused_or_neither() {
        use OldVersion::{Ssl30, Tls10, Tls11, Tls12};
        let accepted = |version| Some(Answer::Accepted(version));
        let (refused, unclear) = (Some(Answer::Refused), Some(Answer::Unclear));
        for (answer, offered, expected) in [
            (Vec::new(), Tls11, None),
            (FATAL.to_vec(), Tls11, refused),
            (FATAL[..6].to_vec(), Tls11, None),
            (
                vec![ALERT_RECORD, 3, 1, 0, 2, WARNING, CLOSE_NOTIFY],
                Tls11,
                refused,
            ),
            (WARNED.to_vec(), Tls11, None),
            (
                [&WARNED[..], &server_hello(1)].concat(),
                Tls11,
                accepted(Tls10),
            ),
            ([&WARNED[..], &WARNED, &FATAL].concat(), Tls11, refused),
            ([WARNED; 3].concat(), Tls11, unclear),
            (server_hello(1), Tls11, accepted(Tls10)),
            (server_hello(2), Tls11, accepted(Tls11)),
            (server_hello(3), Tls12, accepted(Tls12)),
            (server_hello(1), Tls10, accepted(Tls10)),
            (server_hello(2), Tls10, unclear),
            (server_hello(3), Tls11, unclear),
            (server_hello(0), Tls11, accepted(Ssl30)),
            (server_hello(1)[..10].to_vec(), Tls11, None),
            (b"HTTP/1.1 400 Bad Request".to_vec(), Tls11, unclear),
            (b"H".to_vec(), Tls11, unclear),
            (vec![ALERT_RECORD, 3, 1, 1, 0], Tls11, unclear),
            (vec![HANDSHAKE_RECORD, 3, 1, 0, 80, 11], Tls11, unclear),
        ] {
            assert_eq!(read(&answer, offered), expected, "{answer:?}");
        }
    }

    /// Bytes that are likelier than others to look like an answer.
    fn likely() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            prop::sample::select(vec![0, 1, 2, 3, ALERT_RECORD, HANDSHAKE_RECORD]),
            any::<u8>()
        ];
        let bytes = prop::collection::vec(byte, 0..64);
        let parts = prop_oneof![
            3 => Just(WARNED.to_vec()),
            1 => Just(server_hello(2)),
            1 => Just(FATAL.to_vec()),
        ];
        (prop::collection::vec(parts, 0..6), bytes).prop_map(|(parts, mut bytes)| {
            let mut all = parts.concat();
            all.append(&mut bytes);
            all
        })
    }

    proptest! {
        #[test]
        fn every_answer_is_known_within_its_bound_and_more_of_it_changes_nothing(bytes in likely()) {
            let known = (0..=bytes.len()).find(|end| read(&bytes[..*end], OldVersion::Tls11).is_some());
            match known {
                Some(end) => {
                    prop_assert!(end <= LONGEST_ANSWER);
                    prop_assert_eq!(read(&bytes, OldVersion::Tls11), read(&bytes[..end], OldVersion::Tls11));
                }
                None => prop_assert!(bytes.len() < LONGEST_ANSWER),
            }
        }
    }
}
