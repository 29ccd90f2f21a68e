//! Clients whose handlers wait do not keep others from theirs, and answers come when their handlers end.

use std::collections::BTreeMap;

use gevent::event::Event;
use gevent::pywsgi::{Body, ResponseWriter};
use gevent::socket::TcpStream;
use gevent::spawn;
use http::Request;

use super::common::TestResult;
use super::common_wsgi::{connect, exchange, serve};

fn application(
    events: &BTreeMap<&str, Event>,
    request: &mut Request<Body>,
    response: &mut ResponseWriter,
) -> TestResult {
    let path = request.uri().path();
    println!("{path} begins");
    if let Some(event) = events.get(path) {
        event.wait()?;
    }
    println!("{path} ends");
    response.header("Content-Length", "2")?.send(path)
}

fn ask(name: &str, client: &mut TcpStream, path: &str) -> TestResult {
    let body = exchange(client, &format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"))?;
    println!("{name} has {body}");
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let events: BTreeMap<_, _> = ["/a", "/b", "/c"]
        .into_iter()
        .map(|path| (path, Event::new()))
        .collect();
    let its = events.clone();
    let server = serve(move |request, response| application(&its, request, response))?;
    let mut idle = connect(&server)?;
    let mut asking = BTreeMap::new();
    for path in events.keys().copied() {
        let mut client = connect(&server)?;
        let name = format!("client {}", &path[1..]);
        asking.insert(path, spawn(move || ask(&name, &mut client, path)));
        ask("another one", &mut connect(&server)?, "/d")?;
    }
    for path in ["/c", "/a", "/b"] {
        events[path].set();
        asking[path].join()?;
        ask("the idle one", &mut idle, "/d")?;
    }
    server.stop()
}
