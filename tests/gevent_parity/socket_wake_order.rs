//! Who is woken first, when data come for several at once.

use std::io;

use gevent::prelude::*;
use gevent::socket::{Socket, socketpair, wait_write};

use super::common::TestResult;
use super::common_sockets::{undisturbed, waits};

const NAMES: [&str; 5] = ["reader 0", "reader 1", "reader 2", "reader 3", "reader 4"];

fn order(what: &str, pairs: &[(Socket, Socket)], numbers: [usize; 5]) -> TestResult {
    println!("{what}");
    let readers: Vec<_> = (0..5).map(|n| waits(NAMES[n], &pairs[n].1, |s| s.recv(10))).collect();
    sleep(0.001)?; // the system has been asked for all of them
    for n in numbers {
        pairs[n].0.sendall(b"data")?;
    }
    joinall(&readers)?;
    Ok(())
}

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let pairs = (0..5).map(|_| socketpair()).collect::<io::Result<Vec<_>>>()?;
    order("in turn", &pairs, [0, 1, 2, 3, 4])?;
    order("in turn", &pairs, [0, 1, 2, 3, 4])?;
    order("backwards", &pairs, [4, 3, 2, 1, 0])?;
    order("mixed", &pairs, [2, 0, 4, 1, 3])?;

    // A callback that was there before the data runs before the readers.
    let readers: Vec<_> = (0..2).map(|n| waits(NAMES[n], &pairs[n].1, |s| s.recv(10))).collect();
    sleep(0)?;
    pairs[0].0.sendall(b"data")?;
    pairs[1].0.sendall(b"data")?;
    get_hub().loop_().run_callback(|| println!("callback"))?;
    let _spawned = spawn(|| println!("spawned"));
    joinall(&readers)?;

    // Readers and writers of one socket.
    let (a, b) = socketpair()?;
    let reader = waits("reader", &a, |s| s.recv(10));
    let waiting = waits("writable", &a, |s| wait_write(s.fileno(), None));
    sleep(0)?;
    b.sendall(b"data")?;
    joinall(&[reader, waiting])?;
    Ok(())
}
