//! reqwest, with a real nginx, and with our own server in the same thread.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;

use gevent::future::{InTokio, TokioRuntime, block_on};
use gevent::pywsgi::{Body, ResponseWriter, WSGIServer};
use gevent::{Timeout, joinall, spawn};
use http::Request;
use reqwest::Client;
use tokio::runtime::Handle;

use crate::actors::leaves_nothing;
use crate::common::folder::Folder;
use crate::common::installed::installed;
use crate::common::process::Process;
use crate::common::redis::loopback_address;
use crate::common::{Result, SOON, eventually};
use crate::support::TestResult;
use crate::{GREENLETS, told};

/// How long the file is that nginx sends: more than sockets and channels keep.
const LEN: usize = 3_000_000;

/// An nginx with two files: `who`, which names its folder, and `large`.
struct Nginx {
    address: SocketAddr,
    _process: Process,
    _folder: Folder,
}

impl Nginx {
    fn start() -> Result<Nginx> {
        // Another program may take the port before it does. It ends then, and another port is tried.
        (0..5)
            .find_map(|_| Nginx::try_start().transpose())
            .ok_or("nginx does not stay up")?
    }

    fn try_start() -> Result<Option<Nginx>> {
        let folder = Folder::new()?;
        let (address, name) = (
            TcpListener::bind((loopback_address(), 0))?.local_addr()?,
            folder.path(""),
        );
        fs::write(folder.path("who"), name.as_os_str().as_encoded_bytes())?;
        fs::write(folder.path("large"), (0..LEN).map(byte).collect::<Vec<_>>())?;
        let name = name.display();
        let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|of| format!("{of}_temp_path {name}{of};"))
            .concat();
        let config = format!(
            "daemon off; pid {name}pid; error_log stderr; events {{ worker_connections 500; }}
            http {{ access_log off; {paths} server {{ listen {address}; root {name}; }} }}"
        );
        fs::write(folder.path("config"), config)?;
        let mut command = Command::new("nginx");
        command.arg("-e").arg("stderr").arg("-c").arg(folder.path("config"));
        let mut process = Process::spawn(&mut command)?;
        let up = eventually("nginx", SOON, || {
            let ended = process.has_ended()?;
            let who = ask(address, "/who").unwrap_or_default();
            let is_ours = who.ends_with(&name.to_string());
            Ok((ended || is_ours).then_some(!ended))
        })?;
        Ok(up.then_some(Nginx {
            address,
            _process: process,
            _folder: folder,
        }))
    }
}

fn byte(i: usize) -> u8 {
    (i.wrapping_mul(0x9e37_79b9) >> 13) as u8
}

fn ask(address: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(SOON))?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Runs a test with nginx, if it is installed, and a runtime.
fn with_nginx(test: impl FnOnce(SocketAddr, &Handle) -> TestResult) -> TestResult {
    if !installed(&["nginx"], "nginx") {
        return Ok(());
    }
    let nginx = told(Nginx::start())?;
    let runtime = TokioRuntime::new()?;
    leaves_nothing(|| test(nginx.address, runtime.handle()))
}

/// A client without a proxy, whatever the environment says.
fn client() -> reqwest::Result<Client> {
    Client::builder().no_proxy().build()
}

/// Each greenlet gets a large file, piece by piece; they share a client, which keeps connections.
#[test]
fn greenlets_get_files() -> TestResult {
    with_nginx(|address, handle| {
        let client = client()?;
        let greenlets: Vec<_> = (0..GREENLETS)
            .map(|i| {
                let (client, handle) = (client.clone(), handle.clone());
                spawn(move || -> TestResult {
                    if i % 10 > 0 {
                        let missing = async { client.get(format!("http://{address}/{i}")).send().await?.text().await };
                        assert!(block_on(InTokio::new(&handle, missing))??.contains("404"));
                        return Ok(());
                    }
                    let get = client.get(format!("http://{address}/large"));
                    let mut response = block_on(InTokio::new(&handle, get.send()))??;
                    assert_eq!(response.status(), 200);
                    let mut len = 0;
                    while let Some(piece) = block_on(InTokio::new(&handle, response.chunk()))?? {
                        assert!(piece.iter().copied().eq((len..len + piece.len()).map(byte)));
                        len += piece.len();
                    }
                    assert_eq!(len, LEN);
                    Ok(())
                })
            })
            .collect();
        joinall(&greenlets)?;
        greenlets.iter().try_for_each(|greenlet| greenlet.get())
    })
}

/// A response that is dropped in its middle is no harm for the next ones.
#[test]
fn responses_are_given_up() -> TestResult {
    with_nginx(|address, handle| {
        let client = client()?;
        for round in 0..20 {
            let get = client.get(format!("http://{address}/large"));
            let mut response = block_on(InTokio::new(handle, get.send()))??;
            let mut len = 0;
            while len < round * 50_000 {
                let piece = block_on(InTokio::new(handle, response.chunk()))??;
                len += piece.expect("it is longer").len();
            }
        }
        let who = async { client.get(format!("http://{address}/who")).send().await?.text().await };
        assert!(block_on(InTokio::new(handle, who))??.contains("gevent-"));
        Ok(())
    })
}

/// Server and clients are greenlets of one thread; the sockets of the clients are tokio's, those of the server ours.
#[test]
fn greenlets_ask_greenlets() -> TestResult {
    let runtime = TokioRuntime::new()?;
    leaves_nothing(|| {
        let application = |request: &mut Request<Body>, response: &mut ResponseWriter| {
            // It waits, as handlers may.
            gevent::sleep(0.001)?;
            response.send(request.uri().path())
        };
        let server = WSGIServer::builder().log(None).build(("127.0.0.1", 0), application);
        server.start()?;
        let (address, client) = (server.address().expect("it was started"), client()?);
        let greenlets: Vec<_> = (0..GREENLETS)
            .map(|i| {
                let (client, handle) = (client.clone(), runtime.handle().clone());
                spawn(move || -> TestResult {
                    for round in 0..5 {
                        let path = format!("/{i}/{round}");
                        let asked = async { client.get(format!("http://{address}{path}")).send().await?.text().await };
                        assert_eq!(block_on(InTokio::new(&handle, asked))??, path);
                    }
                    Ok(())
                })
            })
            .collect();
        joinall(&greenlets)?;
        greenlets.iter().try_for_each(|greenlet| greenlet.get())?;
        drop(client);
        server.stop()
    })
}

/// A timeout of gevent ends a request that is never answered.
#[test]
fn a_timeout_ends_a_request() -> TestResult {
    let runtime = TokioRuntime::new()?;
    leaves_nothing(|| {
        let silent = TcpListener::bind(("127.0.0.1", 0))?;
        let get = client()?.get(format!("http://{}/", silent.local_addr()?));
        let timed = Timeout::start_new(0.01);
        let error = block_on(InTokio::new(runtime.handle(), get.send()));
        assert!(timed.threw(&error.expect_err("nobody answers")));
        Ok(())
    })
}
