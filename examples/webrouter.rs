//! A web server whose handlers are found by the crate `matchit`: notes that can be written, read, listed and deleted.
//!
//! ```sh
//! cargo run --features pywsgi --example webrouter
//! ```
//!
//! ```sh
//! curl --data 'buy milk' http://127.0.0.1:8089/notes/today
//! curl http://127.0.0.1:8089/notes/today
//! curl http://127.0.0.1:8089/notes
//! curl --request DELETE http://127.0.0.1:8089/notes/today
//! ```
//!
//! Ctrl-C stops the server: it answers the requests that it has, and ends.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Read;

use gevent::Exception;
use gevent::pywsgi::{Body, Limits, ResponseWriter, WSGIServer};
use http::{Method, Request};
use matchit::{Params, Router};

/// All greenlets run in one thread, so a `RefCell` is enough. No borrow is held while a handler waits.
type Notes = RefCell<BTreeMap<String, String>>;

type Handler = fn(&Notes, &Params, &mut Request<Body>, &mut ResponseWriter) -> Result<(), Exception>;

fn list(notes: &Notes, _: &Params, _: &mut Request<Body>, response: &mut ResponseWriter) -> Result<(), Exception> {
    let names: String = notes.borrow().keys().map(|name| format!("{name}\n")).collect();
    response.header("Content-Type", "text/plain")?.send(names)
}

fn note(
    notes: &Notes,
    params: &Params,
    request: &mut Request<Body>,
    response: &mut ResponseWriter,
) -> Result<(), Exception> {
    let name = params.get("name").unwrap_or_default();
    match *request.method() {
        Method::GET | Method::HEAD => {
            let text = notes.borrow().get(name).cloned();
            match text {
                Some(text) => response.header("Content-Type", "text/plain; charset=utf-8")?.send(text),
                None => response.status(404)?.send("no such note\n"),
            }
        }
        Method::POST | Method::PUT => {
            let mut text = String::new();
            request.body_mut().read_to_string(&mut text)?;
            let is_new = notes.borrow_mut().insert(name.to_owned(), text).is_none();
            response.status(if is_new { 201 } else { 200 })?.send("written\n")
        }
        Method::DELETE => {
            let was_there = notes.borrow_mut().remove(name).is_some();
            response.status(if was_there { 204 } else { 404 }).map(drop)
        }
        _ => response
            .status(405)?
            .header("Allow", "GET, HEAD, POST, PUT, DELETE")
            .map(drop),
    }
}

fn main() -> Result<(), Exception> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8089".to_owned());
    let mut routes: Router<Handler> = Router::new();
    for (path, handler) in [("/notes", list as Handler), ("/notes/{name}", note)] {
        routes.insert(path, handler)?;
    }
    let notes = Notes::default();
    let limits = Limits {
        body: 1 << 20,
        ..Limits::default()
    };
    let server = WSGIServer::builder().limits(limits).stop_timeout(10);
    let server = server.build(address, move |request, response| {
        let path = request.uri().path().to_owned();
        match routes.at(&path) {
            Ok(found) => (found.value)(&notes, &found.params, request, response),
            Err(_) => response.status(404)?.send("not found\n"),
        }
    });
    server.start()?;
    println!("Serving on {}", server.address().expect("it was started"));
    let its = server.clone();
    let _stops = gevent::signal_handler(libc::SIGINT, move || its.close())?;
    server.serve_forever()
}
