//! [`SSLContext`]: what the connections of a client or a server have in common.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use greenlet_core::Exception;
use hub::Seconds;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ServerConfig};

use super::config::{Config, provider};
use super::der::may_sign;
use super::errors::of_rustls;

/// What the connections of a client or a server have in common: certificates, and what is asked of the other side.
/// Clones share what was loaded, and any thread may use them.
///
/// ```
/// use std::io::{Read, Write};
/// use gevent::prelude::*;
/// use gevent::socket::UnixStream;
/// use gevent::ssl::{Protocol, SSLContext};
///
/// let mut server = SSLContext::new(Protocol::TlsServer);
/// server.load_cert_chain("tests/tls/localhost.crt", "tests/tls/localhost.key")?;
/// let mut client = SSLContext::new(Protocol::TlsClient);
/// client.load_verify_locations("tests/tls/ca.crt")?;
///
/// let (near, far) = UnixStream::pair()?;
/// let serving = spawn(move || {
///     let mut stream = server.wrap_socket(far, None)?;
///     Ok(stream.write_all(b"hello")?)
/// });
/// let mut text = String::new();
/// client.wrap_socket(near, "localhost")?.read_to_string(&mut text)?;
/// assert_eq!(text, "hello");
/// serving.get()?;
/// # Ok::<(), Exception>(())
/// ```
///
/// The settings are those of Python's `ssl.SSLContext`, by functions that set them. A connection has the settings of
/// the time when it was made. Sessions are resumed between connections of the same context, as long as no setting is
/// changed: a client keeps the last ones of 256 names, and a server gives its clients tickets to keep.
///
/// What has no setting here has one in a [`ClientConfig`] or a [`ServerConfig`] of the crate [`rustls`], of which a
/// context can be made (`SSLContext::from`). Such a context takes everything from the config, and only the functions
/// [`set_sni_callback`](SSLContext::set_sni_callback) and [`set_handshake_timeout`](SSLContext::set_handshake_timeout)
/// change it.
///
/// Source: gevent's `ssl.SSLContext`.
#[derive(Clone)]
pub struct SSLContext {
    pub(super) settings: Settings,
    pub(super) handshake_timeout: Option<f64>,
    pub(super) sni_callback: Option<SniCallback>,
    /// Whether the config was given, and not made of the settings.
    given: bool,
    /// Shared by clones, until one of them is changed.
    built: Arc<OnceLock<Config>>,
}

/// A function that chooses the context of a connection by the name that the client has asked for.
pub(super) type SniCallback = Arc<dyn Fn(Option<&str>) -> Result<Option<SSLContext>, Exception> + Send + Sync>;

/// Of what a config is made.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) protocol: Protocol,
    pub(super) roots: Arc<RootCertStore>,
    /// The certificates that were loaded one by one; those that may sign others are among the roots, too.
    pub(super) pinned: Arc<Vec<CertificateDer<'static>>>,
    pub(super) key: Option<Arc<CertifiedKey>>,
    pub(super) verify_mode: VerifyMode,
    pub(super) check_hostname: bool,
    pub(super) alpn_protocols: Vec<Vec<u8>>,
    pub(super) versions: [TLSVersion; 2],
    /// Whether the keys of connections are written to the file that `SSLKEYLOGFILE` names.
    pub(super) key_log: bool,
}

/// Which side of its connections a context is for: Python's `PROTOCOL_TLS_CLIENT` and `PROTOCOL_TLS_SERVER`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// The side that connects.
    TlsClient,
    /// The side that has accepted a connection.
    TlsServer,
}

/// What is asked of the other side's certificate: Python's `CERT_NONE` and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VerifyMode {
    /// A client accepts every certificate, so anybody can pretend to be the server. A server does not ask for one.
    CertNone,
    /// A server asks for a certificate, which need not be there, but must be good if it is. A client requires one.
    CertOptional,
    /// The other side must have a certificate that is trusted.
    CertRequired,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(non_camel_case_types, reason = "Python's names")]
pub enum TLSVersion {
    /// TLS 1.2.
    TLSv1_2,
    /// TLS 1.3.
    TLSv1_3,
}

/// How many seconds a server gives its clients for the handshake, unless it is told otherwise.
const SERVER_HANDSHAKE_TIMEOUT: f64 = 60.0;

impl SSLContext {
    /// A context without certificates. That of a client requires a trusted certificate for the server's name; that of a
    /// server asks for none.
    pub fn new(protocol: Protocol) -> SSLContext {
        let is_client = protocol == Protocol::TlsClient;
        SSLContext {
            settings: Settings {
                protocol,
                roots: Arc::new(RootCertStore::empty()),
                pinned: Arc::default(),
                key: None,
                verify_mode: if is_client {
                    VerifyMode::CertRequired
                } else {
                    VerifyMode::CertNone
                },
                check_hostname: is_client,
                alpn_protocols: Vec::new(),
                versions: [TLSVersion::TLSv1_2, TLSVersion::TLSv1_3],
                key_log: false,
            },
            handshake_timeout: (!is_client).then_some(SERVER_HANDSHAKE_TIMEOUT),
            sni_callback: None,
            given: false,
            built: Arc::default(),
        }
    }

