//! Waits whose time is over, and the greenlets behind them in the line.

use gevent::queue::{Empty, PutError, Queue};
use gevent::{joinall, spawn};

use super::common::TestResult;

fn getter(queue: &Queue<String>, name: &str, timeout: Option<f64>) -> TestResult {
    match queue.get_timeout(timeout) {
        Err(e) if e.is::<Empty>() => println!("{name}: Empty"),
        got => println!("{name} got {}", got?),
    }
    Ok(())
}

fn putter(queue: &Queue<String>, name: &str, timeout: Option<f64>) -> TestResult {
    match queue.put_timeout(name.to_owned(), timeout) {
        Err(PutError::Full(item)) => println!("{item}: Full"),
        put => {
            put?;
            println!("{name} is put");
        }
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let queue = Queue::with_maxsize(1);

    let gs = [("a", Some(0.03)), ("b", None), ("c", Some(0.0))].map(|(name, timeout)| {
        let queue = queue.clone();
        spawn(move || getter(&queue, name, timeout))
    });
    joinall([&gs[0], &gs[2]])?;
    queue.put("1".to_owned())?;
    joinall(&gs)?;

    queue.put("2".to_owned())?;
    let gs = [("d", Some(0.03)), ("e", None), ("f", Some(0.0))].map(|(name, timeout)| {
        let queue = queue.clone();
        spawn(move || putter(&queue, name, timeout))
    });
    joinall([&gs[0], &gs[2]])?;
    println!("size {}, got {}", queue.qsize(), queue.get()?);
    joinall(&gs)?;
    println!("size {}, got {}", queue.qsize(), queue.get()?);
    Ok(())
}
