//! `redis`, the client without futures: a pop that waits, and values.

use std::time::Duration;

use redis::Client;

use crate::common::redis::{Server, installed};
use crate::{Case, Result, Started, equal};

struct Redis(Client);

pub(super) fn start() -> Result<Option<Started>> {
    let Some((client, server)) = server()? else {
        return Ok(None);
    };
    Started::new(Redis(client), server)
}

/// A server that looks every 2 ms whose wait is over, and a client of it. None if it is not installed.
pub(crate) fn server() -> Result<Option<(Client, Server)>> {
    if !installed() {
        return Ok(None);
    }
    let server = Server::start()?;
    let client = Client::open(format!("redis://{}", server.address))?;
    redis::cmd("CONFIG")
        .arg("SET")
        .arg("hz")
        .arg(500)
        .exec(&mut client.get_connection()?)?;
    Ok(Some((client, server)))
}

impl Case for Redis {
    fn run(&self, i: usize, wait: Duration) -> Result {
        let mut connection = self.0.get_connection()?;
        wait_in(&mut connection, i, wait)?;
        redis::cmd("SET").arg(format!("key {i}")).arg(i).exec(&mut connection)?;
        equal(redis::cmd("GET").arg(format!("key {i}")).query(&mut connection)?, i)
    }
}

/// Waits for a value that nobody pushes.
pub(super) fn wait_in(connection: &mut redis::Connection, i: usize, wait: Duration) -> Result {
    if wait.is_zero() {
        return Ok(());
    }
    let pop = redis::cmd("BLPOP")
        .arg(format!("none {i}"))
        .arg(wait.as_secs_f64())
        .query(connection)?;
    equal::<Option<(String, String)>>(pop, None)
}
