//! The crate `redis`, with a real Redis.

use futures::StreamExt;
use gevent::future::{InTokio, TokioRuntime, block_on, spawn_local};
use gevent::{Exception, GreenletExit, joinall, spawn};
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, AsyncConnectionConfig, Client, RedisError};
use tokio::runtime::Handle;

use crate::actors::{leaves_nothing, turns};
use crate::common::redis::{Server, installed};
use crate::support::TestResult;
use crate::{GREENLETS, told};

/// Runs a test with a server and a runtime, if the server is installed.
fn with_server(test: impl FnOnce(&Client, &Handle) -> TestResult) -> TestResult {
    if !installed() {
        return Ok(());
    }
    let server = told(Server::start())?;
    let client = Client::open(format!("redis://{}", server.address))?;
    let runtime = TokioRuntime::new()?;
    leaves_nothing(|| test(&client, runtime.handle()))
}

/// Connects without limits of time, as machines are slow sometimes.
fn connect(client: &Client, handle: &Handle) -> Result<MultiplexedConnection, Exception> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None);
    let connection = client.get_multiplexed_async_connection_with_config(&config);
    Ok(block_on(InTokio::new(handle, connection))??)
}

/// The connection is a task of the runtime, and each greenlet has a handle of it.
#[test]
fn greenlets_share_a_connection() -> TestResult {
    with_server(|client, handle| {
        let mut connection = connect(client, handle)?;
        let greenlets: Vec<_> = (0..GREENLETS)
            .map(|i| {
                let (mut connection, handle) = (connection.clone(), handle.clone());
                spawn(move || -> TestResult {
                    let key = format!("key {i}");
                    let got: Result<Vec<String>, RedisError> = block_on(InTokio::new(&handle, async {
                        let mut got = Vec::new();
                        for round in 0..10 {
                            let _: () = connection.set(&key, format!("{i} {round}")).await?;
                            got.push(connection.get(&key).await?);
                            let _: i64 = connection.incr("counter", 1).await?;
                        }
                        Ok(got)
                    }))?;
                    assert!(got?.into_iter().eq((0..10).map(|round| format!("{i} {round}"))));
                    let pair: Result<(i64, Vec<String>), _> = block_on(InTokio::new(&handle, async {
                        let list = format!("list {i}");
                        let mut pipe = redis::pipe();
                        pipe.atomic().rpush(&list, &["a", "b"]).lrange(&list, 0, -1);
                        pipe.query_async(&mut connection).await
                    }))?;
                    assert_eq!(pair?, (2, vec!["a".to_owned(), "b".to_owned()]));
                    Ok(())
                })
            })
            .collect();
        joinall(&greenlets)?;
        greenlets.iter().try_for_each(|greenlet| greenlet.get())?;
        let counted: i64 = block_on(InTokio::new(handle, connection.get("counter")))??;
        assert_eq!(counted, 10 * GREENLETS as i64);
        Ok(())
    })
}

/// Half of the connections wait for what the others push; each value arrives once.
#[test]
fn greenlets_have_a_connection_each() -> TestResult {
    with_server(|client, handle| {
        let greenlets: Vec<_> = (0..GREENLETS)
            .map(|i| {
                let (client, handle) = (client.clone(), handle.clone());
                spawn(move || -> Result<usize, Exception> {
                    let mut connection = connect(&client, &handle)?;
                    match i % 2 {
                        0 => {
                            let popped = connection.blpop::<_, (String, usize)>("list", 0.0);
                            Ok(block_on(InTokio::new(&handle, popped))??.1)
                        }
                        _ => Ok(
                            block_on(InTokio::new(&handle, connection.rpush::<_, _, usize>("list", i)))?.map(|_| 0)?,
                        ),
                    }
                })
            })
            .collect();
        joinall(&greenlets)?;
        let mut popped = greenlets
            .iter()
            .step_by(2)
            .map(|greenlet| greenlet.get())
            .collect::<Result<Vec<_>, _>>()?;
        popped.sort_unstable();
        assert!(popped.into_iter().eq((0..GREENLETS).filter(|i| i % 2 == 1)));
        Ok(())
    })
}

/// What is published arrives in each greenlet that has subscribed, in order.
#[test]
fn greenlets_subscribe() -> TestResult {
    with_server(|client, handle| {
        let mut publisher = connect(client, handle)?;
        let subscribed: Vec<_> = (0..10)
            .map(|_| {
                let mut subscriber = block_on(InTokio::new(handle, client.get_async_pubsub()))??;
                block_on(InTokio::new(handle, subscriber.subscribe("news")))??;
                let handle = handle.clone();
                Ok(spawn_local(async move {
                    let messages = async {
                        let messages = subscriber.on_message().take(50);
                        messages
                            .map(|message| message.get_payload::<usize>())
                            .collect::<Vec<_>>()
                            .await
                    };
                    Ok(InTokio::new(&handle, messages)
                        .await
                        .into_iter()
                        .collect::<Result<Vec<_>, _>>()?)
                }))
            })
            .collect::<Result<_, Exception>>()?;
        for message in 0..50 {
            let receivers: usize = block_on(InTokio::new(handle, publisher.publish("news", message)))??;
            assert_eq!(receivers, subscribed.len());
        }
        for greenlet in &subscribed {
            assert_eq!(greenlet.get()?, (0..50).collect::<Vec<_>>());
        }
        Ok(())
    })
}

/// A greenlet that is killed while it waits for an answer gets none, and the others get their own.
#[test]
fn a_killed_greenlet_leaves_the_connection_in_order() -> TestResult {
    with_server(|client, handle| {
        let mut connection = connect(client, handle)?;
        for round in 0..50_usize {
            let (mut its, to) = (connection.clone(), handle.clone());
            let waiting = spawn(move || {
                block_on(InTokio::new(&to, its.incr::<_, _, usize>("killed", 1)))?.map_err(Exception::new)
            });
            turns(round % 3)?;
            waiting.kill()?;
            // It may have been answered before.
            assert!(waiting.get().is_err_and(|error| error.is::<GreenletExit>()) || waiting.successful());
            let key = format!("{round}");
            let set: () = block_on(InTokio::new(handle, connection.set(&key, round)))??;
            let got: usize = block_on(InTokio::new(handle, connection.get(&key)))??;
            assert_eq!(((), got), (set, round));
        }
        // An error is what it was.
        let error = block_on(InTokio::new(handle, connection.lpop::<_, String>("1", None)))?.unwrap_err();
        let error = Exception::new(error);
        assert!(
            error
                .downcast_ref::<RedisError>()
                .is_some_and(|error| error.code() == Some("WRONGTYPE"))
        );
        Ok(())
    })
}
