//! Greenlets are killed while they wait, also when their turn has come already.

use gevent::queue::Queue;
use gevent::{GreenletExit, Kill, sleep, spawn};

use super::common::TestResult;

fn getter(name: char, queue: &Queue<String>) -> TestResult {
    match queue.get() {
        Err(e) if e.is::<GreenletExit>() => println!("{name} is killed"),
        got => println!("{name} got {}", got?),
    }
    Ok(())
}

fn putter(name: char, queue: &Queue<String>) -> TestResult {
    match queue.put(name.to_string()) {
        Err(e) if e.is::<GreenletExit>() => println!("{name} is killed"),
        put => {
            put?;
            println!("{name} is put");
        }
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let queue = Queue::with_maxsize(1);
    let dont_block = Kill::default().nonblocking();

    let gs = ['a', 'b', 'c'].map(|name| {
        let queue = queue.clone();
        spawn(move || getter(name, &queue))
    });
    sleep(0)?;
    gs[0].kill_with(dont_block.clone())?; // before the put, so before the getters are woken
    queue.put("1".to_owned())?;
    sleep(0)?;
    queue.put("2".to_owned())?;
    gs[2].kill_with(dont_block.clone())?; // after the put, so after they are woken
    sleep(0)?;
    println!("size {}", queue.qsize());

    let ps = ['d', 'e', 'f'].map(|name| {
        let queue = queue.clone();
        spawn(move || putter(name, &queue))
    });
    sleep(0)?;
    ps[1].kill_with(dont_block)?;
    println!("got {}", queue.get()?);
    sleep(0)?;
    println!("got {}, size {}", queue.get()?, queue.qsize());
    Ok(())
}
