//! imap and imap_unordered: the times at which tasks run, the order of the values, errors in between.

use gevent::pool::Pool;
use gevent::{Exception, sleep};

use super::common::{TestResult, ValueError, report_errors};

fn task(i: i32) -> Result<i32, Exception> {
    println!("{i} begins");
    for _ in 0..4 - i {
        sleep(0)?;
    }
    println!("{i} ends");
    if i == 1 {
        return Err(ValueError("1").into());
    }
    Ok(i)
}

fn values(iterator: impl Iterator<Item = Result<i32, Exception>>) -> TestResult {
    for value in iterator {
        match value {
            Err(e) if e.is::<ValueError>() => println!("ValueError {e}"),
            value => println!("value {}", value?),
        }
    }
    println!("that is all");
    Ok(())
}

pub(crate) fn main() -> TestResult {
    report_errors();

    values(Pool::new(3).imap(task, 0..4))?;
    values(Pool::new(3).imap_unordered(task, 0..4))?;
    values(Pool::new(3).imap(task, []))
}
