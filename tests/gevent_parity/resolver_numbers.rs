//! Numeric hosts and ports: what is found, in which order.

use gevent::socket::{
    AF_INET, AI_CANONNAME, AI_PASSIVE, AddrInfo, GetAddrInfo, NI_NUMERICHOST, NI_NUMERICSERV, SOCK_DGRAM, SOCK_STREAM,
    getaddrinfo, getaddrinfo_with, gethostbyname, getnameinfo,
};

use super::common::TestResult;

fn show(found: &[AddrInfo]) {
    for info in found {
        let AddrInfo {
            family,
            type_,
            proto,
            canonname,
            sockaddr,
        } = info;
        println!(
            "{family} {type_} {proto} <{canonname}> {} {}",
            sockaddr.ip(),
            sockaddr.port()
        );
    }
}

pub(crate) fn main() -> TestResult {
    let (all, stream) = (GetAddrInfo::default(), GetAddrInfo::default().type_(SOCK_STREAM));
    show(&getaddrinfo("127.0.0.1", 80)?);
    show(&getaddrinfo_with("127.1", "80", stream.family(AF_INET))?);
    show(&getaddrinfo_with("::1", 0, all.type_(SOCK_DGRAM))?);
    show(&getaddrinfo_with(None, 8080, stream.family(AF_INET).flags(AI_PASSIVE))?);
    show(&getaddrinfo_with(None, 8080, stream.family(AF_INET))?);
    show(&getaddrinfo_with(
        "127.0.0.1",
        1,
        stream.family(AF_INET).flags(AI_CANONNAME),
    )?);
    show(&getaddrinfo_with("127.0.0.1", 65536, stream)?);
    println!("{}", gethostbyname("0x7f.1")?);
    println!("{}", gethostbyname("")?);
    println!("{}", gethostbyname("<broadcast>")?);
    let numeric = NI_NUMERICHOST | NI_NUMERICSERV;
    let (host, port) = getnameinfo(("127.0.0.1", 80), numeric)?;
    println!("{host} {port}");
    let (host, port) = getnameinfo(("::1", 80), numeric)?;
    println!("{host} {port}");
    Ok(())
}
