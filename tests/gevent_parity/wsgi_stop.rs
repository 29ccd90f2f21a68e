//! A server that is stopped gives its handlers time to answer, and kills those that do not.

use std::io::Write;

use gevent::event::Event;
use gevent::pywsgi::{Body, ResponseWriter, WSGIServer};
use gevent::socket::TcpStream;
use gevent::{Exception, sleep, spawn};
use http::Request;

use super::common::{TestResult, name, report_errors};
use super::common_wsgi::{connect, everything, quiet, show, started};

fn application(begun: &Event, go_on: &Event, request: &mut Request<Body>, response: &mut ResponseWriter) -> TestResult {
    begun.set();
    let is_part = request.uri().path() == "/part";
    let mut wait = || -> TestResult {
        if is_part {
            response.header("Content-Length", "9")?.write_all(b"part,")?;
        }
        go_on.wait()?;
        println!("handler: answers");
        Ok(())
    };
    wait().inspect_err(|error| println!("handler: {}", name(error)))?;
    if !is_part {
        response.header("Content-Length", "4")?;
    }
    response.send("late")
}

fn ask(path: &str, begun: &Event, go_on: &Event) -> Result<(WSGIServer, TcpStream), Exception> {
    begun.clear();
    go_on.clear();
    let its = (begun.clone(), go_on.clone());
    let server = quiet().spawn(10).build("127.0.0.1:0", move |request, response| {
        application(&its.0, &its.1, request, response)
    });
    let server = started(server)?;
    let mut client = connect(&server)?;
    client.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())?;
    begun.wait()?;
    Ok((server, client))
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let (begun, go_on) = (Event::new(), Event::new());

    for path in ["/", "/part"] {
        println!("{path}, in time:");
        let (server, mut client) = ask(path, &begun, &go_on)?;
        let its = server.clone();
        let stopping = spawn(move || its.stop_timeout(100));
        sleep(0)?;
        println!("started: {}, stopped: {}", server.started(), stopping.ready());
        go_on.set();
        stopping.get()?;
        show(&everything(&mut client)?);

        println!("{path}, too late:");
        let (server, mut client) = ask(path, &begun, &go_on)?;
        server.stop_timeout(0.01)?;
        let in_pool = server.pool().expect("it has one").len();
        println!("started: {}, in the pool: {in_pool}", server.started());
        show(&everything(&mut client)?);
    }
    Ok(())
}
