//! What can go wrong on the way to a target, and whose fault it is.

use std::io;

use super::{egress::Denial, progress::Phase, resolve::ResolveError, target::Target};
use crate::checks::verdict::{Finding, FindingReason};

/// A connection that did not come to stand.
#[derive(Debug, thiserror::Error)]
#[error("cannot connect to {target}")]
pub struct DialError {
    /// Where to.
    pub target: Target,
    /// Why not.
    #[source]
    pub failure: DialFailure,
}

/// Why a connection did not come to stand.
#[derive(Debug, thiserror::Error)]
pub enum DialFailure {
    /// The egress rule denies the target.
    #[error("the egress rule denies {0}")]
    NotAllowed(Denial),
    /// Its name has no addresses, or nobody could tell.
    #[error("its name could not be resolved")]
    Resolve(#[source] ResolveError),
    /// The kernel reports why.
    #[error("the connection failed")]
    Connection(#[source] io::Error),
    /// TLS could not be agreed on.
    #[error("the TLS handshake failed")]
    Tls(#[source] TlsFailure),
    /// Nothing came by the deadline.
    #[error("timed out {0}")]
    TimedOut(Phase),
}

/// Why TLS could not be agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsFailure {
    /// The certificate's time is over.
    #[error("the certificate has expired")]
    Expired,
    /// The certificate's time has not begun.
    #[error("the certificate is not valid yet")]
    NotYetValid,
    /// The certificate is another host's.
    #[error("the certificate does not name this host")]
    WrongHost,
    /// The chain leads to nobody we trust.
    #[error("the certificate's issuer is not known here")]
    UnknownIssuer,
    /// The certificate was taken back.
    #[error("the certificate is revoked")]
    Revoked,
    /// The certificate or its chain is not acceptable for another reason.
    #[error("the certificate is not acceptable")]
    BadCertificate,
    /// This machine has no trusted roots, so that no certificate can be judged.
    #[error("no trusted certificate authorities were found on this machine")]
    NoTrustedRoots,
    /// The two sides have no protocol version in common.
    #[error("the target offers no TLS version from 1.2 on")]
    Version,
    /// The target broke off the handshake.
    #[error("the target refused the TLS handshake")]
    Refused,
    /// What came is no TLS.
    #[error("the target does not speak TLS")]
    NotTls,
}

impl TlsFailure {
    /// Whether it is the certificate that is at fault, and not the handshake.
    #[must_use]
    pub const fn is_about_the_certificate(self) -> bool {
        matches!(
            self,
            Self::Expired
                | Self::NotYetValid
                | Self::WrongHost
                | Self::UnknownIssuer
                | Self::Revoked
                | Self::BadCertificate
                | Self::NoTrustedRoots
        )
    }
}

impl From<&rustls::Error> for TlsFailure {
    fn from(error: &rustls::Error) -> Self {
        use rustls::{
            AlertDescription as Alert, CertificateError as Certificate, Error, PeerIncompatible,
        };
        match error {
            Error::InvalidCertificate(certificate) => match certificate {
                Certificate::Expired | Certificate::ExpiredContext { .. } => Self::Expired,
                Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
                    Self::NotYetValid
                }
                Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                    Self::WrongHost
                }
                Certificate::UnknownIssuer => Self::UnknownIssuer,
                Certificate::Revoked => Self::Revoked,
                _ => Self::BadCertificate,
            },
            Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            )
            | Error::AlertReceived(Alert::ProtocolVersion) => Self::Version,
            Error::InvalidMessage(_) => Self::NotTls,
            _ => Self::Refused,
        }
    }
}

impl DialFailure {
    /// Sorts an error of the handshake: what TLS says is inside the I/O error.
    #[must_use]
    pub fn of_handshake(error: io::Error) -> Self {
        match error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        {
            Some(tls) => Self::Tls(TlsFailure::from(tls)),
            None => Self::Connection(error),
        }
    }
}

impl DialError {
    /// What a check says about it. Trouble with a certificate counts against the target only in a check of certificates
    /// ([`crate::checks::tls`]): no older release would have a better one.
    #[must_use]
    pub fn finding(&self) -> Finding {
        let target = &self.target;
        match &self.failure {
            DialFailure::NotAllowed(denial) => Finding::unknown(
                FindingReason::TargetNotAllowed,
                format!("{target} is {denial}, which the egress rule denies"),
            ),
            DialFailure::Resolve(error) => {
                let reason = match error {
                    ResolveError::NoSuchName | ResolveError::NoRecords => {
                        FindingReason::NameNotFound
                    }
                    ResolveError::Failed(_) | ResolveError::TimedOut | ResolveError::NoServer => {
                        FindingReason::ResolverFailed
                    }
                };
                Finding::unknown(reason, format!("cannot resolve {}: {error}", target.host()))
            }
            DialFailure::Connection(error) => connection_finding(error, target),
            DialFailure::Tls(failure) => {
                let message = format!("{target}: {failure}");
                if failure.is_about_the_certificate() {
                    Finding::unknown(FindingReason::TlsFailed, message)
                } else {
                    Finding::fail(FindingReason::TlsFailed, message)
                }
            }
            DialFailure::TimedOut(phase) => timed_out(*phase, target),
        }
    }
}

