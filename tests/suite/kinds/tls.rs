//! The sample of `tls` against a server with a certificate of the test's own authority.

use super::{Sample, fails, validates};
use crate::support::{
    hostile::{Authority, Behaviour, Lookup, NameServer, Server},
    scenario::Scenario,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_is_validated_and_its_broken_twins_fail() {
    let authority = Authority::new();
    let certificate = authority.good_for("www.example.com");
    let server = Server::start_tls(Behaviour::Ok, &certificate).await;
    let names = NameServer::always(Lookup::Addresses(vec!["127.0.0.1".parse().unwrap()])).await;
    let settings = format!(
        "network: {{egress: {{allow: ['127.0.0.1/32']}}, dns: {{servers: ['{}']}}, tls: {{certificateAuthorities: '{}'}}}}",
        names.address(),
        authority.file().display()
    );
    let scenario = Scenario::start_with(&settings).await;
    let mut sample = Sample::of("tls").spec();
    sample["checks"][0]["tls"]["port"] = server.port().into();
    validates(&scenario, "tls", sample.clone()).await;
    sample["checks"][0]["tls"]["host"] = "other.example.com".into();
    fails(
        &scenario,
        "other",
        sample.clone(),
        "certificate",
        "TlsFailed",
    )
    .await;
    sample["checks"][0]["tls"]["host"] = "www.example.com".into();
    certificate.exchange(&authority.expired());
    fails(&scenario, "expired", sample, "certificate", "TlsFailed").await;
    scenario.finish().await;
}
