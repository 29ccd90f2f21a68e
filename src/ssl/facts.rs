//! What an [`SslStream`] tells of its connection.

use rustls::{CipherSuite, Connection, HandshakeKind, IoState, ProtocolVersion};

use super::SslStream;
use crate::socket::Stream;

/// The cipher of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Cipher {
    /// The name that OpenSSL has for it.
    pub name: &'static str,
    /// The version of the protocol that has brought it.
    pub protocol: &'static str,
    /// How many bits of the key are secret.
    pub bits: u32,
}

/// Facts of the connection. Before the handshake is done there are none.
impl<S: Stream> SslStream<S> {
    /// The version of the protocol: `"TLSv1.2"` or `"TLSv1.3"`.
    pub fn version(&self) -> Option<&'static str> {
        self.told(|connection| version_name(connection.protocol_version()?))
    }

    /// The cipher. Python has a tuple of the three things.
    pub fn cipher(&self) -> Option<Cipher> {
        self.told(|connection| cipher(connection.negotiated_cipher_suite()?.suite()))
    }

    /// The protocol over TLS that both sides have agreed on.
    pub fn selected_alpn_protocol(&self) -> Option<String> {
        self.told(|connection| Some(String::from_utf8_lossy(connection.alpn_protocol()?).into_owned()))
    }

    /// The name of the server that the client has asked for. A server learns it in the handshake; it has none if the
    /// client has not said one.
    pub fn server_hostname(&self) -> Option<String> {
        match &self.engine.hostname {
            Some(hostname) => Some(hostname.clone()),
            None => self.told(|connection| match connection {
                Connection::Server(server) => server.server_name().map(str::to_owned),
                Connection::Client(_) => None,
            }),
        }
    }

    /// The other side's certificate, in the DER format, if it has shown one: Python's `getpeercert(True)`. Crates such
    /// as `x509-parser` tell what is in it.
    pub fn getpeercert(&self) -> Option<Vec<u8>> {
        self.get_unverified_chain().into_iter().next()
    }

    /// The certificates that the other side has shown, in the DER format; its own one is the first.
    pub fn get_unverified_chain(&self) -> Vec<Vec<u8>> {
        let chain = self.told(|connection| {
            let certificates = connection.peer_certificates()?;
            Some(certificates.iter().map(|certificate| certificate.to_vec()).collect())
        });
        chain.unwrap_or_default()
    }

    /// Whether the connection goes on with a session of an earlier one, which makes the handshake cheap.
    pub fn session_reused(&self) -> Option<bool> {
        self.told(|connection| Some(connection.handshake_kind()? == HandshakeKind::Resumed))
    }

    /// How many bytes can be read without waiting, because they have been received already. There may be more.
    pub fn pending(&self) -> usize {
        self.state().map_or(0, |state| state.plaintext_bytes_to_read())
    }

    /// Whether the next read needs nothing from the other side: because of what has come already, or the end.
    #[cfg(feature = "pywsgi")]
    pub(crate) fn can_read_now(&self) -> bool {
        self.state()
            .is_none_or(|state| state.plaintext_bytes_to_read() > 0 || state.peer_has_closed())
    }

    /// The state of the connection. None if it has failed, or is in use.
    fn state(&self) -> Option<IoState> {
        self.engine.connection().ok()?.process_new_packets().ok()
    }

    fn told<R>(&self, look: impl FnOnce(&Connection) -> Option<R>) -> Option<R> {
        match self.engine.handshake.is_done.get() {
            true => self.engine.look(look),
            false => None,
        }
    }
}

fn version_name(version: ProtocolVersion) -> Option<&'static str> {
    match version {
        ProtocolVersion::TLSv1_2 => Some("TLSv1.2"),
        ProtocolVersion::TLSv1_3 => Some("TLSv1.3"),
        _ => None,
    }
}

fn cipher(suite: CipherSuite) -> Option<Cipher> {
    use CipherSuite::*;
    let (name, protocol, bits) = match suite {
        TLS13_AES_128_GCM_SHA256 => ("TLS_AES_128_GCM_SHA256", "TLSv1.3", 128),
        TLS13_AES_256_GCM_SHA384 => ("TLS_AES_256_GCM_SHA384", "TLSv1.3", 256),
        TLS13_CHACHA20_POLY1305_SHA256 => ("TLS_CHACHA20_POLY1305_SHA256", "TLSv1.3", 256),
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => ("ECDHE-ECDSA-AES128-GCM-SHA256", "TLSv1.2", 128),
        TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => ("ECDHE-ECDSA-AES256-GCM-SHA384", "TLSv1.2", 256),
        TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => ("ECDHE-ECDSA-CHACHA20-POLY1305", "TLSv1.2", 256),
        TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => ("ECDHE-RSA-AES128-GCM-SHA256", "TLSv1.2", 128),
        TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => ("ECDHE-RSA-AES256-GCM-SHA384", "TLSv1.2", 256),
        TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => ("ECDHE-RSA-CHACHA20-POLY1305", "TLSv1.2", 256),
        _ => return None,
    };
    Some(Cipher { name, protocol, bits })
}
