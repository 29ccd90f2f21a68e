//! The cases with futures in greenlets.

use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use ::tokio::sync::Notify;
use gevent::future::{block_on, spawn_local};
use gevent::{Exception, spawn};

use super::baton::{Baton, wake_once};
use crate::Result;
use crate::turns::Measure;

pub(super) fn measure(case: &str) -> Option<Measure> {
    Some(match case {
        "ready" => |count, _| {
            for i in 0..count {
                block_on(std::future::ready(i))?;
            }
            Ok(())
        },
        "self-wake" => |count, _| {
            for _ in 0..count {
                block_on(wake_once())?;
            }
            Ok(())
        },
        "wake" => |count, _| wake(count),
        "threads" => |count, _| threads(count),
        "spawn" => |count, _| {
            for i in 0..count {
                block_on(spawn_local(async move { i }))??;
            }
            Ok(())
        },
        _ => return None,
    })
}

fn wake(count: u32) -> Result {
    let (there, back) = (Rc::new(Baton::default()), Rc::new(Baton::default()));
    let (t, b) = (there.clone(), back.clone());
    let other = spawn(move || -> std::result::Result<(), Exception> {
        for _ in 0..count {
            block_on(t.take())?;
            b.pass();
        }
        Ok(())
    });
    let one = spawn(move || -> std::result::Result<(), Exception> {
        for _ in 0..count {
            there.pass();
            block_on(back.take())?;
        }
        Ok(())
    });
    one.get()?;
    Ok(other.get()?)
}

fn threads(count: u32) -> Result {
    let (there, back) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (t, b) = (there.clone(), back.clone());
    let other = thread::spawn(move || -> std::result::Result<(), Exception> {
        for _ in 0..count {
            block_on(t.notified())?;
            b.notify_one();
        }
        Ok(())
    });
    for _ in 0..count {
        there.notify_one();
        block_on(back.notified())?;
    }
    Ok(other.join().map_err(|_| "the other thread has panicked")??)
}
