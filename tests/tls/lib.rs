//! What the tests of TLS have in common: the certificates of this folder, and connections that have them.

use std::io;
use std::path::PathBuf;

use gevent::Exception;
use gevent::socket::UnixStream;
use gevent::spawn;
use gevent::ssl::{Protocol, SSLContext, SslStream, WrapSocket};

/// A file of this folder.
pub fn file(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), name].iter().collect()
}

/// The context of a server with one of the certificates: of `localhost` or of `other`.
pub fn server_of(name: &str) -> io::Result<SSLContext> {
    let mut context = SSLContext::new(Protocol::TlsServer);
    context.load_cert_chain(file(&format!("{name}.crt")), file(&format!("{name}.key")))?;
    Ok(context)
}

/// The context of the server `localhost`.
pub fn server() -> io::Result<SSLContext> {
    server_of("localhost")
}

/// The context of a client that trusts the certificates.
pub fn client() -> io::Result<SSLContext> {
    let mut context = SSLContext::new(Protocol::TlsClient);
    context.load_verify_locations(file("ca.crt"))?;
    Ok(context)
}

/// Both ends of a connection whose handshake is done.
pub fn connected(client: &SSLContext, server: &SSLContext) -> Result<Pair, Exception> {
    let options = WrapSocket {
        server_hostname: Some("localhost"),
        ..WrapSocket::default()
    };
    connected_with(client, server, options)
}

/// Both ends: the client's, and the server's.
pub type Pair = (SslStream<UnixStream>, SslStream<UnixStream>);

/// [`connected`] with these arguments for the client, and the same for the server.
pub fn connected_with(client: &SSLContext, server: &SSLContext, options: WrapSocket<'_>) -> Result<Pair, Exception> {
    let (near, far) = UnixStream::pair()?;
    let server = server.clone();
    let its = WrapSocket {
        server_hostname: None,
        do_handshake_on_connect: options.do_handshake_on_connect,
        suppress_ragged_eofs: options.suppress_ragged_eofs,
    };
    let accepting = spawn(move || Ok(server.wrap_socket_with(far, its)?));
    let near = client.wrap_socket_with(near, options)?;
    let far = accepting.get()?;
    // The greenlet has a handle, too.
    drop(accepting.take());
    Ok((near, far))
}