    fn of_config(protocol: Protocol, config: Config) -> SSLContext {
        SSLContext {
            given: true,
            built: Arc::new(OnceLock::from(config)),
            ..SSLContext::new(protocol)
        }
    }

    /// The side that the context is for.
    pub fn protocol(&self) -> Protocol {
        self.settings.protocol
    }

    /// Loads this side's own certificate and its private key, from files in the PEM format. The first may have further
    /// certificates, which lead to one that the other side trusts, after the own one. Both may be in one file.
    ///
    /// # Errors
    /// Fails if a file cannot be read, with [`io::ErrorKind::InvalidData`] if there is no certificate or key in it, and
    /// with an [`SSLError`](super::SSLError) inside if the key is not the certificate's.
    pub fn load_cert_chain(&mut self, certfile: impl AsRef<Path>, keyfile: impl AsRef<Path>) -> io::Result<()> {
        self.load_cert_chain_pem(&fs::read(certfile)?, &fs::read(keyfile)?)
    }

    /// [`load_cert_chain`](SSLContext::load_cert_chain) of texts in the PEM format.
    ///
    /// # Errors
    /// As for `load_cert_chain`.
    pub fn load_cert_chain_pem(&mut self, certificates: &[u8], key: &[u8]) -> io::Result<()> {
        let key = PrivateKeyDer::from_pem_slice(key).map_err(invalid)?;
        let key = CertifiedKey::from_der(certificates_of(certificates)?, key, &provider()).map_err(of_rustls)?;
        self.change(|settings| settings.key = Some(Arc::new(key)));
        Ok(())
    }

    /// Trusts all certificates of a file in the PEM format, besides those that are trusted already. They may be those
    /// of authorities, or of the servers themselves.
    ///
    /// # Errors
    /// Fails if the file cannot be read, with [`io::ErrorKind::InvalidData`] if there is no certificate in it, and with
    /// an [`SSLError`](super::SSLError) inside if one of them cannot be used.
    pub fn load_verify_locations(&mut self, cafile: impl AsRef<Path>) -> io::Result<()> {
        self.load_verify_locations_pem(&fs::read(cafile)?)
    }

    /// [`load_verify_locations`](SSLContext::load_verify_locations) of a text in the PEM format: Python's `cadata`.
    ///
    /// # Errors
    /// As for `load_verify_locations`.
    pub fn load_verify_locations_pem(&mut self, cadata: &[u8]) -> io::Result<()> {
        let mut roots = RootCertStore::clone(&self.settings.roots);
        let mut pinned = Vec::clone(&self.settings.pinned);
        for certificate in certificates_of(cadata)? {
            // One that may not sign others is trusted on its own only.
            let mut other = RootCertStore::empty();
            let place = if may_sign(&certificate) { &mut roots } else { &mut other };
            place.add(certificate.clone()).map_err(of_rustls)?;
            pinned.push(certificate);
        }
        self.change(|settings| {
            settings.roots = Arc::new(roots);
            settings.pinned = Arc::new(pinned);
        });
        Ok(())
    }

