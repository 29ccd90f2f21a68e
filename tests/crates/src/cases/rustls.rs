//! `rustls`, over a socket of std.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::servers::nginx::{Nginx, ask_for, path};
use crate::{Case, Result, Started};

struct Rustls {
    config: Arc<ClientConfig>,
    address: SocketAddr,
}

pub(super) fn start() -> Result<Option<Started>> {
    let Some(nginx) = Nginx::start()? else {
        return Ok(None);
    };
    let mut authorities = RootCertStore::empty();
    authorities.add(CertificateDer::from_pem_file(nginx.certificate())?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(authorities)
        .with_no_client_auth();
    let (config, address) = (Arc::new(config), nginx.https);
    Started::new(Rustls { config, address }, nginx)
}

impl Case for Rustls {
    fn run(&self, i: usize, wait: Duration) -> Result {
        let connection = ClientConnection::new(self.config.clone(), "localhost".try_into()?)?;
        let socket = TcpStream::connect(self.address)?;
        socket.set_nodelay(true)?;
        let mut stream = StreamOwned::new(connection, socket);
        ask_for(&path(i, wait), &mut stream)?;
        ask_for(&path(i + 1, Duration::ZERO), &mut stream)
    }
}
