//! Other greenlets run while names are looked up, in the order in which they are asked for.

use std::sync::mpsc::channel;

use gevent::socket::{
    AF_INET, GetAddrInfo, NI_NUMERICHOST, SOCK_STREAM, getaddrinfo_with, gethostbyname, gethostbyname_ex, getnameinfo,
};
use gevent::threadpool::{HubExt, ThreadPool};
use gevent::{get_hub, joinall, sleep, spawn};

use super::common::TestResult;

fn look_up(name: &str) -> TestResult {
    println!("{name} begins");
    println!("{name}: {}", gethostbyname("localhost")?);
    Ok(())
}

fn other(name: &str) -> TestResult {
    for i in 0..2 {
        println!("{name} {i}");
        sleep(0)?;
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let pool = ThreadPool::new(1);
    get_hub().set_resolver_threadpool(pool.clone());
    let (set, told) = channel::<()>();
    let busy = pool.spawn(move || told.recv().is_err())?;

    let looking = ["first", "second", "third"].map(|name| spawn(move || look_up(name)));
    let others = ["a", "b"].map(|name| spawn(move || other(name)));
    joinall(&others)?;
    drop(set);
    joinall(&looking)?;
    busy.get()?;
    let found = gethostbyname_ex("localhost")?.ipaddrlist;
    println!("['{}']", found[0]);
    let wanted = GetAddrInfo::default().family(AF_INET).type_(SOCK_STREAM);
    let found = getaddrinfo_with("localhost", "http", wanted)?;
    println!("('{}', {})", found[0].sockaddr.ip(), found[0].sockaddr.port());
    let (host, port) = getnameinfo(("127.0.0.1", 80), NI_NUMERICHOST)?;
    println!("('{host}', '{port}')");
    Ok(())
}
