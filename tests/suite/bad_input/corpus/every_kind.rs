//! Addresses that no kind of check takes, in every field that holds one.

use std::collections::BTreeSet;

use plumbline::api::CheckKind;

use super::super::row::{Row, refuse, reject};
use crate::every_kind::{Address, Case, of};

const CHECK: &str = "spec.checks[1]";

/// What the schema refuses in every field.
const NO_HOSTS: &[&str] = &[
    "",
    "user@target.example",
    "user:hunter2@target.example",
    "a b",
    "a\tb",
    "a\r\nb",
    "a\\b",
    "a#b",
    "a\0b",
];

/// What the schema refuses where a host stands alone.
const NO_BARE_HOSTS: &[&str] = &["http://a", "a/b", "a?b", "[::1]"];

/// What the schema refuses where a URL stands.
const NO_URLS: &[&str] = &[
    "file:///etc/passwd",
    "gopher://target.example",
    "unix:/run/x.sock",
    "ftp://target.example",
    "javascript:alert(1)",
    "target.example",
    "//target.example",
    "http:target.example",
    "http:///target.example",
    "http://@target.example",
    "http://target.example/#fragment",
    "http://target.example/\r\nX-Evil: 1",
    "http://target.example/a\tb",
    "http://target.example\\@127.0.0.1/",
    "http://target.example:0/",
    "http://target.example:65536/",
    "http://target.example:-1/",
];

/// What the controller says of what the schema lets pass. `port` belongs to 127.0.0.2.
const REJECTED: &[(&str, &str, &str, &str)] = &[
    ("S11", "1.2.3.4.5", "InvalidSpec", "checks[case]."),
    ("S11", "a..b", "InvalidSpec", "checks[case]."),
    ("S5", "127.0.0.2", "TargetNotAllowed", "a loopback address"),
    (
        "S6",
        "169.254.169.254",
        "TargetNotAllowed",
        "a metadata service",
    ),
    ("S7", "0x7f.2", "TargetNotAllowed", "a loopback address"),
    (
        "S8",
        "::ffff:127.0.0.2",
        "TargetNotAllowed",
        "a loopback address",
    ),
];

/// Every row.
pub fn rows(port: u16) -> Vec<Row> {
    let mut fields = BTreeSet::new();
    let cases = CheckKind::NAMES.iter().flat_map(|kind| of(kind));
    cases
        .filter(|case| fields.insert(case.field))
        .flat_map(|case| rows_of(&case, port))
        .collect()
}

fn rows_of(case: &Case, port: u16) -> Vec<Row> {
    let named = format!("{CHECK}.{}", case.field).leak();
    let refused = |address: &Address| refuse("S11", CHECK, case.written(address)).naming(named);
    let long = "a".repeat(64 * 1024);
    let (beside, urls) = match case.scheme {
        Some(_) => (&[][..], NO_URLS),
        None => (NO_BARE_HOSTS, &[][..]),
    };
    let hosts = NO_HOSTS
        .iter()
        .chain(beside)
        .copied()
        .chain([long.as_str()]);
    let mut rows: Vec<Row> = hosts
        .map(|host| refused(&Address::host(host, 80)))
        .collect();
    rows.extend(
        urls.iter()
            .map(|url| refused(&Address::Url((*url).to_owned()))),
    );
    rows.extend(REJECTED.iter().map(|(id, host, reason, saying)| {
        let written = case.written(&Address::host(host, port));
        reject(id, CHECK, written, reason, saying)
    }));
    rows
}
