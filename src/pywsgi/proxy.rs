//! [`ProxyProtocol`]: the greeting by which a proxy tells for whom it connects.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::fault::Fault;

/// Whether a proxy before the server tells for whom it connects, by version 1 or 2 of the PROXY protocol, which HAProxy
/// and others have. Its greeting comes before everything else, also before that of TLS.
///
/// ```
/// use std::io::{Read, Write};
/// use gevent::pywsgi::{Environ, ProxyProtocol, WSGIServer};
/// use gevent::socket::TcpStream;
///
/// let server = WSGIServer::builder()
///     .proxy_protocol(ProxyProtocol::Required)
///     .log(None)
///     .build("127.0.0.1:0", |request, response| response.send(format!("{:?}", request.remote_addr())));
/// server.start()?;
/// let mut proxy = TcpStream::connect(server.address().unwrap())?;
/// proxy.write_all(b"PROXY TCP4 192.0.2.1 198.51.100.2 5000 80\r\nGET / HTTP/1.0\r\n\r\n")?;
/// let mut answer = String::new();
/// proxy.read_to_string(&mut answer)?;
/// assert!(answer.ends_with("Some(192.0.2.1:5000)"));
/// # server.stop()?;
/// # Ok::<(), gevent::Exception>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyProtocol {
    /// There is no greeting. A client that sends one is refused.
    #[default]
    No,
    /// Each connection must begin with a greeting, or it is closed. Only proxies may be able to connect, as a client
    /// could pass for another one.
    Required,
}

/// What the greeting says: the client, and the address that it has connected to. None if the proxy connects for
/// itself, for example to see whether the server is alive, or for a client without such an address.
pub(super) type Greeting = Option<(SocketAddr, SocketAddr)>;

/// The beginning of a greeting of version 2.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// How many bytes a greeting of version 1 has at most, and one of version 2 that is not refused.
const LONGEST_1: usize = 107;
const LONGEST_2: usize = 16 + 2048;

/// Reads a greeting, and not a byte more. `peek` reads without removing the data, and `take` reads so many bytes.
#[track_caller]
pub(super) fn read(
    peek: impl Fn(&mut [u8]) -> io::Result<usize>,
    mut take: impl FnMut(&mut [u8]) -> io::Result<()>,
) -> io::Result<Greeting> {
    let mut greeting = Vec::new();
    loop {
        let wanted = match wanted(&greeting)? {
            Wanted::Exactly(n) => n,
            Wanted::Line => {
                // Of these bytes only those up to the line end are taken.
                let mut seen = [0; LONGEST_1];
                let n = peek(&mut seen)?;
                let end = seen[..n].iter().position(|byte| *byte == b'\n');
                end.map_or(n, |end| end + 1)
            }
            Wanted::Nothing(found) => return Ok(found),
        };
        if wanted == 0 {
            return Err(Fault::Ended.into());
        }
        let had = greeting.len();
        greeting.resize(had + wanted, 0);
        take(&mut greeting[had..])?;
    }
}

/// What of a greeting is wanted next.
enum Wanted {
    Exactly(usize),
    /// The rest of a line, or a part of it.
    Line,
    /// It is complete.
    Nothing(Greeting),
}

fn wanted(greeting: &[u8]) -> io::Result<Wanted> {
    let malformed = || io::Error::from(Fault::Malformed("no greeting of the PROXY protocol"));
    match greeting.len() {
        // Both versions have this much.
        0 => return Ok(Wanted::Exactly(SIGNATURE.len())),
        _ if !greeting.starts_with(&SIGNATURE) => {}
        12..16 => return Ok(Wanted::Exactly(16 - greeting.len())),
        len => {
            let total = 16 + usize::from(u16::from_be_bytes([greeting[14], greeting[15]]));
            return match total {
                _ if total == len => Ok(Wanted::Nothing(version_2(greeting).ok_or_else(malformed)?)),
                _ if total > LONGEST_2 => Err(malformed()),
                _ => Ok(Wanted::Exactly(total - len)),
            };
        }
    }
    if !greeting.starts_with(b"PROXY ") || greeting.len() > LONGEST_1 {
        return Err(malformed());
    }
    match greeting.iter().position(|byte| *byte == b'\n') {
        None => Ok(Wanted::Line),
        Some(end) if end + 1 == greeting.len() => Ok(Wanted::Nothing(version_1(greeting).ok_or_else(malformed)?)),
        // It ends within the first bytes, which no greeting does.
        Some(_) => Err(malformed()),
    }
}

