//! hyper talks to itself over two streams that carry bytes between them, whatever they are made of.

use std::convert::Infallible;

use bytes::Bytes;
use gevent::future::{Async, HubExecutor, HubTimer, PollRead, PollWrite, block_on, spawn_local};
use gevent::{Exception, sleep};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, client, server};

/// Answers with the body that came, after the greenlet has slept.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Exception> {
    let body = request.into_body().collect().await.map_err(Exception::new)?.to_bytes();
    sleep(0.001)?;
    Ok(Response::new(Full::new(body)))
}

fn request(body: &[u8]) -> Request<Full<Bytes>> {
    let request = Request::post("http://localhost/").body(Full::from(body.to_vec()));
    request.expect("it is a request")
}

fn bodies() -> [Vec<u8>; 4] {
    // Nothing, little, as much as a buffer has place for, and more than any pipe has.
    [0, 5, 8192, 200_000].map(|len| (0..len).map(|i| (i * 31 % 251) as u8).collect())
}

/// One request after the other. Both ends end when the client does.
pub(crate) fn http1<A, B>(server: A, client: B) -> Result<(), Exception>
where
    A: PollRead + PollWrite + Unpin + 'static,
    B: PollRead + PollWrite + Unpin + 'static,
{
    let serving = spawn_local(async {
        let mut builder = server::conn::http1::Builder::new();
        let connection = builder
            .timer(HubTimer)
            .serve_connection(Async::new(server), service_fn(answer));
        connection.await.map_err(Exception::new)
    });
    let (mut sender, connection) =
        block_on(client::conn::http1::handshake(Async::new(client)))?.map_err(Exception::new)?;
    let connection = spawn_local(async { connection.await.map_err(Exception::new) });
    block_on(async {
        for body in bodies() {
            sender.ready().await?;
            let response = sender.send_request(request(&body)).await?;
            assert!(response.into_body().collect().await?.to_bytes() == body);
        }
        Ok::<_, hyper::Error>(())
    })?
    .map_err(Exception::new)?;
    drop(sender);
    connection.get()?;
    serving.get()
}

/// Many requests at once.
pub(crate) fn http2<A, B>(server: A, client: B) -> Result<(), Exception>
where
    A: PollRead + PollWrite + Unpin + 'static,
    B: PollRead + PollWrite + Unpin + 'static,
{
    let serving = spawn_local(async {
        let service = service_fn(|request| async { Ok::<_, Infallible>(answer(request).await.expect("it answers")) });
        let builder = server::conn::http2::Builder::new(HubExecutor);
        // What it says last may find nobody who reads it, which is an error.
        drop(builder.serve_connection(Async::new(server), service).await);
    });
    let handshake = client::conn::http2::handshake(HubExecutor, Async::new(client));
    let (sender, connection) = block_on(handshake)?.map_err(Exception::new)?;
    let connection = spawn_local(async { connection.await.map_err(Exception::new) });
    let asking: Vec<_> = bodies()
        .into_iter()
        .cycle()
        .take(8)
        .map(|body| {
            let mut sender = sender.clone();
            spawn_local(async move {
                sender.ready().await.map_err(Exception::new)?;
                let response = sender.send_request(request(&body)).await.map_err(Exception::new)?;
                let answer = response.into_body().collect().await.map_err(Exception::new)?;
                assert!(answer.to_bytes() == body);
                Ok::<_, Exception>(())
            })
        })
        .collect();
    for asking in asking {
        asking.get()?;
    }
    drop(sender);
    connection.get()?;
    serving.get()
}
