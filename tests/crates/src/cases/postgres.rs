//! `postgres`, which runs tokio-postgres in a runtime of its own for each client.

use std::time::Duration;

use postgres::{Config, NoTls};

use crate::common::postgres::{Server, programs};
use crate::common::redis::loopback_address;
use crate::{Case, Result, Started, equal};

struct Postgres(Config);

pub(super) fn start() -> Result<Option<Started>> {
    let Some((config, server)) = server()? else {
        return Ok(None);
    };
    Started::new(Postgres(config), server)
}

/// A server, and how to connect to it. None if it is not installed.
pub(crate) fn server() -> Result<Option<(Config, Server)>> {
    let Some(programs) = programs() else {
        return Ok(None);
    };
    let server = Server::start(&programs)?;
    let mut config = Config::new();
    config
        .hostaddr(loopback_address().into())
        .port(server.port)
        .user("tester")
        .dbname("postgres");
    Ok(Some((config, server)))
}

impl Case for Postgres {
    fn run(&self, i: usize, wait: Duration) -> Result {
        let mut client = self.0.connect(NoTls)?;
        client.execute("SELECT pg_sleep($1)", &[&wait.as_secs_f64()])?;
        let row = client.query_one("SELECT $1::int8 + 1, $2::text", &[&(i as i64), &format!("text {i}")])?;
        equal(
            (row.get::<_, i64>(0), row.get::<_, String>(1)),
            (i as i64 + 1, format!("text {i}")),
        )?;
        Ok(client.close()?)
    }
}
