//! `r2d2`: a pool of connections to Redis, with fewer connections than threads.

use std::sync::Arc;
use std::time::Duration;

use r2d2::{ManageConnection, Pool};
use redis::{Client, Connection, ConnectionLike, RedisError};

use crate::cases::redis::{server, wait_in};
use crate::{Case, Result, SOON, Started, THREADS, equal};

/// How many waits of a hundred threads one connection has, one after the other.
pub(super) const WAITS: u32 = 5;

struct Manager(Client);

impl ManageConnection for Manager {
    type Connection = Connection;
    type Error = RedisError;

    fn connect(&self) -> std::result::Result<Connection, RedisError> {
        self.0.get_connection()
    }

    fn is_valid(&self, connection: &mut Connection) -> std::result::Result<(), RedisError> {
        redis::cmd("PING").exec(connection)
    }

    fn has_broken(&self, connection: &mut Connection) -> bool {
        !connection.is_open()
    }
}

struct R2d2 {
    client: Client,
    pool: Pool<Manager>,
}

pub(super) fn start() -> Result<Option<Started>> {
    let Some((client, server)) = server()? else {
        return Ok(None);
    };
    Started::new(R2d2::new(client)?, server)
}

impl R2d2 {
    fn new(client: Client) -> Result<R2d2> {
        let builder = Pool::builder()
            .max_size(THREADS as u32 / WAITS)
            .connection_timeout(SOON);
        let pool = builder.build(Manager(client.clone()))?;
        Ok(R2d2 { client, pool })
    }
}

impl Case for R2d2 {
    fn run(&self, i: usize, wait: Duration) -> Result {
        let mut connection = self.pool.get()?;
        wait_in(&mut connection, i, wait)?;
        redis::cmd("SET")
            .arg(format!("key {i}"))
            .arg(i)
            .exec(&mut *connection)?;
        equal(redis::cmd("GET").arg(format!("key {i}")).query(&mut *connection)?, i)
    }
    fn with_threads_made_here(&self) -> Result<Option<Arc<dyn Case>>> {
        Ok(Some(Arc::new(R2d2::new(self.client.clone())?)))
    }
}
