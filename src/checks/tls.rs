//! The `tls` check: a handshake whose chain, host name, version and expiry hold.

use futures::future::BoxFuture;
use jiff::Timestamp;
use rustls::{ProtocolVersion, pki_types::ServerName};
use tokio::time::Instant;

use super::{
    certificate::{day, ends_too_soon, not_after},
    invalid::InvalidCheck,
    net::{
        Session, Target,
        failure::{DialError, DialFailure, TlsFailure},
        progress::Progress,
    },
    suite::Probe,
    verdict::{Finding, FindingReason, Measurement},
};
use crate::api::{self, TlsVersion};

/// Agrees on TLS, looks at the certificate, and closes the connection.
#[derive(Clone, Debug)]
pub struct TlsProbe {
    target: Target,
    server_name: ServerName<'static>,
    min_days_left: Option<u16>,
    min_version: TlsVersion,
}

/// What one handshake settled on.
#[derive(Clone, Copy, Debug)]
struct Handshake {
    version: Option<ProtocolVersion>,
    /// The last moment of the leaf certificate, in seconds since 1970; `None` when it cannot be read.
    not_after: Option<i64>,
}

impl TlsProbe {
    /// Compiles the check.
    pub fn new(check: &api::TlsCheck) -> Result<Self, InvalidCheck> {
        if check.port == 0 {
            return Err(InvalidCheck::new("tls.port", "is 0"));
        }
        let target = |host: &str, field: &str| {
            Target::new(host, check.port)
                .map_err(|error| InvalidCheck::new(field, error.to_string()))
        };
        let dialled = target(&check.host, "tls.host")?;
        let named = match &check.server_name {
            Some(name) => target(name, "tls.serverName")?,
            None => dialled.clone(),
        };
        Ok(Self {
            server_name: named.server_name().clone(),
            target: dialled,
            min_days_left: check.min_days_left,
            min_version: check.min_version,
        })
    }

    async fn run(&self, session: &Session, deadline: Instant) -> Measurement {
        let progress = Progress::until(deadline);
        let finding = match self.observe(session, &progress).await {
            Ok(handshake) => self.judge(handshake, Timestamp::now().as_second()),
            Err(error) => judge_failure(&error),
        };
        Measurement::of(finding, progress.phases())
    }

    async fn observe(
        &self,
        session: &Session,
        progress: &Progress,
    ) -> Result<Handshake, DialError> {
        let dialer = session.network().dialer();
        let stream = dialer.connect(&self.target, progress).await?;
        let stream = dialer
            .handshake(
                stream,
                &self.target,
                self.server_name.clone(),
                dialer.trust().inspection(),
                progress,
            )
            .await?;
        let connection = stream.get_ref().1;
        let leaf = connection
            .peer_certificates()
            .and_then(|chain| chain.first());
        Ok(Handshake {
            version: connection.protocol_version(),
            not_after: leaf.and_then(|leaf| not_after(leaf)),
        })
    }

    fn judge(&self, handshake: Handshake, now: i64) -> Finding {
        let target = &self.target;
        if self.min_version == TlsVersion::V1_3
            && handshake.version != Some(ProtocolVersion::TLSv1_3)
        {
            return Finding::fail(
                FindingReason::TlsFailed,
                format!("{target} settled on TLS 1.2, expected at least 1.3"),
            );
        }
        let Some(not_after) = handshake.not_after else {
            return Finding::fail(
                FindingReason::TlsFailed,
                format!("{target}: the certificate cannot be read"),
            );
        };
        let soon = self
            .min_days_left
            .and_then(|least| ends_too_soon(not_after, now, least));
        match soon {
            Some(soon) => Finding::fail(
                FindingReason::CertificateExpiring,
                format!("the certificate of {target} {soon}"),
            ),
            None => Finding::pass(format!("valid until {}", day(not_after))),
        }
    }
}

/// In a check of certificates, a bad certificate is the target's fault; only our own lack of roots is not.
fn judge_failure(error: &DialError) -> Finding {
    match &error.failure {
        DialFailure::Tls(failure) if *failure != TlsFailure::NoTrustedRoots => Finding::fail(
            FindingReason::TlsFailed,
            format!("{}: {failure}", error.target),
        ),
        _ => error.finding(),
    }
}

impl Probe for TlsProbe {
    fn measure<'a>(
        &'a self,
        session: &'a Session,
        deadline: Instant,
    ) -> BoxFuture<'a, Measurement> {
        Box::pin(self.run(session, deadline))
    }

    fn targets(&self) -> Vec<&Target> {
        vec![&self.target]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::verdict::Verdict;

    const NOW: i64 = 1_700_000_000;
    const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

    fn probe(min_days_left: Option<u16>, min_version: TlsVersion) -> TlsProbe {
        TlsProbe::new(&api::TlsCheck {
            host: "example.com".to_owned(),
            port: 443,
            server_name: None,
            min_days_left,
            min_version,
        })
        .unwrap()
    }

    fn handshake(version: ProtocolVersion, days_left: i64) -> Handshake {
        Handshake {
            version: Some(version),
            not_after: Some(NOW + days_left * SECONDS_PER_DAY),
        }
    }

    #[test]
    fn a_certificate_must_last_as_long_as_asked() {
        let probe = probe(Some(30), TlsVersion::V1_2);
        let finding = probe.judge(handshake(ProtocolVersion::TLSv1_3, 30), NOW);
        assert_eq!(finding.verdict, Verdict::Pass);
        let finding = probe.judge(handshake(ProtocolVersion::TLSv1_3, 29), NOW);
        assert_eq!(finding.reason, FindingReason::CertificateExpiring);
        assert_eq!(
            finding.message,
            "the certificate of example.com:443 ends on 2023-12-13: 29 days left, under 30"
        );
    }

    #[test]
    fn an_older_version_than_asked_fails() {
        let modern = probe(None, TlsVersion::V1_3);
        let old = handshake(ProtocolVersion::TLSv1_2, 90);
        assert_eq!(modern.judge(old, NOW).reason, FindingReason::TlsFailed);
        let finding = probe(None, TlsVersion::V1_2).judge(old, NOW);
        assert_eq!(finding.verdict, Verdict::Pass);
    }

    #[test]
    fn a_bad_certificate_fails_and_a_missing_root_store_does_not() {
        let error = |failure| DialError {
            target: Target::new("example.com", 443).unwrap(),
            failure: DialFailure::Tls(failure),
        };
        for failure in [
            TlsFailure::Expired,
            TlsFailure::WrongHost,
            TlsFailure::UnknownIssuer,
            TlsFailure::Version,
        ] {
            let finding = judge_failure(&error(failure));
            assert_eq!(finding.verdict, Verdict::Fail, "{failure}");
        }
        let finding = judge_failure(&error(TlsFailure::NoTrustedRoots));
        assert_eq!(finding.verdict, Verdict::Unknown);
    }
}
