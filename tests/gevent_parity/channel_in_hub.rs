//! A channel used in the hub, where nothing can wait.

use gevent::queue::{Channel, PutError};
use gevent::{get_hub, sleep, spawn};

use super::common::TestResult;

fn put(channel: &Channel<&'static str>, item: &'static str) -> TestResult {
    match channel.put_nowait(item) {
        Err(PutError::Full(item)) => println!("hub: {item} Full"),
        put => {
            put?;
            println!("hub has put {item}");
        }
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let loop_ = hub.loop_();
    let channel = Channel::new();

    let its = channel.clone();
    spawn(move || {
        println!("a got {}", its.get()?);
        Ok(())
    });
    sleep(0)?;
    for item in ["1", "2"] {
        let channel = channel.clone();
        loop_.run_callback(move || put(&channel, item))?;
    }
    sleep(0)?;

    let its = channel.clone();
    spawn(move || {
        its.put("b")?;
        println!("b is put");
        Ok(())
    });
    sleep(0)?;
    let its = channel.clone();
    loop_.run_callback(move || {
        println!("hub got {}", its.get_nowait()?);
        Ok(())
    })?;
    loop_.run_callback(|| println!("callback"))?;
    sleep(0)
}
