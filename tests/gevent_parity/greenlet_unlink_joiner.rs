//! unlink_all takes the links of those who join, too: nobody wakes them any more.

use gevent::exceptions::LoopExit;
use gevent::{Greenlet, sleep, spawn};

use super::common::{Outcome, name};

fn worker() -> Outcome {
    sleep(0)?;
    println!("worker ends");
    Ok(())
}

fn joins(g: &Greenlet<()>) -> Outcome {
    g.join(None)?;
    println!("never printed");
    Ok(())
}

pub(crate) fn main() -> Outcome {
    let g = spawn(worker);
    g.rawlink(|source| source.unlink_all());
    g.rawlink(|_| println!("never printed"));
    let joined = g.clone();
    let joiner = spawn(move || joins(&joined));
    match joiner.join(None) {
        Err(error) if error.is::<LoopExit>() => println!("{}", name(&error)),
        joined => joined?,
    }
    println!("{} {}", g.ready(), joiner.ready());
    joiner.kill()
}
