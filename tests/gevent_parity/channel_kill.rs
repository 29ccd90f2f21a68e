//! Greenlets are killed at a channel, also when the other end is there already.

use gevent::queue::Channel;
use gevent::{Greenlet, GreenletExit, Kill, sleep, spawn};

use super::common::TestResult;

fn getter(name: &'static str, channel: &Channel<&'static str>) -> Greenlet<()> {
    let channel = channel.clone();
    spawn(move || {
        match channel.get() {
            Err(e) if e.is::<GreenletExit>() => println!("{name} is killed"),
            got => println!("{name} got {}", got?),
        }
        Ok(())
    })
}

fn putter(name: &'static str, channel: &Channel<&'static str>) -> Greenlet<()> {
    let channel = channel.clone();
    spawn(move || {
        match channel.put(name) {
            Err(e) if e.is::<GreenletExit>() => println!("{name} is killed"),
            put => {
                put?;
                println!("{name} is put");
            }
        }
        Ok(())
    })
}

pub(crate) fn main() -> TestResult {
    let channel = Channel::new();
    let dont_block = Kill::default().nonblocking();

    let (a, _b) = (getter("a", &channel), getter("b", &channel));
    sleep(0)?;
    a.kill_with(dont_block.clone())?;
    let _c = putter("c", &channel);
    sleep(0)?;
    println!("balance {}", channel.balance());

    let (d, e) = (putter("d", &channel), putter("e", &channel));
    sleep(0)?;
    let f = getter("f", &channel);
    d.kill_with(dont_block)?;
    sleep(0)?;
    sleep(0)?;
    println!("balance {}", channel.balance());
    e.kill()?;
    f.kill()?;
    println!("balance {}", channel.balance());
    Ok(())
}
