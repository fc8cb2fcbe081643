//! The `dns` check: records that a name must have.

use std::{net::IpAddr, time::Duration};

use futures::future::BoxFuture;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::time::Instant;
use url::Host;

use super::{
    invalid::InvalidCheck,
    net::{Session, resolve::ResolveError},
    suite::Probe,
    verdict::{Finding, FindingReason, Measurement, Phases},
};
use crate::api::{self, DnsRecordType};

/// The most records that may be named.
const MOST_EXPECTED: usize = 16;

/// Asks for the records of a name, past every cache of this process.
#[derive(Clone, Debug)]
pub struct DnsProbe {
    name: String,
    record_type: DnsRecordType,
    contains: Vec<String>,
}

impl DnsProbe {
    /// Compiles the check.
    pub fn new(check: &api::DnsCheck) -> Result<Self, InvalidCheck> {
        let name = match Host::parse(&check.name) {
            // What no name server could be asked for (`a..b`) would look like one that does not answer.
            Ok(Host::Domain(name)) if Name::from_ascii(&name).is_ok() => name,
            _ => return Err(InvalidCheck::new("dns.name", "is not a name")),
        };
        if check.contains.len() > MOST_EXPECTED {
            return Err(InvalidCheck::new(
                "dns.contains",
                format!("has more than {MOST_EXPECTED} entries"),
            ));
        }
        for (place, expected) in check.contains.iter().enumerate() {
            let fits = match check.record_type {
                DnsRecordType::A => matches!(expected.parse(), Ok(IpAddr::V4(_))),
                DnsRecordType::Aaaa => matches!(expected.parse(), Ok(IpAddr::V6(_))),
                _ => !expected.is_empty(),
            };
            if !fits {
                return Err(InvalidCheck::new(
                    format!("dns.contains[{place}]"),
                    format!(
                        "is not the text of a record of type {}",
                        word(check.record_type)
                    ),
                ));
            }
        }
        Ok(Self {
            name,
            record_type: check.record_type,
            contains: check.contains.clone(),
        })
    }

    async fn run(&self, session: &Session, deadline: Instant) -> Measurement {
        let started = Instant::now();
        let answer = session
            .network()
            .resolver()
            .records(&self.name, record_type(self.record_type), deadline)
            .await;
        Measurement::of(self.judge(answer), phases(started.elapsed()))
    }

    /// An authority that says "no" is an answer, and a wrong one; no answer says nothing about the name.
    fn judge(&self, answer: Result<Vec<RData>, ResolveError>) -> Finding {
        let (name, kind) = (&self.name, word(self.record_type));
        let records = match answer {
            Ok(records) => records,
            Err(ResolveError::NoSuchName) => {
                return Finding::fail(
                    FindingReason::NameNotFound,
                    format!("{name} does not exist"),
                );
            }
            Err(ResolveError::NoRecords) => {
                return Finding::fail(
                    FindingReason::UnexpectedRecords,
                    format!("{name} has no {kind} records"),
                );
            }
            Err(
                error @ (ResolveError::Failed(_) | ResolveError::TimedOut | ResolveError::NoServer),
            ) => {
                return Finding::unknown(
                    FindingReason::ResolverFailed,
                    format!("cannot resolve {name}: {error}"),
                );
            }
        };
        let missing: Vec<&str> = self
            .contains
            .iter()
            .filter(|expected| !records.iter().any(|record| is(record, expected)))
            .map(String::as_str)
            .collect();
        if missing.is_empty() {
            return Finding::pass(format!("{name} has {} {kind} records", records.len()));
        }
        Finding::fail(
            FindingReason::UnexpectedRecords,
            format!(
                "{} is missing among {} {kind} records of {name}",
                missing.join(", "),
                records.len()
            ),
        )
    }
}

/// Whether a record is the one that `expected` writes. The dot at the end of a name, and its case, do not matter; a mail
/// exchange may be written with its preference (`10 mail.example.com`) or without.
fn is(record: &RData, expected: &str) -> bool {
    let same_name = |seen: String| {
        seen.trim_end_matches('.')
            .eq_ignore_ascii_case(expected.trim_end_matches('.'))
    };
    match record {
        RData::A(address) => expected.parse() == Ok(address.0),
        RData::AAAA(address) => expected.parse() == Ok(address.0),
        RData::MX(mail) => {
            same_name(mail.exchange.to_string())
                || same_name(format!("{} {}", mail.preference, mail.exchange))
        }
        RData::TXT(text) => text.txt_data.concat() == expected.as_bytes(),
        other => same_name(other.to_string()),
    }
}

fn phases(taken: Duration) -> Phases {
    Phases {
        dns: Some(taken),
        ..Phases::default()
    }
}

const fn record_type(record_type: DnsRecordType) -> RecordType {
    match record_type {
        DnsRecordType::A => RecordType::A,
        DnsRecordType::Aaaa => RecordType::AAAA,
        DnsRecordType::Cname => RecordType::CNAME,
        DnsRecordType::Mx => RecordType::MX,
        DnsRecordType::Ns => RecordType::NS,
        DnsRecordType::Txt => RecordType::TXT,
    }
}

