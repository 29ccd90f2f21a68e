//! imap with a maxsize does not start tasks before their results are asked for.

use gevent::pool::Pool;
use gevent::{Exception, sleep};

use super::common::TestResult;

fn task(i: i32) -> i32 {
    println!("{i} runs");
    i
}

fn values(iterator: impl Iterator<Item = Result<i32, Exception>>) -> TestResult {
    sleep(0)?;
    sleep(0)?;
    for value in iterator {
        println!("value {}", value?);
        sleep(0)?;
        sleep(0)?;
        println!("and");
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    values(Pool::new(4).imap_maxsize(task, 0..5, 2))?;
    values(Pool::new(4).imap_unordered_maxsize(task, 0..5, 2))
}
