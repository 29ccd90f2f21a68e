//! A resolver of one's own: who asks it, and what for.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use gevent::resolver::{BlockingResolver, HOST_NOT_FOUND, HubResolver, Resolver};
use gevent::socket::{
    AF_INET, AddrInfo, EAI_AGAIN, GaiError, GetAddrInfo, HError, HostEntry, SOCK_STREAM, Service, Socket,
    create_connection, getaddrinfo_with, getfqdn, gethostbyaddr, getnameinfo,
};
use gevent::{Exception, get_hub, sleep};

use super::common::{TestResult, show};

struct Own;

impl Resolver for Own {
    fn getaddrinfo(&self, host: Option<&str>, port: Service<'_>, settings: GetAddrInfo) -> io::Result<Vec<AddrInfo>> {
        println!("getaddrinfo {}", show(host));
        sleep(0)?;
        let host = match host {
            Some("known.example") => Some("127.0.0.1"),
            Some("unknown.example") => return Err(GaiError::new(EAI_AGAIN).into()),
            host => host,
        };
        BlockingResolver.getaddrinfo(host, port, settings)
    }

    fn gethostbyaddr(&self, address: &str) -> io::Result<HostEntry> {
        println!("gethostbyaddr {address}");
        Err(HError::new(HOST_NOT_FOUND).into())
    }

    fn getnameinfo(&self, address: SocketAddr, _flags: i32) -> io::Result<(String, String)> {
        println!("getnameinfo {}", address.ip());
        Ok(("known.example".to_owned(), address.port().to_string()))
    }
}

pub(crate) fn main() -> TestResult {
    get_hub().set_resolver(Rc::new(Own));
    let stream = GetAddrInfo::default().type_(SOCK_STREAM);
    let found = getaddrinfo_with("known.example", 80, stream)?[0].sockaddr;
    println!("('{}', {})", found.ip(), found.port());
    let (host, port) = getnameinfo(("127.0.0.1", 9), 0)?;
    println!("('{host}', '{port}')");
    println!("{}", getfqdn("short")?);
    match gethostbyaddr("1.2.3.4").map_err(Exception::from) {
        Err(e) if e.is::<HError>() => println!("{e}"),
        found => drop(found?),
    }
    if let Err(e) = create_connection(("unknown.example", 80)).map_err(Exception::from) {
        match e.downcast_ref::<GaiError>() {
            Some(error) => println!("{}", error.code),
            None => return Err(e),
        }
    }
    let server = Socket::new(AF_INET, SOCK_STREAM, 0)?;
    server.bind(("127.0.0.1", 0))?;
    server.listen(1)?;
    let port = gevent::socket::TcpListener::try_from(server.clone())?
        .local_addr()?
        .port();
    let client = create_connection(("known.example", port))?;
    println!(
        "{}",
        if client.getpeername()? == server.getsockname()? {
            "True"
        } else {
            "False"
        }
    );
    Ok(())
}
