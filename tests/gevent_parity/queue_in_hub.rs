//! Puts and gets in the hub, where nothing can wait.

use gevent::queue::{Empty, PutError, Queue};
use gevent::{get_hub, sleep, spawn};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let loop_ = hub.loop_();
    let queue = Queue::with_maxsize(1);

    let put = |item: &'static str| {
        let queue = queue.clone();
        loop_.run_callback(move || {
            match queue.put_nowait(item) {
                Err(PutError::Full(item)) => println!("hub: {item} Full"),
                put => {
                    put?;
                    println!("hub has put {item}");
                }
            }
            Ok(())
        })
    };
    let get = || {
        let queue = queue.clone();
        loop_.run_callback(move || {
            match queue.get() {
                Err(e) if e.is::<Empty>() => println!("hub: Empty"),
                got => println!("hub got {}", got?),
            }
            Ok(())
        })
    };

    put("1")?;
    put("2")?;
    get()?;
    get()?;
    sleep(0)?;

    let its = queue.clone();
    let g = spawn(move || {
        println!("g got {}", its.get()?);
        Ok(())
    });
    sleep(0)?;
    put("3")?;
    put("4")?;
    put("5")?;
    sleep(0)?;
    println!("size {}, g {}", queue.qsize(), g.ready());

    let its = queue.clone();
    spawn(move || {
        its.put("p")?;
        println!("p is put");
        Ok(())
    });
    sleep(0)?;
    get()?;
    get()?;
    get()?;
    sleep(0)?;
    println!("size {}", queue.qsize());
    Ok(())
}
