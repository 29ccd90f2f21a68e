//! `mysql`, with a MariaDB.

use std::time::Duration;

use mysql::prelude::Queryable;
use mysql::{Conn, Opts, OptsBuilder};

use crate::servers::mariadb::Mariadb;
use crate::{Case, Result, Started, equal};

struct Mysql(Opts);

pub(super) fn start() -> Result<Option<Started>> {
    let Some((opts, server)) = server()? else {
        return Ok(None);
    };
    Started::new(Mysql(opts), server)
}

/// A server, and how to connect to it. None if it is not installed.
pub(crate) fn server() -> Result<Option<(Opts, Mariadb)>> {
    Ok(Mariadb::start()?.map(|server| (opts(&server), server)))
}

fn opts(server: &Mariadb) -> Opts {
    let opts = OptsBuilder::new()
        .ip_or_hostname(Some(server.address.ip().to_string()))
        .tcp_port(server.address.port())
        // By the network, and not by the socket that the server tells of.
        .prefer_socket(false)
        .user(Some(Mariadb::USER))
        .pass(Some(Mariadb::PASSWORD))
        .db_name(Some("test"));
    opts.into()
}

impl Case for Mysql {
    fn run(&self, i: usize, wait: Duration) -> Result {
        let mut connection = Conn::new(self.0.clone())?;
        let slept: Option<u32> = connection.exec_first("SELECT SLEEP(?)", (wait.as_secs_f64(),))?;
        equal(slept, Some(0))?;
        let row: Option<(u64, String)> = connection.exec_first("SELECT ? + 1, ?", (i, format!("text {i}")))?;
        equal(row, Some((i as u64 + 1, format!("text {i}"))))
    }
}
