//! `tiny_http`: a server whose handlers take their time. Its own threads wait for connections, and read requests.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tiny_http::{Response, Server};

use crate::{Case, Result, SOON, Started, equal};

struct TinyHttp {
    server: Server,
    address: SocketAddr,
}

pub(super) fn start() -> Result<Option<Started>> {
    Started::new(TinyHttp::new()?, ())
}

impl TinyHttp {
    fn new() -> Result<TinyHttp> {
        let server = Server::http("127.0.0.1:0").map_err(|error| error.to_string())?;
        let address = server.server_addr().to_ip().ok_or("it has an address")?;
        Ok(TinyHttp { server, address })
    }
}

impl Case for TinyHttp {
    fn run(&self, i: usize, wait: Duration) -> Result {
        let address = self.address;
        let client = thread::spawn(move || ask(address, i).map_err(|error| error.to_string()));
        // It may be the request of another client, who gets an answer from another handler.
        let request = self.server.recv_timeout(SOON)?.ok_or("nobody asks")?;
        thread::sleep(wait);
        let answer = format!("answer to {}", request.url());
        request.respond(Response::from_string(answer))?;
        Ok(client.join().expect("it does not panic")?)
    }

    fn with_threads_made_here(&self) -> Result<Option<Arc<dyn Case>>> {
        Ok(Some(Arc::new(TinyHttp::new()?)))
    }
}

fn ask(address: SocketAddr, i: usize) -> Result {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET /{i} HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").ok_or_else(|| format!("{answer:?}"))?.1;
    equal(body, &format!("answer to /{i}"))
}
