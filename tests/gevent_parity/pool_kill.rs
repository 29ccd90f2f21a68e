//! A pool is killed, also while greenlets wait for a place in it.

use gevent::pool::Pool;
use gevent::{GreenletExit, Kill, sleep, spawn};

use super::common::TestResult;

fn worker(name: &str) -> TestResult {
    println!("{name} begins");
    let slept = sleep(100);
    if let Err(e) = &slept
        && e.is::<GreenletExit>()
    {
        println!("{name} is killed");
        sleep(0)?;
        println!("{name} ends");
    }
    slept
}

pub(crate) fn main() -> TestResult {
    let pool = Pool::new(2);

    let a = pool.spawn(|| worker("a"))?;
    pool.spawn(|| worker("b"))?;
    let its = pool.clone();
    spawn(move || {
        its.spawn(|| worker("c"))?;
        println!("c is spawned");
        Ok(())
    });
    sleep(0)?;
    pool.killone(&a)?;
    println!("size {}, a {}", pool.len(), pool.contains(&a));
    sleep(0)?;
    pool.kill()?;
    println!("size {}, free {}", pool.len(), pool.free_count());

    pool.spawn(|| worker("d"))?;
    pool.spawn(|| worker("e"))?;
    pool.kill_with(Kill::default().nonblocking())?;
    println!("size {}", pool.len());
    println!("join {}", pool.join()?);
    pool.kill()
}
