//! Two processes with one file, and one that is killed.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write, stdout},
    path::Path,
    process::{Child, Command, Stdio},
};

use plumbline::rollback::ledger::{AttemptLedger, AttemptName, Attempts, Created};
use tokio::task::spawn_blocking;

use super::bench::{Bench, File, open, spec};

/// What a child goes by: the file, who it is, and how many attempts it tries to create.
const FILE: &str = "PLUMBLINE_TEST_LEDGER";
const CLAIMANT: &str = "PLUMBLINE_TEST_CLAIMANT";
const ATTEMPTS: &str = "PLUMBLINE_TEST_ATTEMPTS";

/// What a child says of each attempt that it has created.
const OWNED: &str = "owned ";

/// The child's part: another process that creates attempts and says which are its own.
#[tokio::test]
#[ignore = "the other tests of this file start it as a process"]
async fn child() {
    let file = std::env::var(FILE).unwrap();
    let ledger = open(Path::new(&file)).await;
    let mut spec = spec("u-1", "careful");
    spec.plan.as_mut().unwrap().claimant = std::env::var(CLAIMANT).unwrap();
    let attempts: usize = std::env::var(ATTEMPTS).unwrap().parse().unwrap();
    for number in 0..attempts {
        let name = name(number);
        if let Created::New(attempt) = ledger.create(&name, &spec).await.unwrap() {
            writeln!(stdout(), "\n{OWNED}{}", attempt.name.name).unwrap();
        }
    }
}

fn name(number: usize) -> AttemptName {
    AttemptName {
        namespace: "shop".into(),
        name: format!("attempt-{number:04}"),
    }
}

fn start(bench: &File, claimant: &str, attempts: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "ledger::processes::child",
            "--ignored",
            "--nocapture",
        ])
        .env(FILE, bench.path())
        .env(CLAIMANT, claimant)
        .env(ATTEMPTS, attempts.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// What a child says that it owns, up to `most` of them.
fn owned(child: &mut Child, most: usize) -> Vec<String> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines
        .filter_map(|line| Some(line.ok()?.strip_prefix(OWNED)?.to_owned()))
        .take(most)
        .collect()
}

/// Whom each attempt on record belongs to.
async fn claims(bench: &File) -> BTreeMap<String, String> {
    let listed = bench.ledger().list("shop", Attempts::OfValidation("u-1"));
    let attempts = listed.await.unwrap().into_iter();
    attempts
        .map(|attempt| (attempt.name.name, attempt.spec.plan.unwrap().claimant))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_exactly_one_owns_each_attempt() {
    const COUNT: usize = 300;
    let bench = File::start().await;
    let children = ["one", "two"].map(|claimant| {
        let mut child = start(&bench, claimant, COUNT);
        spawn_blocking(move || {
            let owned = owned(&mut child, usize::MAX);
            assert!(child.wait().unwrap().success());
            (claimant, owned)
        })
    });
    let mut said = BTreeMap::new();
    for child in children {
        let (claimant, owned) = child.await.unwrap();
        for name in owned {
            let before = said.insert(name.clone(), claimant.to_owned());
            assert_eq!(before, None, "{name} has two owners");
        }
    }
    assert_eq!(said.len(), COUNT);
    assert_eq!(claims(&bench).await, said);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_has_told_is_on_record_and_the_file_is_sound() {
    for most in [1, 7, 40] {
        let bench = File::start().await;
        // More than it gets to.
        let mut child = start(&bench, "one", 5_000);
        let reading = spawn_blocking(move || {
            let owned = owned(&mut child, most);
            child.kill().unwrap();
            (owned, child.wait().unwrap())
        });
        let (owned, ended) = reading.await.unwrap();
        assert_eq!((owned.len(), ended.success()), (most, false));
        let ledger = open(&bench.path()).await;
        let on_record = claims(&bench).await;
        for name in &owned {
            assert!(on_record.contains_key(name), "{name} was lost");
        }
        // Whoever comes after can write.
        for name in on_record.into_keys() {
            let found = ledger.read(&bench.name(&name)).await.unwrap().unwrap();
            ledger.remove(&found).await.unwrap();
        }
    }
}
