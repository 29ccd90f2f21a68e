//! The table of look-ups.

use super::sockets::looking_up;
use super::strike::{Row, row};
use crate::support::TestResult;
use gevent::socket::{
    GetAddrInfo, getaddrinfo, getaddrinfo_with, getfqdn, gethostbyaddr, gethostbyname, gethostbyname_ex, getnameinfo,
};

pub(super) fn rows() -> Vec<Row> {
    let looks: [(_, fn(u16) -> TestResult); 7] = [
        ("src/resolver/functions.rs getaddrinfo", |port| {
            Ok(getaddrinfo("localhost", port).map(drop)?)
        }),
        ("src/resolver/functions.rs getaddrinfo_with", |_| {
            Ok(getaddrinfo_with("127.0.0.1", "http", GetAddrInfo::default()).map(drop)?)
        }),
        ("src/resolver/functions.rs getfqdn", |_| {
            Ok(getfqdn("localhost").map(drop)?)
        }),
        ("src/resolver/functions.rs gethostbyaddr", |_| {
            Ok(gethostbyaddr("127.0.0.1").map(drop)?)
        }),
        ("src/resolver/functions.rs gethostbyname", |_| {
            Ok(gethostbyname("localhost").map(drop)?)
        }),
        ("src/resolver/functions.rs gethostbyname_ex", |_| {
            Ok(gethostbyname_ex("localhost").map(drop)?)
        }),
        ("src/resolver/functions.rs getnameinfo", |port| {
            Ok(getnameinfo(("127.0.0.1", port), 0).map(drop)?)
        }),
    ];
    looks
        .map(|(name, call)| row(name, move || looking_up(call)))
        .into_iter()
        .collect()
}
