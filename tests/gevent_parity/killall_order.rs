//! killall throws into all greenlets in one callback, in their order, and waits for those that end later.

use gevent::{GreenletExit, get_hub, killall, sleep, spawn};

use super::common::TestResult;

fn worker(name: &str, seconds: f64) -> TestResult {
    match sleep(100) {
        Err(exception) if exception.is::<GreenletExit>() => {
            println!("{name} is killed");
            sleep(seconds)?;
        }
        slept => slept?,
    }
    println!("{name} ends");
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let a = spawn(|| worker("a", 0.01));
    let b = spawn(|| worker("b", 0.0));
    let c = spawn(|| worker("c", 0.05));
    sleep(0)?;
    let d = spawn(|| worker("d", 0.0));
    d.rawlink(|_| println!("link of d, which never ran"));
    let hub = get_hub();
    hub.loop_().run_callback(|| println!("callback before"))?;
    killall([&d, &c, &b, &a])?;
    println!("{} {} {} {}", a.dead(), b.dead(), c.dead(), d.dead());
    Ok(())
}
