//! Waits in servers that end only when all who are to wait are waiting.

use std::any::Any;
use std::sync::Arc;

use crate::cases::redis;
use crate::common::eventually;
use crate::{Result, SOON, THREADS};

/// A place to meet.
pub struct Meeting {
    /// What each does: it waits in the server. It returns its number, or that of somebody else: each comes once.
    pub wait: Arc<dyn Fn(usize) -> Result<usize> + Send + Sync>,
    /// Lets them go when all are waiting.
    pub release: Box<dyn FnOnce() -> Result>,
    /// The servers, which stop when this is dropped.
    pub servers: Box<dyn Any>,
}

/// What starts one. None if a server is not installed.
pub type Start = fn() -> Result<Option<Meeting>>;

/// All of them, by the names of the crates.
pub const ALL: &[(&str, Start)] = &[
    ("redis", in_redis),
    #[cfg(feature = "all")]
    ("postgres", with_locks::in_postgres),
    #[cfg(feature = "all")]
    ("diesel", with_locks::in_diesel),
    #[cfg(feature = "all")]
    ("mysql", with_locks::in_mysql),
];

/// Waits until as many as there are threads wait in a server, as the server counts them.
fn all_wait(mut count: impl FnMut() -> Result<usize>) -> Result {
    eventually("all to wait in the server", SOON, || {
        Ok((count()? == THREADS).then_some(()))
    })
}

/// They wait for what is pushed when Redis has so many blocked clients.
fn in_redis() -> Result<Option<Meeting>> {
    let Some((client, server)) = redis::server()? else {
        return Ok(None);
    };
    let popping = client.clone();
    let wait = move |_| {
        let mut connection = popping.get_connection()?;
        let popped: (String, usize) = ::redis::cmd("BLPOP").arg("gate").arg(0).query(&mut connection)?;
        Ok(popped.1)
    };
    let release = move || {
        let mut connection = client.get_connection()?;
        all_wait(|| {
            let clients: String = ::redis::cmd("INFO").arg("clients").query(&mut connection)?;
            let blocked = clients.lines().find_map(|line| line.strip_prefix("blocked_clients:"));
            Ok(blocked.ok_or("no such line")?.trim().parse()?)
        })?;
        let numbers: Vec<_> = (0..THREADS).collect();
        Ok(::redis::cmd("RPUSH").arg("gate").arg(numbers).exec(&mut connection)?)
    };
    Ok(Some(Meeting {
        wait: Arc::new(wait),
        release: Box::new(release),
        servers: Box::new(server),
    }))
}

/// They wait for a lock that somebody else has.
#[cfg(feature = "all")]
mod with_locks {
    use std::sync::Arc;

    use ::diesel::{Connection, PgConnection, RunQueryDsl, sql_query};
    use ::mysql::Conn;
    use ::mysql::prelude::Queryable;
    use ::postgres::{Config, NoTls};

    use super::{Meeting, all_wait};
    use crate::Result;
    use crate::cases::{diesel, mysql, postgres};
    use crate::common::postgres::Server;

    pub(super) fn in_postgres() -> Result<Option<Meeting>> {
        let Some((config, server)) = postgres::server()? else {
            return Ok(None);
        };
        let its = config.clone();
        let wait = move |i| {
            let mut client = its.connect(NoTls)?;
            client.execute("SELECT pg_advisory_lock_shared(1)", &[])?;
            Ok(i)
        };
        in_postgresql(&config, server, wait)
    }

    pub(super) fn in_diesel() -> Result<Option<Meeting>> {
        let Some((config, server)) = postgres::server()? else {
            return Ok(None);
        };
        let url = diesel::url(&server);
        let wait = move |i| {
            let mut connection = PgConnection::establish(&url)?;
            sql_query("SELECT pg_advisory_lock_shared(1)").execute(&mut connection)?;
            Ok(i)
        };
        in_postgresql(&config, server, wait)
    }

    fn in_postgresql(
        config: &Config,
        server: Server,
        wait: impl Fn(usize) -> Result<usize> + Send + Sync + 'static,
    ) -> Result<Option<Meeting>> {
        let mut client = config.connect(NoTls)?;
        client.execute("SELECT pg_advisory_lock(1)", &[])?;
        let release = move || {
            let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
            all_wait(|| Ok(client.query_one(waiting, &[])?.get::<_, i64>(0) as usize))?;
            Ok(client.close()?)
        };
        Ok(Some(Meeting {
            wait: Arc::new(wait),
            release: Box::new(release),
            servers: Box::new(server),
        }))
    }

    pub(super) fn in_mysql() -> Result<Option<Meeting>> {
        let Some((opts, server)) = mysql::server()? else {
            return Ok(None);
        };
        let mut holder = Conn::new(opts.clone())?;
        let held: Option<u32> = holder.query_first("SELECT GET_LOCK('gate', 0)")?;
        assert_eq!(held, Some(1));
        let wait = move |i| {
            let mut connection = Conn::new(opts.clone())?;
            let got: Option<u32> = connection.query_first("SELECT GET_LOCK('gate', 60)")?;
            match got {
                Some(1) => Ok(i),
                other => Err(format!("{other:?}, and not the lock").into()),
            }
        };
        let release = move || {
            let waiting = "SELECT count(*) FROM information_schema.processlist WHERE state = 'User lock'";
            all_wait(|| Ok(holder.query_first(waiting)?.ok_or("no row")?))?;
            drop(holder);
            Ok(())
        };
        Ok(Some(Meeting {
            wait: Arc::new(wait),
            release: Box::new(release),
            servers: Box::new(server),
        }))
    }
}