/// Reads `PROXY TCP4 192.0.2.1 198.51.100.2 5000 80`.
fn version_1(line: &[u8]) -> Option<Greeting> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix("\r\n")?;
    let mut parts = line.split(' ');
    let (_, family) = (parts.next()?, parts.next()?);
    if family == "UNKNOWN" {
        return Some(None);
    }
    let mut ip = || parts.next()?.parse::<IpAddr>().ok();
    let (from, to) = (ip()?, ip()?);
    let mut port = || {
        let port = parts.next()?;
        port.parse::<u16>()
            .ok()
            .filter(|_| port.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let (from, to) = (SocketAddr::new(from, port()?), SocketAddr::new(to, port()?));
    let is_right = match family {
        "TCP4" => from.is_ipv4() && to.is_ipv4(),
        "TCP6" => from.is_ipv6() && to.is_ipv6(),
        _ => false,
    };
    (is_right && parts.next().is_none()).then_some(Some((from, to)))
}

/// Reads a greeting of version 2, which is complete.
fn version_2(greeting: &[u8]) -> Option<Greeting> {
    let (command, family, rest) = (greeting[12], greeting[13], &greeting[16..]);
    match command {
        // LOCAL: the proxy connects for itself.
        0x20 => return Some(None),
        0x21 => {}
        _ => return None,
    }
    let port = |at: usize| Some(u16::from_be_bytes(rest.get(at..at + 2)?.try_into().ok()?));
    match family {
        0x11 => {
            let ip = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(rest.get(at..at + 4)?).ok()?));
            let from = SocketAddr::new(ip(0)?.into(), port(8)?);
            Some(Some((from, SocketAddr::new(ip(4)?.into(), port(10)?))))
        }
        0x21 => {
            let ip = |at: usize| Some(Ipv6Addr::from(<[u8; 16]>::try_from(rest.get(at..at + 16)?).ok()?));
            let from = SocketAddr::new(ip(0)?.into(), port(32)?);
            Some(Some((from, SocketAddr::new(ip(16)?.into(), port(34)?))))
        }
        // Datagrams, Unix sockets, or nothing that is told.
        _ => Some(None),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::io::{self, Read};

    use super::{Greeting, SIGNATURE, read};

    /// Reads a greeting of data that come in pieces of this size. Returns also what was not taken.
    fn parse(data: &[u8], piece: usize) -> (io::Result<Greeting>, Vec<u8>) {
        let left = RefCell::new(data);
        let peek = |buf: &mut [u8]| {
            let data = left.borrow();
            let n = data.len().min(buf.len()).min(piece);
            buf[..n].copy_from_slice(&data[..n]);
            Ok(n)
        };
        let greeting = read(peek, |buf| left.borrow_mut().read_exact(buf));
        (greeting, left.take().to_vec())
    }

    fn version_2(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let mut greeting = SIGNATURE.to_vec();
        greeting.extend([command, family]);
        greeting.extend((addresses.len() as u16).to_be_bytes());
        greeting.extend(addresses);
        greeting
    }

    #[test]
    fn greetings_are_read_and_nothing_behind_them() {
        let v4 = [&[192, 0, 2, 1, 198, 51, 100, 2][..], &[0x13, 0x88, 0, 80]].concat();
        let mut v6 = [0; 36];
        (v6[15], v6[31], v6[33], v6[35]) = (1, 2, 3, 4);
        let both = Some(("192.0.2.1:5000", "198.51.100.2:80"));
        type Case<'a> = (Vec<u8>, Option<(&'a str, &'a str)>);
        let cases: [Case<'_>; 8] = [
            (b"PROXY TCP4 192.0.2.1 198.51.100.2 5000 80\r\n".to_vec(), both),
            (b"PROXY TCP6 ::1 ::2 3 4\r\n".to_vec(), Some(("[::1]:3", "[::2]:4"))),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN ffff::1 whatever\r\n".to_vec(), None),
            (version_2(0x21, 0x11, &v4), both),
            (version_2(0x21, 0x11, &[&v4[..], &[4, 0, 1, 0]].concat()), both),
            (version_2(0x21, 0x21, &v6), Some(("[::1]:3", "[::2]:4"))),
            (version_2(0x20, 0, b""), None),
        ];
        for (greeting, expected) in cases {
            for piece in [1, 7, 1000] {
                let (found, rest) = parse(&[&greeting[..], b"GET / "].concat(), piece);
                let found = found
                    .expect("it is one")
                    .map(|(from, to)| (from.to_string(), to.to_string()));
                let expected = expected.map(|(from, to)| (from.to_owned(), to.to_owned()));
                assert_eq!(found, expected);
                assert_eq!(rest, b"GET / ");
            }
        }
    }

    #[test]
    fn what_is_no_greeting_is_refused() {
        let long = [&b"PROXY UNKNOWN "[..], &[b'x'; 100], b"\r\n"].concat();
        let cases: [&[u8]; 12] = [
            b"GET / HTTP/1.1\r\n\r\n",
            b"PROXY TCP4 192.0.2.1 198.51.100.2 5000\r\n",
            b"PROXY TCP4 192.0.2.1 198.51.100.2 5000 80 1\r\n",
            b"PROXY TCP4 192.0.2.1 198.51.100.2 +5000 80\r\n",
            b"PROXY TCP4 ::1 ::2 5000 80\r\n",
            b"PROXY TCP4 192.0.2.1 198.51.100.2 5000 80\n",
            b"PROXY UDP4 192.0.2.1 198.51.100.2 5000 80\r\n",
            b"PROXY UNKN\n\n\n\n\n",
            b"PROXY TCP4 192.0.2.1",
            &version_2(0x31, 0x11, &[0; 12]),
            &version_2(0x21, 0x11, &[0; 11]),
            &long,
        ];
        for greeting in cases {
            assert!(
                parse(greeting, 1000).0.is_err(),
                "{:?}",
                String::from_utf8_lossy(greeting)
            );
        }
    }
}
