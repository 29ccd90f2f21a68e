//! Raw greenlets share the queue with the others; their errors go to the hub.

use gevent::{Exception, joinall, sleep, spawn, spawn_raw};

use super::common::{TestResult, ValueError, report_errors};

fn worker(name: &str, error: Option<Exception>) -> TestResult {
    println!("{name} begins");
    sleep(0)?;
    println!("{name} ends");
    error.map_or(Ok(()), Err)
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let a = spawn_raw(|| worker("raw a", None))?;
    let b = spawn(|| worker("b", None));
    let c = spawn_raw(|| worker("raw c", Some(ValueError("raw c").into())))?;
    let d = spawn(|| worker("d", None));
    println!("dead: {} {}", a.dead(), c.dead());
    sleep(0)?;
    println!("dead: {} {}", a.dead(), c.dead());
    joinall([b, d])?;
    println!("dead: {} {}", a.dead(), c.dead());
    Ok(())
}
