//! A certificate authority for one test, and the certificates that it makes, good and bad.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::{
    ServerConfig, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
    version,
};

/// An authority, and a file with its certificate for clients to trust. The file goes when it is dropped.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: PathBuf,
}

/// Protocol versions that a server offers.
#[derive(Clone, Copy, Debug)]
pub enum Versions {
    Both,
    Only12,
    Only13,
}

/// A certificate with its key, and how a server uses it.
pub struct Certificate {
    shown: Arc<Shown>,
    versions: Versions,
    key: String,
}

/// What a server shows at the moment.
#[derive(Debug)]
struct Shown(Mutex<Arc<CertifiedKey>>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.lock().unwrap().clone())
    }
}

impl Authority {
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params
            .distinguished_name
            .push(DnType::CommonName, "Test authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let file = std::env::temp_dir().join(format!(
            "plumbline-authority-{}-{}.pem",
            process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        ));
        fs::write(&file, issuer.pem()).unwrap();
        Self { issuer, file }
    }

    /// The PEM file to trust.
    pub fn file(&self) -> PathBuf {
        self.file.clone()
    }

    /// A good certificate for `localhost`.
    pub fn good(&self) -> Certificate {
        self.good_for("localhost")
    }

    /// A good one for this host name or address.
    pub fn good_for(&self, host: &str) -> Certificate {
        self.sign(&params(host))
    }

    /// The same for a program: a new certificate and its key as PEM files in `folder`.
    pub fn write_good_for(&self, host: &str, folder: &Path) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = params(host).signed_by(&key, &self.issuer).unwrap();
        let files = ["certificate.pem", "key.pem"].map(|name| folder.join(name));
        fs::write(&files[0], certificate.pem()).unwrap();
        fs::write(&files[1], key.serialize_pem()).unwrap();
        let [certificate, key] = files.map(|file| file.to_str().unwrap().to_owned());
        (certificate, key)
    }

    /// One whose time is over.
    pub fn expired(&self) -> Certificate {
        let mut params = params("localhost");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        self.sign(&params)
    }

    /// One whose time is over in this many days.
    pub fn expiring_in_days(&self, days: u64) -> Certificate {
        let mut params = params("localhost");
        params.not_after = (SystemTime::now() + Duration::from_hours(24 * days + 1)).into();
        self.sign(&params)
    }

    /// One whose time has not begun.
    pub fn not_yet_valid(&self) -> Certificate {
        let mut params = params("localhost");
        params.not_before = date_time_ymd(3000, 1, 1);
        params.not_after = date_time_ymd(3001, 1, 1);
        self.sign(&params)
    }

    /// One of another host.
    pub fn wrong_host(&self) -> Certificate {
        self.sign(&params("elsewhere.example.com"))
    }

    /// One with so many names that it takes this many bytes and more.
    pub fn with_names(&self, bytes: usize) -> Certificate {
        let mut names: Vec<String> = (0..bytes / 40)
            .map(|place| format!("{place:036}.example.com"))
            .collect();
        names.push("localhost".to_owned());
        self.sign(&CertificateParams::new(names).unwrap())
    }

    /// A good one, followed by this many certificates of its authority.
    pub fn with_long_chain(&self, length: usize) -> Certificate {
        let key = KeyPair::generate().unwrap();
        let leaf = params("localhost").signed_by(&key, &self.issuer).unwrap();
        let mut chain = vec![leaf.der().clone()];
        chain.extend((0..length).map(|_| self.issuer.der().clone()));
        Certificate::new(chain, &key)
    }

    /// One that is signed by itself.
    pub fn self_signed() -> Certificate {
        let key = KeyPair::generate().unwrap();
        let certificate = params("localhost").self_signed(&key).unwrap();
        Certificate::new(vec![certificate.der().clone()], &key)
    }

    fn sign(&self, params: &CertificateParams) -> Certificate {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Certificate::new(vec![certificate.der().clone()], &key)
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

impl Certificate {
    fn new(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Self {
        let pem = key.serialize_pem();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let key = ring::sign::any_supported_type(&key).unwrap();
        let key = Arc::new(CertifiedKey::new(chain, key));
        Self {
            shown: Arc::new(Shown(Mutex::new(key))),
            versions: Versions::Both,
            key: pem,
        }
    }

    /// Chain and key as PEM texts, for servers of other programs.
    pub fn pem(&self) -> (String, String) {
        let shown = self.shown.0.lock().unwrap();
        let certificate = |der: &CertificateDer<'_>| {
            let text = BASE64_STANDARD.encode(der);
            format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
        };
        (
            shown.cert.iter().map(certificate).collect(),
            self.key.clone(),
        )
    }

    /// Shows the other one from the next handshake on.
    pub fn exchange(&self, other: &Self) {
        let key = other.shown.0.lock().unwrap().clone();
        *self.shown.0.lock().unwrap() = key;
    }

    /// The same, offered over these versions alone.
    pub fn over(mut self, versions: Versions) -> Self {
        self.versions = versions;
        self
    }

    /// What a TLS server needs to show it.
    pub fn server(&self) -> Arc<ServerConfig> {
        let versions: &[&SupportedProtocolVersion] = match self.versions {
            Versions::Both => &[&version::TLS12, &version::TLS13],
            Versions::Only12 => &[&version::TLS12],
            Versions::Only13 => &[&version::TLS13],
        };
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(self.shown.clone());
        Arc::new(config)
    }
}

fn params(name: &str) -> CertificateParams {
    CertificateParams::new(vec![name.to_owned()]).unwrap()
}
