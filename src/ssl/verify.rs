//! [`Verifier`]: how a client checks the certificate of a server. [`ClientVerifier`]: how a server checks a client's.
//!
//! webpki forgets of what it trusts whether that may sign others. So a certificate that was loaded and may not is among
//! the trusted ones only for the check of itself.

use std::cell::Cell;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore, SignatureScheme,
};

use super::der::is_self_issued;

/// Checks a server's certificate as its context says.
#[derive(Debug)]
pub(super) struct Verifier {
    /// The authorities that are trusted; none if every certificate is accepted.
    pub(super) roots: Option<Arc<RootCertStore>>,
    /// These, and those of the `pinned` certificates that are no authorities.
    pub(super) all: Arc<RootCertStore>,
    /// Whether the certificate must be one for the server's name.
    pub(super) check_hostname: bool,
    /// Those of the trusted certificates that were loaded from a file, or a text.
    pub(super) pinned: Arc<Vec<CertificateDer<'static>>>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(roots) = &self.roots else {
            return Ok(ServerCertVerified::assertion());
        };
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.algorithms.all;
        let is_pinned = self.pinned.contains(end_entity);
        let roots = if is_pinned { &self.all } else { roots };
        let verified = verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, algorithms);
        match verified {
            Err(error) if is_pinned && is_authority(&error) => {}
            Err(error) => {
                SelfSigned::note(&error, end_entity, intermediates);
                return Err(error);
            }
            Ok(()) => {}
        }
        if self.check_hostname {
            verify_server_name(&certificate, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Checks a client's certificate.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    /// Trusts the authorities; none if there are none.
    pub(super) signed: Option<Arc<dyn ClientCertVerifier>>,
    /// Trusts also those of the `pinned` certificates that are no authorities.
    pub(super) all: Arc<dyn ClientCertVerifier>,
    pub(super) pinned: Arc<Vec<CertificateDer<'static>>>,
}

impl ClientCertVerifier for ClientVerifier {
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verifier = match self.pinned.contains(end_entity) {
            true => Some(&self.all),
            false => self.signed.as_ref(),
        };
        let unknown = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let verifier = verifier.ok_or(unknown)?;
        verifier.verify_client_cert(end_entity, intermediates, now)
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.all.root_hint_subjects()
    }

    fn offer_client_auth(&self) -> bool {
        self.all.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.all.client_auth_mandatory()
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.all.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.all.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.all.supported_verify_schemes()
    }
}

/// Whether the certificate is valid at this time, but one that may sign others: webpki does not take such a certificate
/// for a server's. If it is trusted itself, OpenSSL does, and `openssl req -x509` makes such ones.
fn is_authority(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(OtherError(other))) = error else {
        return false;
    };
    matches!(other.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}

/// Which certificate is self-signed, if nobody knows the issuer of one. OpenSSL tells this by its numbers, rustls does
/// not.
#[derive(Debug, Clone, Copy)]
pub(super) enum SelfSigned {
    Leaf,
    InChain,
}

thread_local! {
    /// What the verifier has found. The connection that has called it asks before anything else can happen.
    static FOUND: Cell<Option<SelfSigned>> = const { Cell::new(None) };
}

impl SelfSigned {
    fn note(error: &Error, end_entity: &[u8], intermediates: &[CertificateDer<'_>]) {
        if *error != Error::InvalidCertificate(CertificateError::UnknownIssuer) {
            return;
        }
        FOUND.set(if is_self_issued(end_entity) {
            Some(SelfSigned::Leaf)
        } else if intermediates.iter().any(|certificate| is_self_issued(certificate)) {
            Some(SelfSigned::InChain)
        } else {
            None
        });
    }

    /// What the verifier has noted for the error that was just returned.
    pub(super) fn take() -> Option<SelfSigned> {
        FOUND.take()
    }
}
