//! Which error a look-up has: its number and its text.

use std::io;

use gevent::Exception;
use gevent::socket::{
    AF_INET6, AI_NUMERICHOST, AI_NUMERICSERV, GaiError, GetAddrInfo, SOCK_STREAM, create_connection, getaddrinfo,
    getaddrinfo_with, getnameinfo,
};

use super::common::TestResult;

fn show<T>(found: io::Result<Vec<T>>) -> TestResult {
    match found.map_err(Exception::from) {
        Ok(found) => println!("{}", found.len()),
        Err(e) if e.is::<GaiError>() => println!("gaierror {e}"),
        Err(e) => return Err(e),
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let all = GetAddrInfo::default();

    show(getaddrinfo_with("127.0.0.1", 80, all.family(255)))?;
    show(getaddrinfo_with("127.0.0.1", 80, all.family(-1)))?;
    show(getaddrinfo_with("127.0.0.1", 80, all.type_(77)))?;
    show(getaddrinfo_with("127.0.0.1", 80, all.type_(SOCK_STREAM).proto(99)))?;
    show(getaddrinfo_with("127.0.0.1", 80, all.flags(1 << 20)))?;
    show(getaddrinfo_with("127.0.0.1", 80, all.family(AF_INET6)))?;
    show(getaddrinfo("127.0.0.1", "no-such-service"))?;
    show(getaddrinfo("localhost", "no-such-service"))?;
    show(getaddrinfo_with("127.0.0.1", "http", all.flags(AI_NUMERICSERV)))?;
    show(getaddrinfo_with("name", 80, all.flags(AI_NUMERICHOST)))?;
    show(getaddrinfo_with("1.2.3.400", 80, all.flags(AI_NUMERICHOST)))?;
    show(getaddrinfo(None, None))?;
    match getnameinfo(("name", 80), 0).map_err(Exception::from) {
        Err(e) if e.is::<GaiError>() => println!("gaierror {e}"),
        found => drop(found?),
    }
    if let Err(e) = create_connection("localhost:no-such-service").map_err(Exception::from) {
        match e.downcast_ref::<GaiError>() {
            Some(error) => println!("gaierror {}", error.code),
            None => return Err(e),
        }
    }
    Ok(())
}
