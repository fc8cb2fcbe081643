//! Whether the certificate that a target shows is one that a client accepts.

use tokio::time::Instant;

use super::judgement::Weakness;
use crate::{
    api::SecurityCode,
    checks::{
        net::{
            Session, Target,
            failure::{DialFailure, TlsFailure},
            progress::Progress,
        },
        verdict::Finding,
    },
};

/// What can be found here.
pub(super) const CODES: &[SecurityCode] = &[
    SecurityCode::CertificateOutOfDate,
    SecurityCode::CertificateWrongHost,
    SecurityCode::CertificateNotTrusted,
];

/// Agrees on TLS anew, so that the certificate is the one of now.
pub(super) async fn look(
    session: &Session,
    target: &Target,
    deadline: Instant,
) -> Result<Vec<Weakness>, Finding> {
    let progress = Progress::until(deadline);
    let dialer = session.network().dialer();
    let server = Some(target.server_name());
    match dialer.open(target, server, &progress).await {
        Ok(_) => Ok(Vec::new()),
        Err(error) => match &error.failure {
            DialFailure::Tls(failure) => weakness(*failure)
                .map(|weakness| vec![weakness])
                .ok_or_else(|| error.finding()),
            _ => Err(error.finding()),
        },
    }
}

/// What is wrong with the certificate, when it is that which is wrong.
fn weakness(failure: TlsFailure) -> Option<Weakness> {
    let code = match failure {
        TlsFailure::Expired | TlsFailure::NotYetValid => SecurityCode::CertificateOutOfDate,
        TlsFailure::WrongHost => SecurityCode::CertificateWrongHost,
        TlsFailure::UnknownIssuer | TlsFailure::Revoked | TlsFailure::BadCertificate => {
            SecurityCode::CertificateNotTrusted
        }
        TlsFailure::NoTrustedRoots
        | TlsFailure::Version
        | TlsFailure::Refused
        | TlsFailure::NotTls => return None,
    };
    Some(code.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_certificate_that_is_at_fault_is_found() {
        for (failure, expected) in [
            (
                TlsFailure::Expired,
                Some(SecurityCode::CertificateOutOfDate),
            ),
            (
                TlsFailure::NotYetValid,
                Some(SecurityCode::CertificateOutOfDate),
            ),
            (
                TlsFailure::WrongHost,
                Some(SecurityCode::CertificateWrongHost),
            ),
            (
                TlsFailure::UnknownIssuer,
                Some(SecurityCode::CertificateNotTrusted),
            ),
            (
                TlsFailure::Revoked,
                Some(SecurityCode::CertificateNotTrusted),
            ),
            (
                TlsFailure::BadCertificate,
                Some(SecurityCode::CertificateNotTrusted),
            ),
            // Our own lack, and other troubles of the handshake, which the requests meet as well.
            (TlsFailure::NoTrustedRoots, None),
            (TlsFailure::Version, None),
            (TlsFailure::NotTls, None),
        ] {
            assert_eq!(weakness(failure).map(|it| it.code), expected, "{failure}");
        }
    }
}
