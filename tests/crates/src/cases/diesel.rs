//! `diesel`, with libpq, PostgreSQL's C library.

use std::time::Duration;

use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Double, Text};
use diesel::{Connection, IntoSql, PgConnection, RunQueryDsl, sql_query};

use crate::cases::postgres;
use crate::common::postgres::Server;
use crate::common::redis::loopback_address;
use crate::{Case, Result, Started, equal};

struct Diesel(String);

pub(super) fn start() -> Result<Option<Started>> {
    let Some((_, server)) = postgres::server()? else {
        return Ok(None);
    };
    Started::new(Diesel(url(&server)), server)
}

/// Where libpq finds a server.
pub(crate) fn url(server: &Server) -> String {
    format!("postgresql://tester@{}:{}/postgres", loopback_address(), server.port)
}

impl Case for Diesel {
    fn run(&self, i: usize, wait: Duration) -> Result {
        let mut connection = PgConnection::establish(&self.0)?;
        sql_query("SELECT pg_sleep($1)")
            .bind::<Double, _>(wait.as_secs_f64())
            .execute(&mut connection)?;
        let sum = diesel::select(sql::<BigInt>("1 + ").bind::<BigInt, _>(i as i64));
        equal(sum.get_result(&mut connection)?, i as i64 + 1)?;
        let text = diesel::select(format!("text {i}").into_sql::<Text>());
        equal(text.get_result(&mut connection)?, format!("text {i}"))
    }
}
