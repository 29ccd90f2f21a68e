//! unlink_all takes the links of joining greenlets, too: they are not woken any more.

use gevent::exceptions::LoopExit;
use gevent::{Greenlet, sleep, spawn};

use super::common::{TestResult, name};

fn worker() -> TestResult {
    sleep(0)?;
    println!("worker ends");
    Ok(())
}

fn joins(g: &Greenlet<()>) -> TestResult {
    g.join()?;
    println!("never printed");
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let g = spawn(worker);
    g.rawlink(|source| source.unlink_all());
    g.rawlink(|_| println!("never printed"));
    let joined = g.clone();
    let joiner = spawn(move || joins(&joined));
    match joiner.join() {
        Err(error) if error.is::<LoopExit>() => println!("{}", name(&error)),
        joined => joined?,
    }
    println!("{} {}", g.ready(), joiner.ready());
    joiner.kill()
}
