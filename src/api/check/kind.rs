//! The kinds of checks: which field of a check is which kind. Another kind is a field of [`Check`] and a line here.

use kube::core::Rule;
use serde::Serialize;

use super::{
    Check, DnsCheck, ExternalCheck, GrpcCheck, HttpCheck, LogsCheck, MetricsCheck,
    PerformanceCheck, PlatformCheck, PrometheusCheck, RedisCheck, SecurityCheck, SqlCheck,
    StorageCheck, TcpCheck, TlsCheck, WorkerCheck,
};
use crate::api::SecretKeyReference;

macro_rules! kinds {
    ($($field:ident: $kind:ident($check:ident),)+) => {
        /// What a check measures: one kind of it. Written as the field of the check that it is.
        #[derive(Clone, Copy, Debug, PartialEq, Serialize)]
        #[serde(rename_all = "camelCase")]
        #[allow(missing_docs, reason = "each is told at its field of the check")]
        pub enum CheckKind<'a> {
            $($kind(&'a $check),)+
        }

        impl CheckKind<'_> {
            /// The fields of [`Check`] of which exactly one is set.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($field)),+];
        }

        impl Check {
            /// What it measures; `None` when no kind is set, or several are.
            #[must_use]
            pub fn kind(&self) -> Option<CheckKind<'_>> {
                let kinds = [$(self.$field.as_ref().map(CheckKind::$kind)),+];
                let mut set = kinds.into_iter().flatten();
                let kind = set.next();
                kind.filter(|_| set.next().is_none())
            }
        }
    };
}

kinds! {
    http: Http(HttpCheck),
    tcp: Tcp(TcpCheck),
    dns: Dns(DnsCheck),
    tls: Tls(TlsCheck),
    grpc: Grpc(GrpcCheck),
    sql: Sql(SqlCheck),
    redis: Redis(RedisCheck),
    worker: Worker(WorkerCheck),
    prometheus: Prometheus(PrometheusCheck),
    external: External(ExternalCheck),
    metrics: Metrics(MetricsCheck),
    storage: Storage(StorageCheck),
    platform: Platform(PlatformCheck),
    performance: Performance(PerformanceCheck),
    logs: Logs(LogsCheck),
    security: Security(SecurityCheck),
}

impl Check {
    /// Every key of a Secret that it refers to.
    #[must_use]
    pub fn secrets(&self) -> Vec<&SecretKeyReference> {
        match self.kind() {
            Some(CheckKind::Http(http)) => http.secrets(),
            Some(CheckKind::Grpc(grpc)) => grpc.secrets(),
            Some(CheckKind::Sql(sql)) => sql.secrets(),
            Some(CheckKind::Redis(redis)) => redis.secrets(),
            Some(CheckKind::Worker(worker)) => worker.secrets(),
            Some(CheckKind::Prometheus(prometheus)) => prometheus.secrets(),
            Some(CheckKind::External(external)) => external.secrets(),
            Some(CheckKind::Metrics(metrics)) => metrics.secrets(),
            Some(CheckKind::Storage(storage)) => storage.secrets(),
            Some(CheckKind::Performance(performance)) => performance.secrets(),
            Some(
                CheckKind::Platform(_)
                | CheckKind::Logs(_)
                | CheckKind::Security(_)
                | CheckKind::Tcp(_)
                | CheckKind::Dns(_)
                | CheckKind::Tls(_),
            )
            | None => Vec::new(),
        }
    }
}

/// The rule of the schema that one kind is set.
pub(super) fn exactly_one() -> Rule {
    let set: Vec<_> = CheckKind::NAMES
        .iter()
        .map(|name| format!("has(self.{name})"))
        .collect();
    let message = format!("exactly one of {} must be set", CheckKind::NAMES.join(", "));
    Rule::new(format!("[{}].filter(set, set).size() == 1", set.join(", ")))
        .message(message.as_str())
}
