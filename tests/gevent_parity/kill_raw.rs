//! gevent.kill throws into any greenlet, soon.

use gevent::{GreenletExit, RawGreenlet, get_hub, getcurrent, kill, sleep, spawn, spawn_raw};

use super::common::{TestResult, ValueError, report_errors};

fn sleeper(name: &str) -> TestResult {
    let slept = sleep(100);
    println!("{name} ends");
    slept
}

fn main_is_killed(main: &RawGreenlet) -> TestResult {
    println!("kills main");
    kill(main, ValueError("main"))
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let hub = get_hub();
    let loop_ = hub.loop_();

    let a = spawn_raw(|| sleeper("a"))?;
    let b = spawn_raw(|| sleeper("b"))?;
    sleep(0)?;
    let c = spawn_raw(|| sleeper("c"))?;
    loop_.run_callback(|| println!("callback before"))?;
    kill(&a, GreenletExit)?;
    kill(&b, ValueError("kill"))?;
    loop_.run_callback(|| println!("callback after"))?;
    println!("killed: {} {}", a.dead(), b.dead());
    sleep(0)?;
    kill(&a, GreenletExit)?;
    println!("dead: {} {}", a.dead(), b.dead());

    kill(&c, GreenletExit)?;
    let this = getcurrent();
    spawn(move || main_is_killed(&this));
    match sleep(100) {
        Err(error) if error.is::<ValueError>() => println!("{error}"),
        slept => slept?,
    }
    Ok(())
}