/// What a check says when its time ran out in `phase`.
#[must_use]
pub fn timed_out(phase: Phase, target: &Target) -> Finding {
    match phase {
        // A silent name server is ours, not the target's.
        Phase::Resolve => Finding::unknown(
            FindingReason::ResolverFailed,
            format!("timed out {phase} {}", target.host()),
        ),
        phase => Finding::fail(
            FindingReason::TimedOut,
            format!("{target} timed out {phase}"),
        ),
    }
}

/// What a check says about an error of a socket.
#[must_use]
pub fn connection_finding(error: &io::Error, target: &Target) -> Finding {
    let reason = connection_reason(error);
    match reason {
        FindingReason::ConnectionRefused => {
            Finding::fail(reason, format!("{target} refused the connection"))
        }
        FindingReason::ConnectionReset => {
            Finding::fail(reason, format!("{target} closed the connection"))
        }
        FindingReason::TimedOut => Finding::fail(reason, format!("{target} timed out")),
        FindingReason::OutOfResources => Finding::unknown(
            reason,
            format!(
                "no connection to {target}: this process is out of file descriptors, ports or memory"
            ),
        ),
        _ => Finding::unknown(reason, format!("there is no route to {target}")),
    }
}

/// The reason that an error of a socket amounts to. Whatever the kernel says that is not the target's doing counts as no
/// route.
#[must_use]
pub fn connection_reason(error: &io::Error) -> FindingReason {
    if let Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) = error.raw_os_error() {
        return FindingReason::OutOfResources;
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => FindingReason::ConnectionRefused,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected
        | io::ErrorKind::UnexpectedEof => FindingReason::ConnectionReset,
        io::ErrorKind::TimedOut => FindingReason::TimedOut,
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse => FindingReason::OutOfResources,
        _ => FindingReason::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::verdict::Verdict;

    #[test]
    fn only_the_targets_own_doing_is_held_against_it() {
        let target = Target::new("example.com", 443).unwrap();
        for (number, verdict, reason) in [
            (
                libc::ECONNREFUSED,
                Verdict::Fail,
                FindingReason::ConnectionRefused,
            ),
            (
                libc::ECONNRESET,
                Verdict::Fail,
                FindingReason::ConnectionReset,
            ),
            (libc::ETIMEDOUT, Verdict::Fail, FindingReason::TimedOut),
            (
                libc::ENETUNREACH,
                Verdict::Unknown,
                FindingReason::Unreachable,
            ),
            (
                libc::EHOSTUNREACH,
                Verdict::Unknown,
                FindingReason::Unreachable,
            ),
            (libc::EPERM, Verdict::Unknown, FindingReason::Unreachable),
            (
                libc::EMFILE,
                Verdict::Unknown,
                FindingReason::OutOfResources,
            ),
            (
                libc::ENFILE,
                Verdict::Unknown,
                FindingReason::OutOfResources,
            ),
            (
                libc::EADDRNOTAVAIL,
                Verdict::Unknown,
                FindingReason::OutOfResources,
            ),
        ] {
            let error = DialError {
                target: target.clone(),
                failure: DialFailure::Connection(io::Error::from_raw_os_error(number)),
            };
            let finding = error.finding();
            assert_eq!((finding.verdict, finding.reason), (verdict, reason));
        }
    }

    #[test]
    fn a_silent_name_server_is_not_the_targets_fault() {
        let target = Target::new("example.com", 443).unwrap();
        let finding = timed_out(Phase::Resolve, &target);
        assert_eq!(finding.verdict, Verdict::Unknown);
        assert_eq!(
            timed_out(Phase::Connect, &target).reason,
            FindingReason::TimedOut
        );
    }

    #[test]
    fn a_bad_certificate_fails_no_check_that_is_not_about_certificates() {
        let error = |failure| DialError {
            target: Target::new("example.com", 443).unwrap(),
            failure: DialFailure::Tls(failure),
        };
        assert_eq!(
            error(TlsFailure::Expired).finding().verdict,
            Verdict::Unknown
        );
        assert_eq!(error(TlsFailure::NotTls).finding().verdict, Verdict::Fail);
    }
}
