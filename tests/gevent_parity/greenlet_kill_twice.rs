//! The second of two kills finds the greenlet where the first one has left it.

use gevent::{GreenletExit, Kill, joinall, sleep, spawn};

use super::common::TestResult;

fn worker() -> TestResult {
    for i in 0..2 {
        match sleep(100) {
            Err(exception) if exception.is::<GreenletExit>() => println!("exit {i}"),
            slept => slept?,
        }
    }
    println!("ends");
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let dont_block = Kill::default().nonblocking();
    let g = spawn(worker);
    sleep(0)?;
    g.kill_with(dont_block.clone())?;
    g.kill_with(dont_block)?;
    println!("killed twice");
    g.join()?;

    let g = spawn(|| sleep(100));
    sleep(0)?;
    let (one, two) = (g.clone(), g);
    let killers = [spawn(move || one.kill()), spawn(move || two.kill())];
    joinall(killers)?;
    println!("both killers are back");
    Ok(())
}
