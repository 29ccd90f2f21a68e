//! What a server tells of itself before it is started, while it runs, and after it is stopped.

use gevent::pool::Pool;
use gevent::server::StreamServer;
use gevent::sleep;
use gevent::socket::TcpListener;

use super::common::{TestResult, show as or_none};

fn port(number: Option<u16>) -> &'static str {
    match number {
        None => "none",
        Some(0) => "zero",
        Some(_) => "some",
    }
}

fn show(label: &str, server: &StreamServer) {
    println!(
        "{label}: started: {}, closed: {}, full: {}, pool: {}, at {}, port: {}",
        server.started(),
        server.closed(),
        server.full(),
        server.pool().is_some(),
        or_none(server.server_host()),
        port(server.server_port())
    );
}

pub(crate) fn main() -> TestResult {
    let server = StreamServer::new("127.0.0.1:0", |_, _| ());
    show("new", &server);
    server.start()?;
    show("started", &server);
    let before = server.server_port();
    server.stop()?;
    show("stopped", &server);
    println!("the same port: {}", server.server_port() == before);

    let server = StreamServer::builder().spawn(1).build("127.0.0.1:1234", |_, _| ());
    show("limited", &server);
    println!("{}", or_none(server.server_port()));
    let pool = server.pool().expect("it has one");
    pool.spawn(|| sleep(0))?;
    show("limited and full", &server);
    pool.join()?;
    show("limited", &server);
    let shared = Pool::new(2);
    let server = StreamServer::builder().spawn(&shared).build("127.0.0.1:0", |_, _| ());
    println!("its pool is the given one: {}", server.pool() == Some(shared));

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let server = StreamServer::builder().build_on(listener, |_, _| ());
    show("with a listener", &server);
    server.start()?;
    show("started", &server);
    server.stop()?;
    show("stopped", &server);

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let server = StreamServer::builder().build_on(listener.clone(), |_, _| ());
    server.close();
    show("closed before the start", &server);
    println!("the listener is closed: {}", listener.local_addr().is_err());
    Ok(())
}
