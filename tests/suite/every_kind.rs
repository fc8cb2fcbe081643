//! What holds for every kind of check, in tables over all of them. A kind that is added to [`CheckKind`] and not to
//! [`cases::of`] fails here.

mod addresses;
mod cases;
mod conduct;
mod malformed;
mod names;
mod protocol;

use plumbline::{
    api::CheckKind,
    checks::{compile::compile, invalid::InvalidCheck, suite::Probe},
};
use secrecy::SecretString;

pub use self::cases::{Address, Case, of};

/// What every Secret holds: text that looks different when it is encoded for a URL.
const CANARY: &str = "canary/4f1d+9b7e=%zq";

/// Every way in which a check of any kind reaches a target.
fn cases() -> Vec<Case> {
    let kinds = CheckKind::NAMES.iter();
    kinds.flat_map(|kind| of(kind)).collect()
}

/// What measures the case's check at this address.
fn probe(case: &Case, address: &Address) -> Result<std::sync::Arc<dyn Probe>, InvalidCheck> {
    compile(
        &case.check(address),
        &|_| Some(SecretString::from(CANARY)),
        None,
    )
}

#[test]
fn every_case_is_a_good_check_of_its_kind_that_names_its_target_and_hides_its_secrets() {
    let address = Address::host("target.example", 8443);
    for case in cases() {
        let check = case.check(&address);
        let field = serde_json::to_value(check.kind().unwrap()).unwrap();
        assert!(field.get(case.kind).is_some(), "{}: {field}", case.name);
        let probe = probe(&case, &address).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        assert_eq!(probe.host(), "target.example:8443", "{}", case.name);
        let targets: Vec<&str> = probe.targets().iter().map(|it| it.as_str()).collect();
        assert_eq!(targets, ["target.example:8443"], "{}", case.name);
        assert!(!format!("{probe:?}").contains("canary"), "{}", case.name);
    }
}
