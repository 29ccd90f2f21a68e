//! Look-ups that are killed and that time out, while the resolver's only thread is busy.

use std::sync::mpsc::channel;

use gevent::socket::{getaddrinfo, gethostbyname};
use gevent::threadpool::{HubExt, ThreadPool};
use gevent::{Exception, GreenletExit, Timeout, get_hub, sleep, spawn};

use super::common::{TestResult, name};

fn look_up() -> TestResult {
    match gethostbyname("localhost").map_err(Exception::from) {
        Ok(found) => println!("{found}"),
        Err(e) => {
            println!("ended by {}", name(&e));
            return Err(e);
        }
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let pool = ThreadPool::new(1);
    get_hub().set_resolver_threadpool(pool.clone());
    let (set, told) = channel::<()>();
    let busy = pool.spawn(move || told.recv().is_err())?;

    let greenlet = spawn(look_up);
    sleep(0)?;
    greenlet.kill()?;
    match greenlet.get() {
        Err(e) if e.is::<GreenletExit>() => println!("{}", name(&e)),
        ended => ended?,
    }
    let timeout = Timeout::start_new(0.01);
    match getaddrinfo("localhost", 80).map_err(Exception::from) {
        Err(t) => println!("{}", if timeout.caused(&t) { "True" } else { "False" }),
        found => drop(found?),
    }
    timeout.close();
    let waiting = spawn(look_up);
    sleep(0)?;
    drop(set);
    busy.get()?;
    waiting.join()?;
    pool.join()?;
    println!("tasks {}", pool.len());
    Ok(())
}
