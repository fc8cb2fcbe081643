//! Names that resolve well, badly, or not at all.

use std::{net::IpAddr, time::Duration};

use plumbline::{
    api::DnsCheck,
    checks::{
        dns::DnsProbe,
        net::Session,
        verdict::{FindingReason, Measurement, Verdict},
    },
};

use super::{assert_says, measure, measure_within, network_with, probe, settings_asking};
use crate::support::hostile::{Behaviour, Lookup, NameServer, Server};

async fn look_up(session: &Session, yaml: &str) -> Measurement {
    let check: DnsCheck = serde_yaml::from_str(yaml).unwrap();
    let probe = DnsProbe::new(&check).unwrap();
    measure_within(Duration::from_secs(8), &probe, session).await
}

fn addresses(texts: &[&str]) -> Lookup {
    Lookup::Addresses(texts.iter().map(|text| text.parse().unwrap()).collect())
}

#[tokio::test]
async fn a_name_is_resolved_and_its_phase_timed() {
    let server = Server::start(Behaviour::Ok).await;
    let names = NameServer::always(addresses(&["127.0.0.1"])).await;
    let session = network_with(settings_asking(&names)).session();
    let url = format!("url: http://api.example:{}/", server.port());
    let measured = measure(&probe(&url), &session).await;
    assert_says(&measured, Verdict::Pass, FindingReason::Passed);
    assert!(measured.phases.dns.is_some());
    assert!(server.requests()[0].head.contains("host: api.example:"));
}

#[tokio::test]
async fn a_missing_name_fails_a_dns_check_and_leaves_others_unknown() {
    let names = NameServer::always(Lookup::NoSuchName).await;
    let session = network_with(settings_asking(&names)).session();
    let measured = look_up(&session, "name: gone.example").await;
    assert_says(&measured, Verdict::Fail, FindingReason::NameNotFound);
    let measured = measure(&probe("url: http://gone.example"), &session).await;
    assert_says(&measured, Verdict::Unknown, FindingReason::NameNotFound);
}

#[tokio::test]
async fn a_failing_name_server_is_unknown_to_every_check() {
    let names = NameServer::always(Lookup::Failure).await;
    let session = network_with(settings_asking(&names)).session();
    let measured = look_up(&session, "name: api.example").await;
    assert_says(&measured, Verdict::Unknown, FindingReason::ResolverFailed);
    let measured = measure(&probe("url: http://api.example"), &session).await;
    assert_says(&measured, Verdict::Unknown, FindingReason::ResolverFailed);
}

#[tokio::test]
async fn records_are_asked_for_anew_each_time() {
    let names = NameServer::start(|_, query| {
        let address = if query == 0 { "192.0.2.1" } else { "192.0.2.2" };
        Lookup::Lasting(vec![address.parse().unwrap()])
    })
    .await;
    let session = network_with(settings_asking(&names)).session();
    let yaml = "{name: api.example, contains: [192.0.2.2]}";
    let measured = look_up(&session, yaml).await;
    assert_says(&measured, Verdict::Fail, FindingReason::UnexpectedRecords);
    let measured = look_up(&session, yaml).await;
    assert_says(&measured, Verdict::Pass, FindingReason::Passed);
}

#[tokio::test]
async fn the_addresses_of_targets_are_kept_while_they_last() {
    let server = Server::start(Behaviour::Ok).await;
    let names = NameServer::always(Lookup::Lasting(vec!["127.0.0.1".parse().unwrap()])).await;
    let network = network_with(settings_asking(&names));
    let url = format!("url: http://api.example:{}/", server.port());
    for _ in 0..3 {
        let measured = measure(&probe(&url), &network.session()).await;
        assert_says(&measured, Verdict::Pass, FindingReason::Passed);
    }
    assert_eq!((names.queries(), server.connections()), (1, 3));
}

#[tokio::test]
async fn a_name_without_records_of_the_type_fails() {
    let names = NameServer::always(addresses(&["192.0.2.1"])).await;
    let session = network_with(settings_asking(&names)).session();
    let measured = look_up(&session, "{name: api.example, recordType: AAAA}").await;
    assert_says(&measured, Verdict::Fail, FindingReason::UnexpectedRecords);
}

#[tokio::test]
async fn a_loop_of_aliases_ends() {
    let names = NameServer::start(|name, _| {
        Lookup::Alias(
            if name == "a.example" {
                "b.example"
            } else {
                "a.example"
            }
            .to_owned(),
        )
    })
    .await;
    let session = network_with(settings_asking(&names)).session();
    let measured = measure(&probe("url: http://a.example"), &session).await;
    assert_eq!(measured.finding.verdict, Verdict::Unknown);
    assert!(names.queries() < 50, "{} queries", names.queries());
}

#[tokio::test]
async fn a_thousand_records_are_read_and_all_of_them_judged() {
    let many: Vec<IpAddr> = (0..1000u16)
        .map(|place| {
            let [high, low] = place.to_be_bytes();
            IpAddr::from([198, 51 + high, 0, low])
        })
        .collect();
    let names = NameServer::start(move |name, _| {
        let mut all = many.clone();
        if name == "mixed.example" {
            all.push("127.0.0.2".parse().unwrap());
        }
        Lookup::Addresses(all)
    })
    .await;
    let session = network_with(settings_asking(&names)).session();
    let measured = look_up(&session, "{name: many.example, contains: [198.51.0.7]}").await;
    assert_says(&measured, Verdict::Pass, FindingReason::Passed);
    let measured = measure(&probe("url: http://mixed.example"), &session).await;
    assert_says(&measured, Verdict::Unknown, FindingReason::TargetNotAllowed);
}

#[tokio::test]
async fn a_huge_text_is_compared_and_not_shown() {
    let text: Vec<String> = (0..200).map(|_| "canary".repeat(40)).collect();
    let names = NameServer::always(Lookup::Text(text)).await;
    let session = network_with(settings_asking(&names)).session();
    let yaml = "{name: text.example, recordType: TXT, contains: [v=spf1]}";
    let measured = look_up(&session, yaml).await;
    assert_says(&measured, Verdict::Fail, FindingReason::UnexpectedRecords);
    assert!(!measured.finding.message.contains("canary"));
}
