use std::collections::BTreeMap;

use super::*;
use crate::rollback::samples::read;

/// Tables of columns, each by its type, with `!` for NOT NULL and `=` for a default.
fn schema(yaml: &str) -> SchemaFingerprint {
    let tables: BTreeMap<String, BTreeMap<String, String>> = read(yaml);
    let column = |text: String| Column {
        type_: text.trim_end_matches(['!', '=']).to_owned(),
        nullable: !text.contains('!'),
        has_default: text.contains('='),
    };
    let table = |columns: BTreeMap<String, String>| {
        let columns = columns.into_iter();
        columns.map(|(name, text)| (name, column(text))).collect()
    };
    SchemaFingerprint {
        tables: tables
            .into_iter()
            .map(|(name, columns)| (name, table(columns)))
            .collect(),
    }
}

const GOOD: &str = "{users: {id: 'int!', email: text, plan: 'text!='}}";

fn found(live: &str) -> Vec<String> {
    let found = incompatibilities(&schema(live), &schema(GOOD));
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn what_was_added_is_no_matter() {
    for live in [
        GOOD,
        "{users: {id: 'int!', email: text, plan: 'text!='}, orders: {id: 'int!'}}",
        "{users: {id: 'int!', email: text, plan: 'text!=', age: int}}",
        "{users: {id: 'int!', email: text, plan: 'text!=', age: 'int!='}}",
    ] {
        assert_eq!(found(live), Vec::<String>::new(), "{live}");
    }
}

#[test]
fn what_was_relaxed_is_no_matter() {
    assert_eq!(
        found("{users: {id: int, email: text=, plan: text}}"),
        Vec::<String>::new()
    );
}

#[test]
fn what_the_code_knows_and_is_not_as_it_was_is_found() {
    for (live, expected) in [
        ("{}", "table users is gone"),
        (
            "{users: {id: 'int!', plan: 'text!='}}",
            "column users.email is gone",
        ),
        (
            "{users: {id: 'bigint!', email: text, plan: 'text!='}}",
            "column users.id is bigint, was int",
        ),
        (
            "{users: {id: 'int!', email: 'text!', plan: 'text!='}}",
            "column users.email is NOT NULL without a default",
        ),
        (
            "{users: {id: 'int!', email: text, plan: 'text!'}}",
            "column users.plan is NOT NULL without a default",
        ),
        (
            "{users: {id: 'int!', email: text, plan: 'text!=', age: 'int!'}}",
            "column users.age is NOT NULL without a default",
        ),
    ] {
        assert_eq!(found(live), [expected]);
    }
}

fn verdict(live: Option<&str>, good: Option<&str>, rules: &str) -> SchemaVerdict {
    let (live, good) = (live.map(schema), good.map(schema));
    guard(live.as_ref(), good.as_ref(), &read(rules))
}

#[test]
fn the_policy_says_what_a_known_incompatibility_leads_to() {
    let gone = "table users is gone".to_owned();
    for (rules, expected) in [
        ("{}", SchemaVerdict::Refuse(gone.clone())),
        ("{schema: Refuse}", SchemaVerdict::Refuse(gone.clone())),
        (
            "{schema: Ask, schemaUnknown: Refuse}",
            SchemaVerdict::Ask(gone),
        ),
        (
            "{schema: Ignore, schemaUnknown: Refuse}",
            SchemaVerdict::Pass,
        ),
    ] {
        assert_eq!(verdict(Some("{}"), Some(GOOD), rules), expected, "{rules}");
    }
    assert_eq!(
        verdict(Some(GOOD), Some(GOOD), "{schemaUnknown: Refuse}"),
        SchemaVerdict::Pass
    );
}

#[test]
fn the_policy_says_what_a_schema_that_is_not_known_leads_to() {
    let live = "the live schema is not known".to_owned();
    let good = "the schema that it was written for is not known".to_owned();
    assert_eq!(verdict(None, None, "{}"), SchemaVerdict::Pass);
    assert_eq!(
        verdict(None, Some(GOOD), "{schemaUnknown: Ask, schema: Ignore}"),
        SchemaVerdict::Ask(live)
    );
    assert_eq!(
        verdict(Some(GOOD), None, "{schemaUnknown: Refuse, schema: Ignore}"),
        SchemaVerdict::Refuse(good)
    );
}

#[test]
fn a_reason_names_a_few_and_counts_the_rest() {
    let tables: Vec<String> = (0..8).map(|number| format!("t{number}: {{}}")).collect();
    let good = format!("{{{}}}", tables.join(", "));
    let SchemaVerdict::Refuse(reason) = verdict(Some("{}"), Some(&good), "{}") else {
        panic!("it passes");
    };
    assert!(reason.ends_with("table t4 is gone; and 3 more"), "{reason}");
}

#[test]
fn a_fingerprint_reads_what_it_writes_and_its_digest_tells_schemas_apart() {
    let good = schema(GOOD);
    let written = serde_json::to_string(&good).unwrap();
    assert_eq!(
        serde_json::from_str::<SchemaFingerprint>(&written).unwrap(),
        good
    );
    // printf '%s' '{"t":{"c":"int?"}}' | sha256sum
    assert_eq!(
        schema("{t: {c: int}}").digest(),
        "a185e93a46f36ed389cf18d273b4db80"
    );
    assert_ne!(
        schema("{t: {c: 'int!'}}").digest(),
        schema("{t: {c: int}}").digest()
    );
}
