use regex::Regex;

use super::*;

#[test]
fn a_key_is_the_same_in_every_version_of_this_program() {
    // { printf '\0\0\0\0\0\0\0\31plumbline.dev/rollback/v1'; printf '\0\0\0\0\0\0\0\3uid'
    //   printf '\0\0\0\0\0\0\0\5dep-2'; printf '\0\0\0\0\0\0\0\1\1'; } | sha256sum
    assert_eq!(key("uid", "dep-2", 1), "f0ed4642d492352daffd82e0c3c144fd");
}

#[test]
fn no_two_triples_share_a_key() {
    let triples = [
        ("uid", "dep-2", 1),
        ("uid", "dep-2", 2),
        ("uid", "dep-21", 1),
        ("uidd", "ep-2", 1),
        ("ui", "ddep-2", 1),
        ("", "uiddep-2", 1),
        ("uiddep-2", "", 1),
    ];
    let keys: std::collections::BTreeSet<String> = triples
        .iter()
        .map(|(uid, release, attempt)| key(uid, release, *attempt))
        .collect();
    assert_eq!(keys.len(), triples.len());
}

#[test]
fn a_name_is_one_that_the_api_server_takes_however_long_the_validations_is() {
    let valid =
        Regex::new(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$").unwrap();
    let key = key("uid", "dep-2", 1);
    let dots = format!("{}.{}", "a".repeat(235), "b".repeat(17));
    let dashes = format!("{}---.{}", "a".repeat(233), "b".repeat(16));
    for long in ["accessa-production", &"a".repeat(253), &dots, &dashes] {
        let name = name(long, &key);
        assert!(name.len() <= 253, "{name}");
        assert!(valid.is_match(&name), "{name}");
        assert!(name.ends_with(&format!("-rb-{}", &key[..12])), "{name}");
    }
    assert_eq!(name("accessa", &key), format!("accessa-rb-{}", &key[..12]));
}

#[test]
fn a_name_that_no_validation_can_have_is_no_panic() {
    assert!(name(&"é".repeat(200), "").len() <= 253);
}
