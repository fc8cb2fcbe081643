//! Kinds that look at what others are built on: connections, names, certificates, gRPC.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use hickory_resolver::{
    TokioResolver,
    config::{
        ConnectionConfig, NameServerConfig, ProtocolConfig, ResolveHosts, ResolverConfig,
        ResolverOpts,
    },
    net::runtime::TokioRuntimeProvider,
    proto::rr::{RData, RecordType},
};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::{
    Broken,
    comparison::{Comparison, Kind},
    support::checks,
    web::held,
    world::{World, probe},
};

pub async fn measure(comparison: &mut Comparison, world: &World) -> Result<(), Broken> {
    let port = world.ports.http;
    let kind = Kind::new("tcp", Some(port));
    let compiled = |port| probe(&checks::tcp(port), None);
    comparison.compare(kind, compiled, || tcp(port)).await?;
    let resolver = resolver(world)?;
    let compiled = |_| probe(&checks::dns(), None);
    let kind = Kind::new("dns", None);
    comparison
        .compare(kind, compiled, || dns(&resolver))
        .await?;
    let port = world.ports.tls;
    let config = trusting(world)?;
    let kind = Kind::new("tls", Some(port));
    let compiled = |port| probe(&checks::tls(port), None);
    comparison
        .compare(kind, compiled, || tls(port, config.clone()))
        .await?;
    let port = world.ports.grpc;
    let kind = Kind::new("grpc", Some(port));
    let compiled = |port| probe(&checks::grpc(port), None);
    comparison.compare(kind, compiled, || grpc(port)).await
}

/// A connection.
async fn tcp(port: u16) -> Result<(), Broken> {
    let connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
    timeout(Duration::from_secs(10), connection).await??;
    Ok(())
}

/// A resolver that always asks, as that of checks does; it is kept, as that is.
fn resolver(world: &World) -> Result<TokioResolver, Broken> {
    let mut connection = ConnectionConfig::new(ProtocolConfig::Udp);
    connection.port = world.name_server.port();
    let server = NameServerConfig::new(world.name_server.ip(), true, vec![connection]);
    let mut options = ResolverOpts::default();
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    options.os_port_selection = true;
    let config = ResolverConfig::from_name_servers(vec![server]);
    let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    Ok(builder.with_options(options).build()?)
}

/// The address of a name.
async fn dns(resolver: &TokioResolver) -> Result<(), Broken> {
    let answer = resolver.lookup(checks::NAME, RecordType::A).await?;
    let expected = RData::A(Ipv4Addr::new(192, 0, 2, 1).into());
    held(answer.answers().iter().any(|it| it.data == expected))
}

/// What trusts the world's certificates, and resumes no session; it is kept, as that of checks is.
fn trusting(world: &World) -> Result<Arc<ClientConfig>, Broken> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(&world.authority)? {
        roots.add(certificate?)?;
    }
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// A handshake, and how long the certificate is good.
async fn tls(port: u16, config: Arc<ClientConfig>) -> Result<(), Broken> {
    let exchange = async {
        let connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        let name: ServerName<'static> = Ipv4Addr::LOCALHOST.to_string().try_into()?;
        Ok::<_, Broken>(TlsConnector::from(config).connect(name, connection).await?)
    };
    let connection = timeout(Duration::from_secs(10), exchange).await??;
    let chain = connection.get_ref().1.peer_certificates();
    let leaf = chain.and_then(|it| it.first()).ok_or("no certificate")?;
    let (_, leaf) = x509_parser::parse_x509_certificate(leaf)?;
    let days = leaf.validity().time_to_expiration();
    held(days.is_some_and(|left| left.whole_days() >= 7))
}

/// The health of the server, by tonic's client over hyper's.
async fn grpc(port: u16) -> Result<(), Broken> {
    let client = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http();
    let origin = format!("http://127.0.0.1:{port}").parse()?;
    let mut client = HealthClient::with_origin(client, origin);
    let question = client.check(HealthCheckRequest::default());
    let answer = timeout(Duration::from_secs(10), question).await??;
    held(answer.get_ref().status == 1)
}
