//! socat on both sides of a forwarder, for each pair of families.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use gevent::socket::SocketAddress;

use crate::common::folder::Folder;
use crate::common::installed::installed;
use crate::common::process::Process;
use crate::common::{Result, SOON};
use crate::forwarder::Forwarder;
use crate::{RUN, amount, sum, write_random};

/// An address's kind.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    V4,
    V6,
    Path,
    Abstract,
}

use Kind::{Abstract, Path, V4, V6};

/// How long socat waits for the other direction once one has ended.
const LINGER: &str = "60";

impl Kind {
    /// One of the kind, for somebody to listen at; the system finds the port.
    fn free(self, folder: &Folder, name: &str) -> Result<SocketAddress> {
        Ok(match self {
            V4 => ("127.0.0.1", 0).into(),
            V6 => ("[::1]:0".parse::<SocketAddr>()?).into(),
            Path => SocketAddress::Unix(folder.path(name)),
            Abstract => SocketAddress::Unix(format!("\0{}", folder.path(name).display()).into()),
        })
    }

    fn pairs() -> impl Iterator<Item = (Kind, Kind)> {
        let mut kinds = vec![V4, Path, Abstract];
        // This part runs only where there is IPv6.
        if std::net::TcpListener::bind("[::1]:0").is_ok() {
            kinds.push(V6);
        }
        let others = kinds.clone();
        kinds
            .into_iter()
            .flat_map(move |a| others.clone().into_iter().map(move |b| (a, b)))
    }
}

/// socat's word for an address, behind the kinds of socket that it has for the internet, for paths and for abstract
/// addresses.
fn word(address: &SocketAddress, [inet, path, abstract_]: [&str; 3]) -> String {
    match address {
        SocketAddress::Inet(address) => format!("{inet}4:{}:{}", address.ip(), address.port()),
        SocketAddress::Inet6(address) => format!("{inet}6:[{}]:{}", address.ip(), address.port()),
        SocketAddress::Unix(name) => {
            let name = name.display().to_string();
            match name.strip_prefix('\0') {
                Some(name) => format!("{abstract_}:{name}"),
                None => format!("{path}:{name}"),
            }
        }
        other => panic!("socat has no {other:?}"),
    }
}

/// socat's word for a place where it listens.
fn listening(address: &SocketAddress, [inet, path, abstract_]: [&str; 3]) -> String {
    match address {
        SocketAddress::Inet6(_) => format!("{inet}6-LISTEN:0,bind=[::1]"),
        // Of these, each datagram has a process.
        SocketAddress::Unix(_) if path.ends_with("RECVFROM") => word(address, ["", path, abstract_]) + ",fork",
        SocketAddress::Unix(_) => word(address, ["", path, abstract_]),
        _ => format!("{inet}4-LISTEN:0,bind=127.0.0.1"),
    }
}

/// A socat that listens at a place for one client.
struct Server {
    process: Process,
    address: SocketAddress,
}

impl Server {
    fn start(place: SocketAddress, words: [&str; 3], side: &str) -> Result<Server> {
        let process =
            Process::spawn(Command::new("socat").args(["-d", "-d", "-t", LINGER, &listening(&place, words), side]))?;
        // "... N listening on AF=2 127.0.0.1:40001" (AF=10 [0000:..:0001]:40001), or "receiving on AF=1 .."
        let line = process.stderr().line_with("ing on ", 0, SOON)?;
        let port = || -> Result<u16> {
            let (_, port) = line.rsplit_once(':').ok_or_else(|| format!("no port in {line:?}"))?;
            Ok(port.parse()?)
        };
        let address = match place {
            SocketAddress::Unix(_) => place,
            SocketAddress::Inet6(_) => SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, port()?)).into(),
            _ => SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, port()?)).into(),
        };
        Ok(Server { process, address })
    }
}

/// What a side of a connection does with a file to send and one to receive into.
#[derive(Debug, Clone, Copy)]
enum Side {
    /// Sends all, ends this direction, and goes on to receive.
    SendsAtOnce,
    /// Sends after it has received all.
    SendsLast,
}

use Side::{SendsAtOnce, SendsLast};

