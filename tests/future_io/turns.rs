//! A task that never has to wait lets others run.

use std::cell::Cell;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream as StdStream;
use std::rc::Rc;
use std::thread;

use gevent::future::{Async, block_on};
use gevent::socket::UnixStream;
use gevent::{GreenletExit, Timeout, sleep, spawn};

use crate::shared::{read, write};
use crate::support::{TestResult, bounded};

/// Checks that tasks whose every poll is ready are ended by a timeout and by a kill, and that another greenlet has its
/// turns meanwhile.
fn ends(work: impl Fn() -> TestResult + 'static) -> TestResult {
    let beats = Rc::new(Cell::new(0));
    let heart = spawn({
        let beats = beats.clone();
        move || -> TestResult {
            loop {
                beats.set(beats.get() + 1);
                sleep(0.001)?;
            }
        }
    });
    sleep(0.002)?;
    let before = beats.get();
    let timeout = Timeout::new(0.05);
    let error = timeout.with(&work).unwrap_err();
    assert!(timeout.caused(&error), "{error:?}");
    assert!(beats.get() > before);

    let worker = spawn(work);
    sleep(0.01)?;
    worker.kill()?;
    assert!(worker.get().unwrap_err().is::<GreenletExit>());
    heart.kill()
}

#[test]
fn a_reader_for_which_there_is_always_something() -> TestResult {
    let _bounded = bounded();
    let (a, mut far) = StdStream::pair()?;
    let peer = thread::spawn(move || while far.write_all(&[0; 1 << 16]).is_ok() {});
    let a = Rc::new(Async::new(UnixStream::from_std(a)?));
    ends({
        let a = a.clone();
        move || {
            block_on(async {
                loop {
                    // One byte is never all that is there.
                    if let Err(error) = read(&a, &mut [0]).await {
                        return Err(error.into());
                    }
                }
            })?
        }
    })?;
    drop(a);
    peer.join().expect("it ended");
    Ok(())
}

#[test]
fn a_writer_for_which_there_is_always_place() -> TestResult {
    let _bounded = bounded();
    let (a, mut far) = StdStream::pair()?;
    let peer = thread::spawn(move || while far.read(&mut [0; 1 << 16]).is_ok_and(|n| n > 0) {});
    let a = Rc::new(Async::new(UnixStream::from_std(a)?));
    ends({
        let a = a.clone();
        move || {
            block_on(async {
                loop {
                    if let Err(error) = write(&a, &[0]).await {
                        return Err(error.into());
                    }
                }
            })?
        }
    })?;
    drop(a);
    peer.join().expect("it ended");
    Ok(())
}
