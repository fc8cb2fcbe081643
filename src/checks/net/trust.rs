//! Whom TLS connections trust.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use tracing::warn;

use super::{NetworkError, settings::TlsSettings};

/// The TLS client configurations of checks, over one set of trusted roots.
#[derive(Clone, Debug)]
pub struct Trust {
    requests: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
    inspection: Arc<ClientConfig>,
    unverified: Arc<ClientConfig>,
    has_roots: bool,
    authorities: Option<PathBuf>,
}

impl Trust {
    /// Loads the system's roots and those of `settings`. Roots of the system that cannot be read are left out.
    pub fn load(settings: &TlsSettings) -> Result<Self, NetworkError> {
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        for error in &system.errors {
            warn!(%error, "a trusted certificate of the system cannot be read");
        }
        roots.add_parsable_certificates(system.certs);
        if let Some(path) = &settings.certificate_authorities {
            for certificate in read(path)? {
                roots
                    .add(certificate)
                    .map_err(|source| NetworkError::Certificate {
                        path: path.clone(),
                        source,
                    })?;
            }
        }
        let has_roots = !roots.is_empty();
        let mut requests = client(roots)?;
        let mut inspection = requests.clone();
        let mut http2 = requests.clone();
        http2.alpn_protocols = vec![b"h2".to_vec()];
        requests.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // A resumed session shows the certificate of an earlier handshake.
        inspection.resumption = Resumption::disabled();
        let mut unverified = inspection.clone();
        unverified
            .dangerous()
            .set_certificate_verifier(Arc::new(Anybody::default()));
        Ok(Self {
            requests: Arc::new(requests),
            http2: Arc::new(http2),
            inspection: Arc::new(inspection),
            unverified: Arc::new(unverified),
            has_roots,
            authorities: settings.certificate_authorities.clone(),
        })
    }

    /// For requests: offers HTTP/2, and resumes sessions.
    #[must_use]
    pub fn requests(&self) -> Arc<ClientConfig> {
        self.requests.clone()
    }

    /// For protocols over HTTP/2, which take nothing else.
    #[must_use]
    pub fn http2(&self) -> Arc<ClientConfig> {
        self.http2.clone()
    }

    /// For looking at certificates: a full handshake each time, and no word on what follows.
    #[must_use]
    pub fn inspection(&self) -> Arc<ClientConfig> {
        self.inspection.clone()
    }

    /// For checks whose author has asked for TLS with whoever answers: it keeps listeners out, and no impostors.
    #[must_use]
    pub fn unverified(&self) -> Arc<ClientConfig> {
        self.unverified.clone()
    }

    /// The file of those that are trusted besides the system's, for libraries that do TLS themselves.
    #[must_use]
    pub fn authorities(&self) -> Option<&Path> {
        self.authorities.as_deref()
    }

    /// Whether there is anybody to trust at all.
    #[must_use]
    pub const fn has_roots(&self) -> bool {
        self.has_roots
    }
}

/// Accepts every certificate whose key the other side shows to have.
#[derive(Debug)]
struct Anybody(CryptoProvider);

impl Default for Anybody {
    fn default() -> Self {
        Self(ring::default_provider())
    }
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

fn read(path: &PathBuf) -> Result<Vec<CertificateDer<'static>>, NetworkError> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|source| NetworkError::CertificateFile {
            path: path.clone(),
            source,
        })
}

fn client(roots: RootCertStore) -> Result<ClientConfig, NetworkError> {
    Ok(
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(NetworkError::Tls)?
            .with_root_certificates(roots)
            .with_no_client_auth(),
    )
}
