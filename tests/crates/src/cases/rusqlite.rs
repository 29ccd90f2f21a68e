//! `rusqlite`: SQLite, a C library, sleeps until a database is free that another thread has locked.

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use crate::common::folder::Folder;
use crate::{Case, Result, SOON, Started, equal};

struct Rusqlite(std::path::PathBuf);

pub(super) fn start() -> Result<Option<Started>> {
    let folder = Folder::new()?;
    Started::new(Rusqlite(folder.path("")), folder)
}

impl Case for Rusqlite {
    fn run(&self, i: usize, wait: Duration) -> Result {
        let i = i as i64;
        let path = self.0.join(format!("{i}.db"));
        let mut connection = open(&path)?;
        connection.execute_batch("CREATE TABLE IF NOT EXISTS t (x); DELETE FROM t")?;
        let (locked, is_locked) = channel();
        let other = thread::spawn(move || -> rusqlite::Result<()> {
            let mut connection = open(&path)?;
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute("INSERT INTO t VALUES (?)", [i])?;
            let _ = locked.send(());
            thread::sleep(wait);
            transaction.commit()
        });
        // An error means that the other has failed, which it tells itself.
        let _ = is_locked.recv();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute("INSERT INTO t VALUES (?)", [i + 1])?;
        transaction.commit()?;
        other.join().expect("it does not panic")?;
        let (count, sum): (i64, i64) = connection.query_row("SELECT count(*), sum(x) FROM t", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        equal((count, sum), (2, i + i + 1))
    }
}

fn open(path: &std::path::Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(SOON)?;
    // It is no matter whether a disk has it.
    connection.execute_batch("PRAGMA synchronous = OFF")?;
    Ok(connection)
}
