//! Another application, also for connections that are open; the requests that are under way keep theirs.

use gevent::event::Event;
use gevent::pywsgi::{Body, ResponseWriter};
use gevent::socket::TcpStream;
use gevent::{Exception, spawn};
use http::Request;

use super::common::TestResult;
use super::common_wsgi::{connect, exchange, serve};

fn answering(
    name: &'static str,
    begun: &Event,
    go_on: &Event,
) -> impl Fn(&mut Request<Body>, &mut ResponseWriter) -> TestResult + use<> {
    let (begun, go_on) = (begun.clone(), go_on.clone());
    move |request, response| {
        if request.uri().path() == "/wait" {
            begun.set();
            go_on.wait()?;
        }
        let text = format!("{name}, {}", request.uri().path());
        response.header("Content-Length", text.len().to_string())?.send(text)
    }
}

fn ask(client: &mut TcpStream, path: &str) -> Result<String, Exception> {
    exchange(client, &format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
}

pub(crate) fn main() -> TestResult {
    let (begun, go_on) = (Event::new(), Event::new());
    let server = serve(answering("the first", &begun, &go_on))?;
    let (mut old, mut waiting) = (connect(&server)?, connect(&server)?);
    println!("{}", ask(&mut old, "/")?);
    let mut its = waiting.clone();
    let asking = spawn(move || ask(&mut its, "/wait"));
    begun.wait()?;
    server.set_application(answering("the second", &begun, &go_on));
    println!("{}", ask(&mut old, "/")?);
    println!("{}", ask(&mut connect(&server)?, "/")?);
    go_on.set();
    println!("{}", asking.get()?);
    println!("{}", ask(&mut waiting, "/")?);
    server.stop()
}
