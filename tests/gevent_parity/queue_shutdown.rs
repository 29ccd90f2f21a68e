//! A queue is shut down while greenlets wait at both ends.

use gevent::queue::{Queue, ShutDown};
use gevent::{Exception, sleep, spawn};

use super::common::TestResult;

/// The result of a method, as Python prints it with `or 'done'`.
trait Shown {
    fn shown(self) -> String;
}

impl Shown for () {
    fn shown(self) -> String {
        "done".to_owned()
    }
}

impl Shown for bool {
    fn shown(self) -> String {
        if self { "True" } else { "done" }.to_owned()
    }
}

impl Shown for &str {
    fn shown(self) -> String {
        self.to_owned()
    }
}

fn call<T: Shown>(name: &str, method: impl FnOnce() -> Result<T, Exception>) -> TestResult {
    match method() {
        Err(e) if e.is::<ShutDown>() => println!("{name}: ShutDown"),
        returned => println!("{name}: {}", returned?.shown()),
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    for immediate in [false, true] {
        println!("immediate {immediate}");
        let queue: Queue<&str> = Queue::with_maxsize(1);
        for name in ["get 1", "get 2"] {
            let queue = queue.clone();
            spawn(move || call(name, || queue.get()));
        }
        let its = queue.clone();
        spawn(move || call("join", || its.join()));
        sleep(0)?;
        queue.shutdown(immediate);
        println!("shut down");
        sleep(0)?;

        let queue = Queue::with_items(1, ["x"]);
        for name in ["put 1", "put 2"] {
            let queue = queue.clone();
            spawn(move || call(name, || queue.put(name)));
        }
        let its = queue.clone();
        spawn(move || call("join", || its.join_timeout(0.03)));
        sleep(0)?;
        queue.shutdown(immediate);
        println!("size {}, unfinished {}", queue.qsize(), queue.unfinished_tasks());
        sleep(0)?;
        call("put", || queue.put("y"))?;
        call("put_nowait", || Ok(queue.put_nowait("y")?))?;
        call("get", || queue.get())?;
        call("get", || queue.get())?;
        call("get_nowait", || queue.get_nowait())?;
        call("peek", || queue.peek())?;
        sleep(0.06)?;
    }
    Ok(())
}
