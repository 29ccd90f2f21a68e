//! [`Config`]: what rustls is told, made of a context's settings.

use std::io;
use std::sync::{Arc, OnceLock};

use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, KeyLogFile, RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::context::{Protocol, Settings, TLSVersion, VerifyMode};
use super::der::may_sign;
use super::errors::of_rustls;
use super::verify::{ClientVerifier, Verifier};

/// The cryptography of the feature that is on. If both are, it is that of AWS-LC.
#[cfg(feature = "ssl-aws-lc")]
use rustls::crypto::aws_lc_rs as cryptography;
#[cfg(not(feature = "ssl-aws-lc"))]
use rustls::crypto::ring as cryptography;

/// A config of rustls.
#[derive(Debug, Clone)]
pub(super) enum Config {
    Client(Arc<ClientConfig>),
    Server(Arc<ServerConfig>),
}

/// The process's own [`CryptoProvider`], if it has one.
pub(super) fn provider() -> Arc<CryptoProvider> {
    static OURS: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    let ours = || OURS.get_or_init(|| Arc::new(cryptography::default_provider()));
    CryptoProvider::get_default().unwrap_or_else(ours).clone()
}

impl Settings {
    pub(super) fn config(&self) -> io::Result<Config> {
        match self.protocol {
            Protocol::TlsClient => Ok(Config::Client(Arc::new(self.client_config()?))),
            Protocol::TlsServer => Ok(Config::Server(Arc::new(self.server_config()?))),
        }
    }

    fn client_config(&self) -> io::Result<ClientConfig> {
        let provider = provider();
        let verifier = Verifier {
            roots: (self.verify_mode != VerifyMode::CertNone).then(|| self.roots.clone()),
            all: self.all_trusted()?,
            check_hostname: self.check_hostname,
            pinned: self.pinned.clone(),
            algorithms: provider.signature_verification_algorithms,
        };
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&self.versions());
        let builder = builder.map_err(of_rustls)?;
        let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &self.key {
            Some(key) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key.clone()))),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = self.alpn_protocols.clone();
        if self.key_log {
            config.key_log = Arc::new(KeyLogFile::new());
        }
        Ok(config)
    }

    fn server_config(&self) -> io::Result<ServerConfig> {
        let key: Arc<dyn ResolvesServerCert> = match &self.key {
            Some(key) => Arc::new(SingleCertAndKey::from(key.clone())),
            None => return Err(invalid("the context of a server has no certificate")),
        };
        let provider = provider();
        let clients: Arc<dyn ClientCertVerifier> = match self.verify_mode {
            VerifyMode::CertNone => WebPkiClientVerifier::no_client_auth(),
            mode => {
                let verifier = |roots| {
                    let clients = WebPkiClientVerifier::builder_with_provider(roots, provider.clone());
                    let clients = match mode {
                        VerifyMode::CertOptional => clients.allow_unauthenticated(),
                        _ => clients,
                    };
                    let clients = clients.build();
                    clients.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
                };
                let has_authorities = !self.roots.is_empty();
                Arc::new(ClientVerifier {
                    signed: match has_authorities {
                        true => Some(verifier(self.roots.clone())?),
                        false => None,
                    },
                    all: verifier(self.all_trusted()?)?,
                    pinned: self.pinned.clone(),
                })
            }
        };
        let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&self.versions());
        let builder = builder.map_err(of_rustls)?.with_client_cert_verifier(clients);
        let mut config = builder.with_cert_resolver(key);
        config.alpn_protocols = self.alpn_protocols.clone();
        if self.key_log {
            config.key_log = Arc::new(KeyLogFile::new());
        }
        // The clients keep their sessions, encrypted, as tickets.
        config.ticketer = cryptography::Ticketer::new().map_err(of_rustls)?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(config)
    }

    /// The trusted authorities, and the certificates that are trusted on their own.
    fn all_trusted(&self) -> io::Result<Arc<RootCertStore>> {
        let mut all = RootCertStore::clone(&self.roots);
        for certificate in self.pinned.iter().filter(|certificate| !may_sign(certificate)) {
            all.add(certificate.clone()).map_err(of_rustls)?;
        }
        Ok(Arc::new(all))
    }

    fn versions(&self) -> Vec<&'static SupportedProtocolVersion> {
        let [minimum, maximum] = self.versions;
        let all = [
            (TLSVersion::TLSv1_2, &rustls::version::TLS12),
            (TLSVersion::TLSv1_3, &rustls::version::TLS13),
        ];
        let spoken = all
            .into_iter()
            .filter(|(version, _)| (minimum..=maximum).contains(version));
        spoken.map(|(_, version)| version).collect()
    }
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}
