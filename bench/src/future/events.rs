//! The cases with greenlets that wait for events, and with no futures.

use std::thread;

use gevent::event::Event;
use gevent::{Exception, spawn, threadsafe};

use crate::Result;
use crate::turns::Measure;

pub(super) fn measure(case: &str) -> Option<Measure> {
    Some(match case {
        "wake" => |count, _| wake(count),
        "threads" => |count, _| threads(count),
        "spawn" => |count, _| {
            for i in 0..count {
                spawn(move || i).get()?;
            }
            Ok(())
        },
        _ => return None,
    })
}

fn wake(count: u32) -> Result {
    let (there, back) = (Event::new(), Event::new());
    let (t, b) = (there.clone(), back.clone());
    let wait = |event: &Event| event.wait().map(|_| event.clear());
    let other = spawn(move || -> std::result::Result<(), Exception> {
        for _ in 0..count {
            wait(&t)?;
            b.set();
        }
        Ok(())
    });
    let one = spawn(move || -> std::result::Result<(), Exception> {
        for _ in 0..count {
            there.set();
            wait(&back)?;
        }
        Ok(())
    });
    one.get()?;
    Ok(other.get()?)
}

fn threads(count: u32) -> Result {
    let (there, back) = (threadsafe::Event::new(), threadsafe::Event::new());
    let (t, b) = (there.clone(), back.clone());
    let wait = |event: &threadsafe::Event| event.wait().map(|_| event.clear());
    let other = thread::spawn(move || -> std::result::Result<(), Exception> {
        for _ in 0..count {
            wait(&t)?;
            b.set();
        }
        Ok(())
    });
    for _ in 0..count {
        there.set();
        wait(&back)?;
    }
    Ok(other.join().map_err(|_| "the other thread has panicked")??)
}
