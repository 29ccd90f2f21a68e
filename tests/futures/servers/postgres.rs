//! tokio-postgres, with a real PostgreSQL.

use std::rc::Rc;

use futures::future::join;
use gevent::event::Event;
use gevent::future::{InTokio, TokioRuntime, block_on, join_all, spawn_local};
use gevent::{Exception, Greenlet, GreenletExit, joinall, spawn};
use tokio::runtime::Handle;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

use crate::actors::{leaves_nothing, turns};
use crate::common::postgres::{Server, programs};
use crate::common::redis::loopback_address;
use crate::support::TestResult;
use crate::{GREENLETS, told};

/// Runs a test with a server and a runtime, if the server is installed.
fn with_server(test: impl FnOnce(&Config, &Handle) -> TestResult) -> TestResult {
    let Some(programs) = programs() else {
        return Ok(());
    };
    let server = told(Server::start(&programs))?;
    let mut config = Config::new();
    config
        .hostaddr(loopback_address().into())
        .port(server.port)
        .user("tester")
        .dbname("postgres");
    let runtime = TokioRuntime::new()?;
    leaves_nothing(|| test(&config, runtime.handle()))
}

/// A client, and the greenlet that runs its connection until the client is dropped.
fn connect(config: &Config, handle: &Handle) -> Result<(Rc<Client>, Greenlet<()>), Exception> {
    let (client, connection) = block_on(InTokio::new(handle, config.connect(NoTls)))??;
    let connection = InTokio::new(handle, connection);
    Ok((Rc::new(client), spawn_local(async { Ok(connection.await?) })))
}

/// The greenlets' questions are under way at once; a client itself needs no runtime, as it has a channel to its
/// connection.
#[test]
fn greenlets_share_a_connection() -> TestResult {
    with_server(|config, handle| {
        let (client, connection) = connect(config, handle)?;
        let statement = block_on(client.prepare("SELECT $1::int8 * 2, $2::text"))??;
        let greenlets: Vec<_> = (0..GREENLETS as i64)
            .map(|i| {
                let (client, statement) = (client.clone(), statement.clone());
                spawn(move || -> TestResult {
                    for round in 0..10 {
                        let text = format!("{i} in {round}");
                        let row = block_on(client.query_one(&statement, &[&i, &text]))??;
                        assert_eq!((row.get::<_, i64>(0), row.get::<_, String>(1)), (i * 2, text));
                        // Several of one greenlet at once.
                        let several = (0..3_i64).map(|n| {
                            let (client, statement) = (&client, &statement);
                            async move { client.query_one(statement, &[&n, &"x"]).await }
                        });
                        for (n, row) in block_on(join_all(several))?.into_iter().enumerate() {
                            assert_eq!(row?.get::<_, i64>(0), n as i64 * 2);
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        joinall(&greenlets)?;
        greenlets.iter().try_for_each(|greenlet| greenlet.get())?;
        drop((greenlets, statement, client));
        connection.get()
    })
}

/// Each greenlet has a connection, which is a task of the runtime, and all change the same row.
#[test]
fn greenlets_have_a_connection_each() -> TestResult {
    with_server(|config, handle| {
        let (client, connection) = connect(config, handle)?;
        let create = "CREATE TABLE counter (value int8 NOT NULL); INSERT INTO counter VALUES (0)";
        block_on(client.batch_execute(create))??;
        let greenlets: Vec<_> = (0..GREENLETS)
            .map(|_| {
                let (config, handle) = (config.clone(), handle.clone());
                spawn(move || -> TestResult {
                    let (mut client, task) = block_on(InTokio::new(&handle, async {
                        let (client, connection) = config.connect(NoTls).await?;
                        Ok::<_, tokio_postgres::Error>((client, tokio::spawn(connection)))
                    }))??;
                    let counted: Result<i64, tokio_postgres::Error> = block_on(async {
                        let transaction = client.transaction().await?;
                        let row = transaction
                            .query_one("SELECT value FROM counter FOR UPDATE", &[])
                            .await?;
                        let next = row.get::<_, i64>(0) + 1;
                        transaction.execute("UPDATE counter SET value = $1", &[&next]).await?;
                        transaction.commit().await.map(|()| next)
                    })?;
                    assert!((1..=GREENLETS as i64).contains(&counted?));
                    drop(client);
                    Ok(block_on(task)???)
                })
            })
            .collect();
        joinall(&greenlets)?;
        greenlets.iter().try_for_each(|greenlet| greenlet.get())?;
        let row = block_on(client.query_one("SELECT value FROM counter", &[]))??;
        assert_eq!(row.get::<_, i64>(0), GREENLETS as i64);
        drop(client);
        connection.get()
    })
}

/// A greenlet that is killed gives its question up, in a transaction that is rolled back; the connection goes on.
#[test]
fn a_killed_greenlet_leaves_the_connection_in_order() -> TestResult {
    with_server(|config, handle| {
        let (client, connection) = connect(config, handle)?;
        block_on(client.batch_execute("CREATE TABLE rows (value int8 PRIMARY KEY)"))??;
        drop(client);
        connection.get()?;
        let (client, connection) = block_on(InTokio::new(handle, config.connect(NoTls)))??;
        let connection = InTokio::new(handle, connection);
        let connection = spawn_local(async { Ok(connection.await?) });
        let cancel = client.cancel_token();
        let inserted = Event::new();
        let (its, waiting) = (
            inserted.clone(),
            spawn_local({
                let inserted = inserted.clone();
                async move {
                    let mut client = client;
                    let transaction = client.transaction().await?;
                    transaction.execute("INSERT INTO rows VALUES (1)", &[]).await?;
                    inserted.set();
                    transaction.execute("SELECT pg_sleep(1000)", &[]).await?;
                    Ok(())
                }
            }),
        );
        block_on(its)?;
        turns(1)?;
        waiting.kill()?;
        assert!(waiting.get().unwrap_err().is::<GreenletExit>());
        // PostgreSQL still works at it, until it is told.
        block_on(InTokio::new(handle, cancel.cancel_query(NoTls)))??;
        // The client is dropped, and the connection ends when all is answered.
        connection.get()?;
        let (client, connection) = connect(config, handle)?;
        let row = block_on(client.query_one("SELECT count(*) FROM rows", &[]))??;
        assert_eq!(row.get::<_, i64>(0), 0);
        // An error is what it was.
        let insert = || client.execute("INSERT INTO rows VALUES (2)", &[]);
        let (first, second) = block_on(join(insert(), insert()))?;
        assert_eq!(first?, 1);
        let error: Exception = second.expect_err("it is there").into();
        let error: &tokio_postgres::Error = error.downcast_ref().expect("it is PostgreSQL's");
        assert_eq!(error.code(), Some(&SqlState::UNIQUE_VIOLATION));
        drop(client);
        connection.get()
    })
}
