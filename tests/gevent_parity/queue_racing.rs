//! Puts and gets that are killed, or whose time is over, at the moment at which their turn comes.

use gevent::queue::Queue;
use gevent::{Exception, Greenlet, Kill, joinall, sleep, spawn};

use super::common::{TestResult, name};

/// The result of a method, as Python prints it with `or 'done'`.
fn show_call(who: &str, returned: Result<&'static str, Exception>) {
    match returned {
        Ok(returned) => println!("{who}: {returned}"),
        Err(error) => println!("{who}: {}", name(&error)),
    }
}

fn put(who: &'static str, queue: &Queue<&'static str>, item: &'static str, timeout: Option<f64>) {
    let put = queue.put_timeout(item, timeout);
    show_call(who, put.map(|()| "done").map_err(Exception::from));
}

fn get(who: &'static str, queue: &Queue<&'static str>, timeout: Option<f64>) {
    show_call(who, queue.get_timeout(timeout));
}

fn show(queue: &Queue<&'static str>) {
    print!("size {}", queue.qsize());
    if queue.getters() > 0 {
        print!(" getters[{}]", queue.getters());
    }
    if queue.putters() > 0 {
        print!(" putters[{}]", queue.putters());
    }
    println!();
}

fn kill_soon(greenlet: &Greenlet<()>) -> TestResult {
    greenlet.kill_with(Kill::default().nonblocking())?;
    Ok(())
}

pub(crate) fn main() -> TestResult {
    println!("putters of a full queue: one in time, one not, one killed");
    let queue = Queue::with_items(1, ["x"]);
    let spawn_put = |who, item, timeout| {
        let queue = queue.clone();
        spawn(move || put(who, &queue, item, timeout))
    };
    let putters = [
        spawn_put("put a", "a", Some(100.0)),
        spawn_put("put b", "b", Some(0.01)),
        spawn_put("put c", "c", None),
        spawn_put("put d", "d", None),
    ];
    sleep(0)?;
    show(&queue);
    sleep(0.04)?;
    putters[2].kill()?;
    show(&queue);
    println!("{}", queue.get()?);
    show(&queue);
    sleep(0)?;
    show(&queue);
    println!("{}", queue.get()?);
    sleep(0)?;
    println!("{}", queue.get()?);
    joinall(&putters)?;
    show(&queue);

    println!("getters of an empty queue, likewise");
    let spawn_get = |who, timeout| {
        let queue = queue.clone();
        spawn(move || get(who, &queue, timeout))
    };
    let getters = [
        spawn_get("get 1", Some(100.0)),
        spawn_get("get 2", Some(0.01)),
        spawn_get("get 3", None),
        spawn_get("get 4", None),
    ];
    sleep(0.04)?;
    getters[2].kill()?;
    show(&queue);
    queue.put("e")?;
    show(&queue);
    put("main", &queue, "f", Some(0.01));
    show(&queue);
    joinall(&getters[..3])?;
    show(&queue);
    joinall(&getters)?;
    show(&queue);

    println!("killed while an item is on its way: the next one gets it");
    let getters = ["get 5", "get 6"].map(|who| spawn_get(who, None));
    sleep(0)?;
    queue.put("h")?;
    kill_soon(&getters[0])?;
    sleep(0)?;
    sleep(0)?;
    show(&queue);
    get("main", &queue, Some(0.0));
    queue.put("i")?;
    joinall(&getters)?;
    show(&queue);

    println!("killed before it");
    let getters = ["get 7", "get 8"].map(|who| spawn_get(who, None));
    sleep(0)?;
    kill_soon(&getters[0])?;
    queue.put("j")?;
    joinall(&getters)?;
    show(&queue);

    println!("no time at all");
    get("get", &queue, Some(0.0));
    let its = queue.clone();
    spawn(move || its.put("k"));
    get("get", &queue, Some(0.0));
    put("put", &queue, "l", Some(0.0));
    let its = queue.clone();
    spawn(move || its.get());
    put("put", &queue, "m", Some(0.0));
    show(&queue);
    Ok(())
}
