//! run_callback_threadsafe wakes a loop that sleeps, from another thread; in the order of the calls.

use std::thread;

use gevent::hub::core::{AsyncSender, ThreadsafeLoop};
use gevent::{get_hub, spawn};

use super::common::TestResult;

fn thread(loop_: &ThreadsafeLoop, done: AsyncSender) -> TestResult {
    loop_.run_callback_threadsafe(|| println!("first from the thread"))?;
    loop_.run_callback_threadsafe(|| println!("second from the thread"))?;
    loop_.run_callback_threadsafe(move || Ok(done.send()?))?;
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let loop_ = hub.loop_().threadsafe();
    let done = hub.loop_().async_()?;
    let sender = done.sender();

    let other = spawn(move || Ok(thread::spawn(move || thread(&loop_, sender))));
    hub.wait(&done)?;
    println!("main is woken");
    other.take().expect("it was spawned").join().expect("no panic")
}
