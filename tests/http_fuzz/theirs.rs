//! hyper, on a connection that is memory. Nothing has to be waited for, so it needs no runtime.

use std::cell::RefCell;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::rt::ReadBufCursor;
use hyper::server::conn::http1;
use hyper::service::service_fn;

use crate::verdict::{Seen, Verdict};

/// A client that has sent the input, and its end.
struct Client<'a> {
    input: &'a [u8],
    output: Rc<RefCell<Vec<u8>>>,
}

impl hyper::rt::Read for Client<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let (now, later) = self.input.split_at(self.input.len().min(buf.remaining()));
        buf.put_slice(now);
        self.input = later;
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Write for Client<'_> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.output.borrow_mut().extend_from_slice(data);
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What hyper makes of the input.
pub fn serve(input: &[u8]) -> Verdict {
    let output = Rc::<RefCell<Vec<u8>>>::default();
    let seen = RefCell::new(Vec::new());
    let broken = RefCell::new(None);
    let client = Client {
        input,
        output: output.clone(),
    };
    let handler = async |request: Request<Incoming>| {
        let (head, body) = request.into_parts();
        let body = match body.collect().await {
            Ok(body) => body,
            Err(error) => {
                let why = std::error::Error::source(&error).map_or(error.to_string(), ToString::to_string);
                *broken.borrow_mut() = Some(format!("body: {why}"));
                return Err(error);
            }
        };
        let mut response = Response::new(Full::<Bytes>::from("hello"));
        if head.method == Method::CONNECT {
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        }
        let trailers = body.trailers().cloned();
        seen.borrow_mut().push(Seen {
            method: head.method,
            target: head.uri.to_string(),
            version: head.version,
            headers: head.headers,
            body: body.to_bytes().to_vec(),
            trailers,
        });
        Ok(response)
    };
    let mut connection = pin!(
        http1::Builder::new()
            .half_close(true)
            .serve_connection(client, service_fn(handler))
    );
    let mut context = Context::from_waker(Waker::noop());
    let ended = (0..100_000).find_map(|_| match connection.as_mut().poll(&mut context) {
        Poll::Ready(ended) => Some(ended),
        Poll::Pending => None,
    });
    let refused = match ended.expect("hyper waits for what never comes") {
        Ok(()) => None,
        Err(_) if broken.borrow().is_some() => broken.take(),
        Err(error) if error.is_incomplete_message() => None,
        Err(error) => Some(error.to_string()),
    };
    Verdict::of(seen.take(), refused, &output.borrow())
}
