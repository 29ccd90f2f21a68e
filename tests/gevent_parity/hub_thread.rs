//! A thread has a hub and a loop of its own; its main greenlet may join the hub.

use gevent::exceptions::LoopExit;
use gevent::greenlet::spawn_later;
use gevent::hub::get_hub_if_exists;
use gevent::{get_hub, sleep, spawn};

use super::common::TestResult;

fn in_thread(main_hub: u64) -> TestResult {
    println!("before: {}", get_hub_if_exists().is_none());
    let hub = get_hub();
    let same = hub.minimal_ident() == main_hub;
    println!("thread: {} {} {same}", hub.main_hub(), hub.loop_().default());
    spawn_later(0.001, || println!("greenlet in the thread"));
    println!("joined: {}", hub.join_timeout(10)?);
    let g = spawn(|| 7);
    println!("got: {}", g.get()?);
    spawn(|| sleep(0));
    match hub.switch() {
        Err(error) if error.is::<LoopExit>() => println!("LoopExit in the thread"),
        other => drop(other?),
    }
    hub.destroy(true)?;
    println!("after: {}", get_hub_if_exists().is_none());
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let main_hub = get_hub();
    println!("main: {} {}", main_hub.main_hub(), main_hub.loop_().default());
    // A hub cannot be sent to the thread, but its number can.
    let ident = main_hub.minimal_ident();
    let thread = std::thread::spawn(move || in_thread(ident));
    thread.join().expect("it does not panic")?;
    sleep(0)?;
    println!("main goes on");
    Ok(())
}