/// Connects two sides by socat, a forwarder, and socat, for each pair of families.
fn exchange(client: Side, server: Side) -> Result {
    if !installed(&["socat"], "socat") {
        return Ok(());
    }
    for (of_client, of_server) in Kind::pairs() {
        exchange_between(of_client, of_server, client, server)
            .map_err(|error| format!("{of_client:?} {of_server:?}: {error}"))?;
    }
    Ok(())
}

fn exchange_between(of_client: Kind, of_server: Kind, client: Side, server: Side) -> Result {
    let folder = Folder::new()?;
    let len = amount(1)?;
    fs::write(folder.path("last"), "cat > \"$2\"; cat \"$1\"\n")?;
    let side = |name: &str, side: Side| -> Result<String> {
        let [sends, gets] = ["sends", "gets"].map(|does| folder.path(&format!("{name}-{does}")));
        write_random(&sends, u64::from(name.as_bytes()[0]), len)?;
        let (sends, gets) = (sends.display(), gets.display());
        Ok(match side {
            SendsAtOnce => format!("OPEN:{sends},rdonly!!CREATE:{gets}"),
            SendsLast => format!("EXEC:sh {} {sends} {gets}", folder.path("last").display()),
        })
    };
    let words = ["TCP", "UNIX-LISTEN", "ABSTRACT-LISTEN"];
    let server = Server::start(of_server.free(&folder, "target")?, words, &side("server", server)?)?;
    let forwarder = Forwarder::of_connections(of_client.free(&folder, "front")?, server.address)?;
    let to = word(&forwarder.address, ["TCP", "UNIX-CONNECT", "ABSTRACT-CONNECT"]);
    let client = side("client", client)?;
    let ended = Process::spawn(Command::new("socat").args(["-t", LINGER, &to, &client]))?.wait(RUN)?;
    assert!(ended.status.success(), "{}", ended.stderr);
    let ended = server.process.wait(RUN)?;
    assert!(ended.status.success(), "{}", ended.stderr);
    for (from, to) in [("client", "server"), ("server", "client")] {
        let sent = sum(&folder.path(&format!("{from}-sends")))?;
        assert_eq!(sent.0, len);
        assert_eq!(sum(&folder.path(&format!("{to}-gets")))?, sent, "from {from} to {to}");
    }
    forwarder.end()
}

#[test]
fn a_client_that_has_sent_all_still_gets_the_answer() -> Result {
    exchange(SendsAtOnce, SendsLast)
}

#[test]
fn a_server_that_has_sent_all_still_gets_the_answer() -> Result {
    exchange(SendsLast, SendsAtOnce)
}

#[test]
fn both_sides_send_at_the_same_time() -> Result {
    exchange(SendsAtOnce, SendsAtOnce)
}

/// Asks, and goes on when the answer is the question; at the end there is a file.
const ASKS: &str = "for i in $(seq 50); do
    echo \"question $i\"
    read -r answer
    [ \"$answer\" = \"question $i\" ] || exit 1
done
echo all > \"$1\"
";

#[test]
fn datagrams_are_answered() -> Result {
    if !installed(&["socat"], "socat") {
        return Ok(());
    }
    for (of_client, of_server) in Kind::pairs() {
        if of_client != V6 && of_server != V6 {
            ask(of_client, of_server).map_err(|error| format!("{of_client:?} {of_server:?}: {error}"))?;
        }
    }
    Ok(())
}

fn ask(of_client: Kind, of_server: Kind) -> Result {
    let folder = Folder::new()?;
    fs::write(folder.path("asks"), ASKS)?;
    let words = ["UDP", "UNIX-RECVFROM", "ABSTRACT-RECVFROM"];
    let server = Server::start(of_server.free(&folder, "target")?, words, "EXEC:cat")?;
    let forwarder = Forwarder::of_datagrams(of_client.free(&folder, "front")?, server.address.clone())?;
    let mut to = word(&forwarder.address, ["UDP", "UNIX-SENDTO", "ABSTRACT-SENDTO"]);
    if let Path | Abstract = of_client {
        // Answers go there.
        to += &format!(",bind={}", folder.path("asker").display());
    }
    let (script, done) = (folder.path("asks"), folder.path("done"));
    let asks = format!("EXEC:sh {} {}", script.display(), done.display());
    let ended = Process::spawn(Command::new("socat").args(["-t", "0.1", &asks, &to]))?.wait(RUN)?;
    assert!(done.exists(), "{}", ended.stderr);
    drop(server);
    forwarder.end()
}
