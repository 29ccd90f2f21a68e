//! The crate `ureq` on our sockets and our TLS, as the example `ureq_client` has it.

#[path = "../support/mod.rs"]
mod support;
#[path = "../../examples/ureq_client.rs"]
#[allow(dead_code, reason = "an example, whose main function is not used here")]
mod ureq_client;

use std::cell::Cell;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use gevent::event::Event;
use gevent::pool::Pool;
use gevent::server::StreamServer;
use gevent::socket::TcpStream;
use gevent::ssl::{Protocol, SSLCertVerificationError, SSLContext, SslStream};
use gevent::{Exception, GreenletExit, joinall, kill, sleep, spawn};
use gevent_tls_tests::{client, server};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use ureq::config::Config;
use ureq::{Agent, Error};

use support::{TestResult, bounded};

/// How many requests are there at once.
const MANY: usize = 500;

/// A server that answers the paths of requests.
struct Answering {
    server: StreamServer,
    base: String,
    accepted: Rc<Cell<usize>>,
    /// Set when [`MANY`] requests wait for it.
    all_are_here: Event,
}

/// Answers with the path; `/together` when many are waiting, `/never` never, and `/moved` by sending elsewhere.
fn answer(stream: impl Read + Write, all_are_here: &Event, waiting: &Cell<usize>) -> TestResult {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut head, mut path) = (String::new(), String::new());
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
            if path.is_empty() {
                path = head.split(' ').nth(1).expect("a request").to_owned();
            }
        }
        match &*path {
            "/together" => {
                waiting.set(waiting.get() + 1);
                if waiting.get() == MANY {
                    waiting.set(0);
                    all_are_here.set();
                }
                all_are_here.wait()?;
            }
            "/never" => sleep(support::LONG)?,
            _ => {}
        }
        let answer = match &*path {
            "/moved" => "HTTP/1.1 302 Found\r\nLocation: /here\r\nContent-Length: 0\r\n\r\n".to_owned(),
            _ => format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}", path.len()),
        };
        reader.get_mut().write_all(answer.as_bytes())?;
    }
}

fn answering(with_tls: bool) -> Result<Answering, Exception> {
    let (accepted, all_are_here) = (Rc::new(Cell::new(0)), Event::new());
    let (count, event, waiting) = (accepted.clone(), all_are_here.clone(), Cell::new(0));
    let builder = StreamServer::builder().spawn(Pool::new(2 * MANY));
    let server = match with_tls {
        true => {
            let handle = move |stream: SslStream, _: SocketAddr| {
                count.set(count.get() + 1);
                answer(stream, &event, &waiting)
            };
            builder.build("127.0.0.1:0", server()?.wrap_socket_and_handle(handle))
        }
        false => builder.build("127.0.0.1:0", move |stream: TcpStream, _: SocketAddr| {
            count.set(count.get() + 1);
            answer(stream, &event, &waiting)
        }),
    };
    server.start()?;
    let port = server.server_port().expect("it is one of the network");
    let scheme = if with_tls { "https" } else { "http" };
    Ok(Answering {
        server,
        base: format!("{scheme}://localhost:{port}"),
        accepted,
        all_are_here,
    })
}

fn agent() -> Result<Agent, Exception> {
    let config = Config::builder()
        .max_idle_connections(MANY)
        .max_idle_connections_per_host(MANY);
    Ok(ureq_client::agent(config.proxy(None).build(), client()?))
}

/// Raises this process's limit of open files as far as it may.
fn raise_fd_limit() -> TestResult {
    let limit = getrlimit(Resource::Nofile);
    let current = limit.maximum;
    setrlimit(Resource::Nofile, Rlimit { current, ..limit }).map_err(std::io::Error::from)?;
    Ok(())
}

fn ask(agent: &Agent, url: &str) -> Result<String, Error> {
    agent.get(url).call()?.body_mut().read_to_string()
}

#[test]
fn five_hundred_requests_at_once_and_again_on_the_same_connections() -> TestResult {
    let _bounded = bounded();
    raise_fd_limit()?;
    for with_tls in [false, true] {
        let answering = answering(with_tls)?;
        let agent = agent()?;
        for _ in 0..2 {
            answering.all_are_here.clear();
            let requests: Vec<_> = (0..MANY)
                .map(|_| {
                    let (agent, url) = (agent.clone(), format!("{}/together", answering.base));
                    spawn(move || Ok(ask(&agent, &url)?))
                })
                .collect();
            joinall(&requests)?;
            for request in &requests {
                assert_eq!(request.get()?, "/together");
            }
            assert_eq!(answering.accepted.get(), MANY);
        }
        answering.server.stop()?;
    }
    Ok(())
}

#[test]
fn redirects_and_the_pool() -> TestResult {
    let _bounded = bounded();
    for with_tls in [false, true] {
        let answering = answering(with_tls)?;
        let agent = agent()?;
        for _ in 0..3 {
            assert_eq!(ask(&agent, &format!("{}/moved", answering.base))?, "/here");
        }
        assert_eq!(answering.accepted.get(), 1);
        answering.server.stop()?;
    }
    Ok(())
}

#[test]
fn a_connection_that_the_server_has_closed_is_not_used_again() -> TestResult {
    let _bounded = bounded();
    for with_tls in [false, true] {
        let first = answering(with_tls)?;
        let agent = agent()?;
        assert_eq!(ask(&agent, &format!("{}/a", first.base))?, "/a");
        let again = first.server.address().expect("it listens");
        // The handlers are killed, which closes their connections.
        first.server.stop_timeout(0)?;
        let second = StreamServer::new(again, |_: TcpStream, _: SocketAddr| ());
        second.start()?;
        // It connects anew, to the second server, which answers nothing.
        ask(&agent, &format!("{}/b", first.base)).unwrap_err();
        second.stop()?;
    }
    Ok(())
}

#[test]
fn timeouts_kills_and_wrong_certificates() -> TestResult {
    let _bounded = bounded();
    let answering = answering(true)?;
    let url = format!("{}/never", answering.base);
    let config = Config::builder()
        .proxy(None)
        .timeout_recv_response(Some(Duration::from_millis(10)));
    let impatient = ureq_client::agent(config.build(), client()?);
    assert!(matches!(
        ask(&impatient, &url),
        Err(Error::Timeout(ureq::Timeout::RecvResponse))
    ));
    // The whole time, used up while connecting to a server that does no handshake.
    let silent = gevent::socket::TcpListener::bind("127.0.0.1:0")?;
    let port = silent.local_addr()?.port();
    let config = Config::builder()
        .proxy(None)
        .timeout_global(Some(Duration::from_millis(10)));
    let impatient = ureq_client::agent(config.build(), client()?);
    let over = ask(&impatient, &format!("https://localhost:{port}/"));
    assert!(matches!(over, Err(Error::Timeout(ureq::Timeout::Global))), "{over:?}");
    let agent = agent()?;
    let asking = spawn({
        let (agent, url) = (agent.clone(), url.clone());
        move || ask(&agent, &url).map_err(ureq_client::exception)
    });
    sleep(0.01)?;
    kill(&asking, GreenletExit)?;
    assert!(asking.get().unwrap_err().is::<GreenletExit>());
    let trusts_nobody = ureq_client::agent(
        Config::builder().proxy(None).build(),
        SSLContext::new(Protocol::TlsClient),
    );
    let error = ureq_client::exception(ask(&trusts_nobody, &url).unwrap_err());
    assert!(error.is::<SSLCertVerificationError>(), "{error:?}");
    answering.server.stop()
}
