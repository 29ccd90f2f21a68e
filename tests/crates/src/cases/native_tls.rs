//! `native_tls`: OpenSSL, a C library, over a socket of std.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use native_tls::{Certificate, TlsConnector};

use crate::servers::nginx::{Nginx, ask_for, path};
use crate::{Case, Result, Started};

struct NativeTls {
    connector: TlsConnector,
    address: SocketAddr,
}

pub(super) fn start() -> Result<Option<Started>> {
    let Some(nginx) = Nginx::start()? else {
        return Ok(None);
    };
    let authority = Certificate::from_pem(&fs::read(nginx.certificate())?)?;
    let connector = TlsConnector::builder().add_root_certificate(authority).build()?;
    let address = nginx.https;
    Started::new(NativeTls { connector, address }, nginx)
}

impl Case for NativeTls {
    fn run(&self, i: usize, wait: Duration) -> Result {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        let mut stream = self
            .connector
            .connect("localhost", stream)
            .map_err(|error| error.to_string())?;
        ask_for(&path(i, wait), &mut stream)?;
        ask_for(&path(i + 1, Duration::ZERO), &mut stream)?;
        Ok(stream.shutdown()?)
    }
}
