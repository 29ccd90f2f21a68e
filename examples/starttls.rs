//! A mail server that takes mails over plain TCP, and over TLS once the client has said STARTTLS.
//!
//! ```sh
//! cargo run --features ssl --example starttls -- 127.0.0.1:2525 tests/tls/localhost.crt tests/tls/localhost.key
//! openssl s_client -connect 127.0.0.1:2525 -starttls smtp -CAfile tests/tls/ca.crt -verify_hostname localhost
//! ```
//!
//! It prints the mails. What must not happen at STARTTLS is that something which was sent before TLS is taken for
//! something that was sent over TLS: so the reader's buffer is looked at, and dropped with the plain stream.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;

use gevent::Exception;
use gevent::server::StreamServer;
use gevent::socket::TcpStream;
use gevent::ssl::{Purpose, SSLContext, create_default_context};

/// How many seconds a client may be silent.
const PATIENCE: f64 = 60.0;

/// How the plain or the encrypted part of a session has ended.
enum End {
    Quit,
    StartTls,
}

fn main() -> Result<(), Exception> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [address, certificate, key] = &arguments[..] else {
        eprintln!("usage: starttls ADDRESS CERTIFICATE KEY");
        std::process::exit(2);
    };
    let mut context = create_default_context(Purpose::ClientAuth)?;
    context.load_cert_chain(certificate, key)?;
    let server = mail_server(address, context, |mail| println!("{mail}"));
    server.start()?;
    println!("Receiving mails on {}", server.address().expect("it listens"));
    server.serve_forever()
}

/// A server that calls `receive` with each mail.
pub(crate) fn mail_server(address: &str, context: SSLContext, receive: impl Fn(String) + 'static) -> StreamServer {
    StreamServer::new(address, move |stream: TcpStream, _peer: SocketAddr| {
        stream.set_timeout(PATIENCE)?;
        let mut plain = BufReader::new(stream);
        plain.get_mut().write_all(b"220 localhost ESMTP\r\n")?;
        if let End::Quit = session(&mut plain, true, &receive)? {
            return Ok(());
        }
        if !plain.buffer().is_empty() {
            // Somebody on the way may have added it.
            return Err(Exception::from(io::Error::from(io::ErrorKind::InvalidData)));
        }
        let stream = context.wrap_socket(plain.into_inner(), None)?;
        session(&mut BufReader::new(stream), false, &receive)?;
        Ok(())
    })
}

/// Answers the commands of a client until it ends.
fn session<S: Read + Write>(
    stream: &mut BufReader<S>,
    may_start_tls: bool,
    receive: &impl Fn(String),
) -> Result<End, Exception> {
    let mut line = String::new();
    while read_line(stream, &mut line)? {
        let command = line.split_whitespace().next().unwrap_or("").to_ascii_uppercase();
        let answer: &[u8] = match command.as_str() {
            "EHLO" if may_start_tls => b"250-localhost\r\n250 STARTTLS\r\n",
            "EHLO" | "HELO" => b"250 localhost\r\n",
            "STARTTLS" if may_start_tls => {
                stream.get_mut().write_all(b"220 go ahead\r\n")?;
                return Ok(End::StartTls);
            }
            "MAIL" | "RCPT" | "RSET" | "NOOP" => b"250 ok\r\n",
            "DATA" => {
                stream.get_mut().write_all(b"354 end it with a dot\r\n")?;
                receive(read_mail(stream)?);
                b"250 received\r\n"
            }
            "QUIT" => {
                stream.get_mut().write_all(b"221 bye\r\n")?;
                break;
            }
            _ => b"500 what?\r\n",
        };
        stream.get_mut().write_all(answer)?;
    }
    Ok(End::Quit)
}

/// The lines up to the one that is a dot, 1 MiB of them at most.
fn read_mail(stream: &mut impl BufRead) -> Result<String, Exception> {
    let (mut mail, mut line) = (String::new(), String::new());
    while read_line(stream, &mut line)? {
        if line == ".\r\n" {
            return Ok(mail);
        }
        // A line that begins with a dot is sent with another one.
        mail.push_str(line.strip_prefix('.').unwrap_or(&line));
        if mail.len() > 1 << 20 {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge).into());
        }
    }
    Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
}

/// Reads a line of at most 1000 bytes. Returns false at the end. What is not a whole line must not be taken for one:
/// the rest of it would be the next.
fn read_line(stream: &mut impl BufRead, line: &mut String) -> Result<bool, Exception> {
    line.clear();
    let read = stream.take(1000).read_line(line)?;
    match read == 0 || line.ends_with('\n') {
        true => Ok(read > 0),
        false => Err(io::Error::from(io::ErrorKind::InvalidData).into()),
    }
}