const fn word(record_type: DnsRecordType) -> &'static str {
    match record_type {
        DnsRecordType::A => "A",
        DnsRecordType::Aaaa => "AAAA",
        DnsRecordType::Cname => "CNAME",
        DnsRecordType::Mx => "MX",
        DnsRecordType::Ns => "NS",
        DnsRecordType::Txt => "TXT",
    }
}

impl Probe for DnsProbe {
    fn measure<'a>(
        &'a self,
        session: &'a Session,
        deadline: Instant,
    ) -> BoxFuture<'a, Measurement> {
        Box::pin(self.run(session, deadline))
    }

    /// Every DNS check talks to the same name servers, and to none of the targets that its name may stand for.
    fn host(&self) -> &'static str {
        "resolver"
    }

    fn targets(&self) -> Vec<&super::net::Target> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use hickory_resolver::proto::rr::rdata::{CNAME, MX, TXT};

    use super::*;
    use crate::checks::verdict::Verdict;

    fn probe(record_type: DnsRecordType, contains: &[&str]) -> DnsProbe {
        DnsProbe::new(&api::DnsCheck {
            name: "Example.com".to_owned(),
            record_type,
            contains: contains.iter().map(ToString::to_string).collect(),
        })
        .unwrap()
    }

    #[test]
    fn what_no_name_server_could_be_asked_for_is_refused() {
        let compiled = |name: &str| {
            DnsProbe::new(&api::DnsCheck {
                name: name.to_owned(),
                record_type: DnsRecordType::A,
                contains: Vec::new(),
            })
        };
        for name in ["_dmarc.example.com", "example.com.", "münchen.example", "a"] {
            assert!(compiled(name).is_ok(), "{name}");
        }
        let (label, long) = ("a".repeat(64), "a.".repeat(127) + "a.a");
        for name in [
            "",
            "a..b",
            "..",
            "127.0.0.1",
            "0x7f.1",
            "a b",
            &label,
            &long,
        ] {
            assert!(compiled(name).is_err(), "{name}");
        }
    }

    #[test]
    fn every_named_record_must_be_there() {
        let probe = probe(DnsRecordType::A, &["192.0.2.1", "192.0.2.2"]);
        let record = |last| RData::A(Ipv4Addr::new(192, 0, 2, last).into());
        assert_eq!(
            probe
                .judge(Ok(vec![record(2), record(1), record(3)]))
                .verdict,
            Verdict::Pass
        );
        let finding = probe.judge(Ok(vec![record(1)]));
        assert_eq!(finding.reason, FindingReason::UnexpectedRecords);
        assert_eq!(
            finding.message,
            "192.0.2.2 is missing among 1 A records of example.com"
        );
    }

    #[test]
    fn no_such_name_fails_and_no_answer_is_unknown() {
        let probe = probe(DnsRecordType::A, &[]);
        let missing = probe.judge(Err(ResolveError::NoSuchName));
        assert_eq!(
            (missing.verdict, missing.reason),
            (Verdict::Fail, FindingReason::NameNotFound)
        );
        for error in [ResolveError::TimedOut, ResolveError::NoServer] {
            let finding = probe.judge(Err(error));
            assert_eq!(
                (finding.verdict, finding.reason),
                (Verdict::Unknown, FindingReason::ResolverFailed)
            );
        }
        assert_eq!(
            probe.judge(Err(ResolveError::NoRecords)).reason,
            FindingReason::UnexpectedRecords
        );
    }

    #[test]
    fn records_are_compared_as_what_they_are() {
        let name = |text: &str| Name::from_ascii(text).unwrap();
        let mail = RData::MX(MX::new(10, name("Mail.example.com.")));
        assert!(is(&mail, "mail.example.com."));
        assert!(is(&mail, "10 mail.example.com"));
        assert!(!is(&mail, "20 mail.example.com"));
        let alias = RData::CNAME(CNAME(name("a.example.com.")));
        assert!(is(&alias, "a.example.com"));
        let text = RData::TXT(TXT::new(vec!["v=spf1 ".to_owned(), "-all".to_owned()]));
        assert!(is(&text, "v=spf1 -all"));
        assert!(!is(&text, "V=SPF1 -all"));
    }

    #[test]
    fn a_record_of_another_type_cannot_be_expected() {
        for (record_type, contains) in [
            (DnsRecordType::A, "2001:db8::1"),
            (DnsRecordType::A, "example.com"),
            (DnsRecordType::Aaaa, "192.0.2.1"),
        ] {
            let check = api::DnsCheck {
                name: "example.com".to_owned(),
                record_type,
                contains: vec![contains.to_owned()],
            };
            assert!(DnsProbe::new(&check).is_err(), "{contains}");
        }
    }

    #[test]
    fn every_name_that_is_asked_for_is_one() {
        crate::fuzz::hold_text("dns_name", |text| {
            let compiled = DnsProbe::new(&api::DnsCheck {
                name: text.to_owned(),
                record_type: DnsRecordType::A,
                contains: Vec::new(),
            });
            if let Ok(probe) = compiled {
                assert!(Name::from_ascii(&probe.name).is_ok(), "{text:?}");
                assert!(probe.name.is_ascii() && !probe.name.contains(char::is_control));
            }
        });
    }
}
