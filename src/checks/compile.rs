//! From a check as it is written to what measures it.

use std::sync::Arc;

use secrecy::SecretString;

use super::{
    dns::DnsProbe, external::ExternalProbe, grpc::GrpcProbe, http::HttpProbe,
    invalid::InvalidCheck, logs::LogsProbe, metrics::MetricsProbe, performance::PerformanceProbe,
    platform::PlatformProbe, prometheus::PrometheusProbe, redis::RedisProbe,
    security::SecurityProbe, sql::SqlProbe, storage::StorageProbe, suite::Probe, tcp::TcpProbe,
    tls::TlsProbe, worker::WorkerProbe,
};
use crate::{
    api::{Check, CheckKind, SecretKeyReference},
    platforms::PlatformView,
};

/// Gives the value that a Secret holds, without its trailing newline; `None` when it has none.
pub type Secrets<'a> = &'a dyn Fn(&SecretKeyReference) -> Option<SecretString>;

/// What a check asks the platform by; `None` for a target that has none.
pub type Platform<'a> = Option<&'a Arc<dyn PlatformView>>;

/// The probe of `check`, whichever kind it is. An error names the field from `checks` on, and shows no secret.
pub fn compile(
    check: &Check,
    secrets: Secrets<'_>,
    platform: Platform<'_>,
) -> Result<Arc<dyn Probe>, InvalidCheck> {
    let place = format!("checks[{}]", check.name);
    let Some(kind) = check.kind() else {
        let kinds = CheckKind::NAMES.join(", ");
        return Err(InvalidCheck::new(
            place,
            format!("exactly one of {kinds} must be set"),
        ));
    };
    probe(kind, secrets, platform).map_err(|InvalidCheck { field, problem }| {
        InvalidCheck::new(format!("{place}.{field}"), problem)
    })
}

fn probe(
    kind: CheckKind<'_>,
    secrets: Secrets<'_>,
    platform: Platform<'_>,
) -> Result<Arc<dyn Probe>, InvalidCheck> {
    Ok(match kind {
        CheckKind::Http(http) => Arc::new(HttpProbe::new(http, secrets)?),
        CheckKind::Tcp(tcp) => Arc::new(TcpProbe::new(tcp)?),
        CheckKind::Dns(dns) => Arc::new(DnsProbe::new(dns)?),
        CheckKind::Sql(sql) => Arc::new(SqlProbe::new(sql, secrets)?),
        CheckKind::Tls(tls) => Arc::new(TlsProbe::new(tls)?),
        CheckKind::Grpc(grpc) => Arc::new(GrpcProbe::new(grpc, secrets)?),
        CheckKind::Redis(redis) => Arc::new(RedisProbe::new(redis, secrets)?),
        CheckKind::Prometheus(query) => Arc::new(PrometheusProbe::new(query, secrets)?),
        CheckKind::External(external) => Arc::new(ExternalProbe::new(external, secrets)?),
        CheckKind::Metrics(metrics) => Arc::new(MetricsProbe::new(metrics, secrets)?),
        CheckKind::Storage(storage) => Arc::new(StorageProbe::new(storage, secrets)?),
        CheckKind::Performance(requests) => Arc::new(PerformanceProbe::new(requests, secrets)?),
        CheckKind::Security(check) => Arc::new(SecurityProbe::new(check)?),
        CheckKind::Worker(worker) => Arc::new(WorkerProbe::new(worker, secrets)?),
        CheckKind::Logs(check) => Arc::new(LogsProbe::new(check, platform)?),
        CheckKind::Platform(check) => Arc::new(PlatformProbe::new(check, platform)?),
    })
}