    /// Trusts the certificates that the system does, besides those that are trusted already. The variables
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR` name other ones. This reads files in this thread, some milliseconds long.
    ///
    /// # Errors
    /// Fails if none is found, and some could not be read.
    pub fn load_default_certs(&mut self) -> io::Result<()> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::clone(&self.settings.roots);
        // Some systems have certificates that cannot be used.
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty()
            && let Some(error) = found.errors.into_iter().next()
        {
            return Err(io::Error::other(error));
        }
        self.change(|settings| settings.roots = Arc::new(roots));
        Ok(())
    }

    /// Sets what is asked of the other side's certificate.
    pub fn set_verify_mode(&mut self, verify_mode: VerifyMode) {
        self.change(|settings| settings.verify_mode = verify_mode);
    }

    /// What is asked of the other side's certificate.
    pub fn verify_mode(&self) -> VerifyMode {
        self.settings.verify_mode
    }

    /// Sets whether a server's certificate must be one for its name. Of no use with [`VerifyMode::CertNone`]; Python
    /// refuses this combination.
    pub fn set_check_hostname(&mut self, check_hostname: bool) {
        self.change(|settings| settings.check_hostname = check_hostname);
    }

    /// Whether a server's certificate must be one for its name.
    pub fn check_hostname(&self) -> bool {
        self.settings.check_hostname
    }

    /// Sets the protocols that may be spoken over TLS, the best first. A server chooses the first of its own that the
    /// client has, too. If it has none, the handshake fails, unless one side has no protocols at all.
    pub fn set_alpn_protocols(&mut self, protocols: &[&str]) {
        let protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        self.change(|settings| settings.alpn_protocols = protocols);
    }

    /// Sets the oldest version of TLS that is spoken; TLS 1.2 by default.
    pub fn set_minimum_version(&mut self, version: TLSVersion) {
        self.change(|settings| settings.versions[0] = version);
    }

    /// Sets the newest version of TLS that is spoken; TLS 1.3 by default.
    pub fn set_maximum_version(&mut self, version: TLSVersion) {
        self.change(|settings| settings.versions[1] = version);
    }

    /// The oldest version of TLS that is spoken.
    pub fn minimum_version(&self) -> TLSVersion {
        self.settings.versions[0]
    }

    /// The newest version of TLS that is spoken.
    pub fn maximum_version(&self) -> TLSVersion {
        self.settings.versions[1]
    }

    /// Sets how many seconds a handshake may take in all, in one call, and without the time of a function that is asked
    /// for the server's name; `None` for no limit. By default a server's has 60, and a
    /// client's no limit. The stream's own timeout limits each wait besides.
    ///
    /// Python has no such limit: there a server needs a timeout of each connection's socket.
    ///
    /// # Errors
    /// Fails for a time that is negative or not a number.
    pub fn set_handshake_timeout(&mut self, timeout: impl Seconds) -> io::Result<()> {
        self.handshake_timeout = crate::socket::valid_timeout(timeout)?;
        Ok(())
    }

    /// How many seconds a handshake may take in all.
    pub fn handshake_timeout(&self) -> Option<f64> {
        self.handshake_timeout
    }

    /// Whether the context is made of a config.
    pub(super) fn is_given(&self) -> bool {
        self.given
    }

    fn change(&mut self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings);
        if !self.given {
            self.built = Arc::default();
        }
    }

    /// What rustls is told, made when it is first needed.
    pub(super) fn config(&self) -> io::Result<Config> {
        if let Some(config) = self.built.get() {
            return Ok(config.clone());
        }
        let config = self.settings.config()?;
        Ok(self.built.get_or_init(|| config).clone())
    }
}

/// What a default context is for: Python's `ssl.Purpose`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Checking servers, so for a client.
    ServerAuth,
    /// Checking clients, so for a server.
    ClientAuth,
}

/// A context for most uses: a client's trusts what the system does; a server's still needs
/// [its certificate](SSLContext::load_cert_chain). The keys of their connections are written to the file that the
/// variable `SSLKEYLOGFILE` names, if it is set, for programs that look into what was sent.
///
/// ```no_run
/// use std::io::{Read, Write};
/// use gevent::socket::TcpStream;
/// use gevent::ssl::{Purpose, create_default_context};
///
/// let context = create_default_context(Purpose::ServerAuth)?;
/// let mut stream = context.wrap_socket(TcpStream::connect("www.example.org:443")?, "www.example.org")?;
/// stream.write_all(b"GET / HTTP/1.0\r\nHost: www.example.org\r\n\r\n")?;
/// let mut answer = String::new();
/// stream.read_to_string(&mut answer)?;
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// # Errors
/// Fails as [`SSLContext::load_default_certs`] does.
pub fn create_default_context(purpose: Purpose) -> io::Result<SSLContext> {
    let mut context = match purpose {
        Purpose::ServerAuth => SSLContext::new(Protocol::TlsClient),
        Purpose::ClientAuth => SSLContext::new(Protocol::TlsServer),
    };
    if purpose == Purpose::ServerAuth {
        context.load_default_certs()?;
    }
    context.settings.key_log = std::env::var_os("SSLKEYLOGFILE").is_some();
    Ok(context)
}

/// A client's context with everything from the config.
impl From<Arc<ClientConfig>> for SSLContext {
    fn from(config: Arc<ClientConfig>) -> SSLContext {
        SSLContext::of_config(Protocol::TlsClient, Config::Client(config))
    }
}

/// A server's context with everything from the config.
impl From<Arc<ServerConfig>> for SSLContext {
    fn from(config: Arc<ServerConfig>) -> SSLContext {
        SSLContext::of_config(Protocol::TlsServer, Config::Server(config))
    }
}

impl fmt::Debug for SSLContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("SSLContext");
        debug.field("protocol", &self.settings.protocol);
        if !self.given {
            debug.field("verify_mode", &self.settings.verify_mode);
            debug.field("has_cert", &self.settings.key.is_some());
        }
        debug.finish_non_exhaustive()
    }
}

/// The certificates of a text, at least one.
fn certificates_of(pem: &[u8]) -> io::Result<Vec<CertificateDer<'static>>> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(none) if none.is_empty() => Err(invalid(rustls::pki_types::pem::Error::NoItemsFound)),
        certificates => certificates.map_err(invalid),
    }
}

fn invalid(error: rustls::pki_types::pem::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
