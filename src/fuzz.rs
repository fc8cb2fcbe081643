//! What every parser of our own is held to: the inputs kept in `tests/data/fuzz`, as they are and changed at random.
//!
//! `PROPTEST_CASES` sets how many changed inputs are tried. One that breaks a rule belongs into the parser's file.

use std::{fs, path::Path, time::Instant};

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, TestCaseError, TestRunner},
};

/// Longer inputs are cut: parsers have caps of their own, which shorter ones reach.
const LONGEST: usize = 64 * 1024;

/// The longest that one input may take on a busy machine. What takes time out of proportion takes much longer.
const SLOWEST: std::time::Duration = std::time::Duration::from_secs(5);

/// What is done to an input at one place of it.
#[derive(Clone, Debug)]
enum Change {
    Insert(Vec<u8>),
    Remove(usize),
    Repeat(usize, usize),
    /// Goes on as another input does from there on.
    Splice(Index),
}

/// Holds `parser` to `rule`, which panics when it is broken, over the inputs in `tests/data/fuzz/<parser>.json` (a list of
/// texts) and over what becomes of them.
pub fn hold(parser: &str, rule: impl Fn(&[u8])) {
    let inputs = inputs(parser);
    for input in &inputs {
        timed(input, &rule);
    }
    let pairs = (select(inputs.clone()), select(inputs));
    let changed =
        (pairs, vec((any::<Index>(), change()), 1..6)).prop_map(|((mut input, other), changes)| {
            for (place, change) in changes {
                apply(&mut input, place, change, &other);
                input.truncate(LONGEST);
            }
            input
        });
    let config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    let held = TestRunner::new(config).run(&changed, |input| {
        timed(&input, &rule);
        Ok::<(), TestCaseError>(())
    });
    if let Err(broken) = held {
        panic!("{parser}: {broken}");
    }
}

/// The same for a parser of texts: bytes that are none are replaced.
pub fn hold_text(parser: &str, rule: impl Fn(&str)) {
    hold(parser, |input| rule(&String::from_utf8_lossy(input)));
}

fn inputs(parser: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fuzz");
    let file = fs::read(folder.join(format!("{parser}.json"))).unwrap();
    let inputs: Vec<String> = serde_json::from_slice(&file).unwrap();
    assert!(inputs.len() >= 4, "{parser} has few inputs");
    inputs.into_iter().map(String::into_bytes).collect()
}

fn timed(input: &[u8], rule: impl Fn(&[u8])) {
    let began = Instant::now();
    rule(input);
    assert!(began.elapsed() < SLOWEST, "took {:?}", began.elapsed());
}

fn change() -> impl Strategy<Value = Change> {
    let inserted = prop_oneof![
        vec(any::<u8>(), 1..5),
        "[-+.,:;=/$@*?&|!#%'\"()\\[\\]{}<>\\\\ \t\r\n0]{1,4}".prop_map(String::into_bytes),
        "[0-9]{1,24}|NaN|-?Inf|1e999|\u{202e}|\u{0}|💥|é".prop_map(String::into_bytes),
    ];
    prop_oneof![
        4 => inserted.prop_map(Change::Insert),
        2 => (1_usize..9).prop_map(Change::Remove),
        1 => (1_usize..40, 1_usize..400).prop_map(|(length, times)| Change::Repeat(length, times)),
        1 => any::<Index>().prop_map(Change::Splice),
    ]
}

fn apply(input: &mut Vec<u8>, place: Index, change: Change, other: &[u8]) {
    let at = place.index(input.len() + 1);
    match change {
        Change::Insert(bytes) => drop(input.splice(at..at, bytes)),
        Change::Remove(length) => drop(input.drain(at..(at + length).min(input.len()))),
        Change::Repeat(length, times) => {
            let part = input[at..(at + length).min(input.len())].repeat(times);
            drop(input.splice(at..at, part));
        }
        Change::Splice(from) => {
            input.truncate(at);
            input.extend_from_slice(&other[from.index(other.len() + 1)..]);
        }
    }
}
