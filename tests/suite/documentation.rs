//! What the pages say is so: the words are the program's, the examples are read in full, and the links lead somewhere.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;
use serde_json::Value;

use crate::manifests::{resource, unread};

#[test]
fn every_condition_and_reason_is_documented_and_no_other() {
    let conditions = words(r"(?m)^        ([A-Z]\w+),$", "src/api/conditions.rs");
    let documented: BTreeSet<String> =
        &listed("Condition types") | &listed("Reasons of conditions");
    assert_eq!(documented, conditions);
    let checks = words(r#"Self::\w+ => "(\w+)""#, "src/checks/verdict.rs");
    assert_eq!(listed("Reasons of checks"), checks);
}

#[test]
fn every_example_of_a_resource_is_read_in_full() {
    let block = Regex::new(r"(?s)```yaml\n(apiVersion: plumbline\.dev.*?)```").unwrap();
    let mut kinds = BTreeSet::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for example in block.captures_iter(&text) {
            let written: Value = serde_yaml::from_str(&example[1]).unwrap();
            let read =
                resource(&written).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
            assert_eq!(unread(&written, &read), None, "{}", page.display());
            kinds.insert(written["kind"].as_str().unwrap().to_owned());
        }
    }
    let every = ["DeploymentValidation", "Rollback", "RollbackPolicy"].map(str::to_owned);
    assert_eq!(kinds, every.into(), "each kind has an example");
}

#[test]
fn every_link_within_the_repository_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)#:]+)(#[^)]*)?\)").unwrap();
    let mut links = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for target in link.captures_iter(&text) {
            let path = page.parent().unwrap().join(&target[1]);
            assert!(path.exists(), "{} links to {}", page.display(), &target[1]);
            links += 1;
        }
    }
    assert!(links >= 10, "the links were found");
}

/// The words in the first column of the tables under a heading of `docs/codes.md`.
fn listed(heading: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("docs/codes.md")).unwrap();
    let section = text
        .split("\n## ")
        .find(|section| section.starts_with(heading))
        .unwrap_or_else(|| panic!("docs/codes.md has no heading {heading}"));
    let word = Regex::new(r"`(\w+)`").unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split(" | ").next())
        .flat_map(|cell| {
            let cell = format!("`{cell}");
            let words = word.captures_iter(&cell).map(|word| word[1].to_owned());
            words.collect::<Vec<_>>()
        })
        .collect()
}

/// What `pattern` captures in a source file.
fn words(pattern: &str, file: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join(file)).unwrap();
    let pattern = Regex::new(pattern).unwrap();
    let words: BTreeSet<String> = pattern
        .captures_iter(&text)
        .map(|word| word[1].to_owned())
        .collect();
    assert!(words.len() > 10, "{file} has them elsewhere now");
    words
}

fn pages() -> Vec<PathBuf> {
    let mut pages = vec![
        root().join("README.md"),
        root().join("tests/cluster/README.md"),
    ];
    for folder in ["docs", "docs/checks", "docs/decisions"] {
        let entries = fs::read_dir(root().join(folder)).unwrap();
        pages.extend(entries.map(|entry| entry.unwrap().path()));
    }
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    pages
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
