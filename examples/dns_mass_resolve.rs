//! Looks a thousand names up at once: gevent's example of that name.
//!
//! ```sh
//! cargo run --features dns --example dns_mass_resolve
//! ```
//!
//! gevent's asks for names of the internet. Here a name server in the same program knows the names, so that this works
//! without. The names of a hosts file are looked up as well: of `/etc/hosts`, or the argument.

use std::cell::Cell;
use std::net::Ipv4Addr;
use std::path::Path;
use std::rc::Rc;
use std::str;
use std::time::Instant;

use gevent::pool::Pool;
use gevent::prelude::*;
use gevent::resolver::{DnsConfig, DnsResolver, HubResolver};
use gevent::socket::{UdpSocket, gethostbyname};

/// How many names the server is asked for.
const NAMES: u16 = 1000;
/// How many look-ups are under way at a time.
const AT_A_TIME: usize = 100;

/// Answers questions. Each takes a while, in a greenlet of its own.
fn serve_names(socket: &UdpSocket) -> Result<(), Exception> {
    let mut buffer = [0; 512];
    loop {
        let (len, from) = socket.recv_from(&mut buffer)?;
        let (socket, answer) = (socket.clone(), answer(&buffer[..len]));
        spawn(move || {
            sleep(0.01)?;
            // Without an answer the client asks again, and in the end fails.
            answer.map_or(Ok(0), |answer| Ok(socket.send_to(&answer, from)?))
        });
    }
}

/// The answer for a name whose first part is a number: 10.0.x.y, with the number's two bytes.
fn answer(question: &[u8]) -> Option<Vec<u8>> {
    // The header has 12 bytes. The parts of a name have their lengths before them; an empty one is the end.
    let name = question.get(12..)?;
    let part = name.get(1..=usize::from(*name.first()?))?;
    let number: u16 = str::from_utf8(part).ok()?.parse().ok()?;
    // Type and class follow, of two bytes each.
    let end = 12 + name.iter().position(|byte| *byte == 0)? + 5;
    let mut answer = question.get(..end)?.to_vec();
    // After the message's number: it is an answer; one question, one record, nothing else.
    answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    // The record: for the name at byte 12, an address (type 1, class 1), valid for 60 seconds, of 4 bytes.
    answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
    let [high, low] = number.to_be_bytes();
    answer.extend([10, 0, high, low]);
    Some(answer)
}

/// The names in a hosts file that have an address of IPv4.
fn names(hosts: &Path) -> Result<Vec<String>, Exception> {
    let text = std::fs::read_to_string(hosts)?;
    let names = text.lines().flat_map(|line| {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let is_v4 = words.next().is_some_and(|address| address.parse::<Ipv4Addr>().is_ok());
        words.filter(move |_| is_v4)
    });
    Ok(names.map(str::to_owned).collect())
}

fn main() -> Result<(), Exception> {
    let hosts = std::env::args().nth(1).unwrap_or_else(|| "/etc/hosts".to_owned());
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let mut config = DnsConfig::default();
    config.nameservers = vec![socket.local_addr()?];
    config.hosts = Some(hosts.clone().into());
    get_hub().set_resolver(Rc::new(DnsResolver::new(config)));
    spawn(move || serve_names(&socket));

    let mut names = names(Path::new(&hosts))?;
    names.extend((0..NAMES).map(|number| format!("{number}.com")));
    let (count, found) = (names.len(), Rc::new(Cell::new(0)));
    let start = Instant::now();
    let pool = Pool::new(AT_A_TIME);
    for name in names {
        let found = found.clone();
        pool.spawn(move || match gethostbyname(&name) {
            Ok(address) => {
                println!("{name} = {address}");
                found.set(found.get() + 1);
            }
            Err(error) => println!("{name} failed: {error}"),
        })?;
    }
    pool.join()?;
    println!("found {} of {count} names in {:.2?}", found.get(), start.elapsed());
    Ok(())
}
