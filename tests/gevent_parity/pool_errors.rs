//! Tasks of a pool that fail, and the places that get their errors.

use std::fmt::Debug;

use gevent::pool::{Group, Pool};
use gevent::{Exception, joinall, sleep};

use super::common::{TestResult, ValueError, report_errors};

fn task(i: i32) -> Result<i32, Exception> {
    sleep(0)?;
    if i % 3 == 1 {
        return Err(ValueError(["0", "1", "2", "3", "4"][usize::try_from(i).unwrap_or(0)]).into());
    }
    println!("task {i}");
    Ok(i * 10)
}

fn call(what: &str, returned: Result<impl Debug, Exception>) {
    match returned {
        Ok(value) => println!("{what}: {value:?}"),
        Err(error) => println!("{what}: ValueError {error}"),
    }
}

fn each(what: &str, values: impl Iterator<Item = Result<i32, Exception>>) {
    for value in values {
        call(what, value);
    }
    println!("{what} is over");
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let pool = Pool::new(2);
    call("apply", pool.apply(|| task(0)));
    call("apply", pool.apply(|| task(1)));
    call("map", pool.map(task, 0..5));
    println!("joined {}", pool.join()?);
    call("map of nothing", pool.map(task, []));
    each("imap", pool.imap(task, 0..5));
    each("imap_unordered", pool.imap_unordered(task, 0..5));
    each("imap, one at a time", pool.imap_maxsize(task, 0..5, 1));
    each(
        "imap_unordered, one at a time",
        pool.imap_unordered_maxsize(task, 0..5, 1),
    );

    println!("callbacks");
    let callback = |value: &_| println!("callback {value}");
    call("apply_cb", pool.apply_cb(|| task(2), callback));
    sleep(0)?;
    call("apply_cb", pool.apply_cb(|| task(4), callback));
    let mut greenlets = Vec::new();
    for i in 0..3 {
        greenlets.push(pool.apply_async_cb(move || task(i), callback)?);
    }
    println!("{} in the pool", pool.len());
    joinall(&greenlets)?;
    sleep(0)?;
    let values: Vec<_> = greenlets
        .iter()
        .map(|greenlet| super::common::show(greenlet.value()))
        .collect();
    println!("[{}]", values.join(", "));
    let callback = |values: &[i32]| println!("callback {values:?}");
    let greenlet = pool.map_async_cb(|i| i + 1, 0..3, callback);
    println!("{:?}", greenlet.get()?);

    println!("join that raises");
    let group = Group::new();
    group.spawn(|| task(0))?;
    group.spawn(|| task(1))?;
    if let Err(error) = group.join_raise_error() {
        println!("ValueError {error}, {} left", group.len());
    }
    println!("joined {}", group.join_raise_error()?);
    Ok(())
}
