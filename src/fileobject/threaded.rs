//! [`Threaded`]: a descriptor whose calls are made by the hub's thread pool. Source: `FileObjectThread` in gevent's
//! `_fileobjectcommon.py`.

use std::cell::RefCell;
use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::Arc;

use greenlet_core::Exception;
use hub::try_get_hub;
use parking_lot::Mutex;
use rustix::io::retry_on_intr;

use super::buffers::Buffers;
use super::source::{Source, closes};
use crate::descriptor::tell_watchers;
use crate::event::AsyncResult;
use crate::lock::Semaphore;
use crate::no_sigpipe::without_sigpipe;
use crate::socket::cancel_wait_ex as closed;
use crate::threadpool::{HubExt, LostInForkError, ThreadPool, apply_io};

/// A descriptor whose calls block a thread of the pool, one at a time.
///
/// A call goes on if the greenlet that waits for it is killed: what it has read is read, and what it has written is
/// written. So its result is kept, and the next call takes it first.
pub(super) struct Threaded {
    source: RefCell<Option<Source>>,
    pool: ThreadPool,
    /// Held by the greenlet that makes a call. The others wait in their order.
    lock: Semaphore,
    under_way: RefCell<Option<Rc<UnderWay>>>,
}

/// What a thread is to do.
pub(super) enum Job {
    /// To read so many bytes at most, behind what was read ahead. Nothing if there are some.
    Read(usize),
    /// To write what is to be written.
    Write,
    /// Something else, with a number for a result.
    Other(Function),
}

type Function = Box<dyn FnOnce(&Source) -> io::Result<u64> + Send>;

/// A call that a thread makes.
struct UnderWay {
    ended: AsyncResult<()>,
    work: Arc<Mutex<Work>>,
}

/// The bytes of a call, and its result when it is done.
struct Work {
    what: What,
    data: Vec<u8>,
    result: Option<io::Result<u64>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// This many bytes at most.
    Read(usize),
    Write,
    Other,
}

impl Threaded {
    pub(super) fn new(source: Source) -> io::Result<Threaded> {
        let hub = try_get_hub().map_err(Exception::from)?;
        Ok(Threaded {
            source: RefCell::new(Some(source)),
            pool: hub.threadpool(),
            lock: Semaphore::new(1),
            under_way: RefCell::default(),
        })
    }

    pub(super) fn source(&self) -> io::Result<Source> {
        self.source.borrow().clone().ok_or_else(closed)
    }

    /// Has a thread do the job, and waits for that. Bytes go from and to the buffers.
    #[track_caller]
    pub(super) fn perform(&self, job: Job, buffers: &RefCell<Buffers>) -> io::Result<u64> {
        let _guard = self.lock.acquire_guard()?;
        // What an earlier call has failed with was told to nobody; if it is still so, this one finds out.
        let _ = self.settle(buffers)?;
        let source = self.source()?;
        let (what, data, function) = match job {
            Job::Read(_) if !buffers.borrow().ahead.is_empty() => return Ok(0),
            Job::Read(most) => (What::Read(most), buffers.borrow_mut().ahead.place(most), None),
            Job::Write if buffers.borrow().out.is_empty() => return Ok(0),
            Job::Write => (What::Write, std::mem::take(&mut buffers.borrow_mut().out), None),
            Job::Other(function) => (What::Other, Vec::new(), Some(function)),
        };
        let work = Arc::new(Mutex::new(Work {
            what,
            data,
            result: None,
        }));
        let its = work.clone();
        let spawned = self.pool.spawn(move || {
            let mut work = its.lock();
            let result = match (what, function) {
                (What::Read(most), _) => {
                    retry_on_intr(|| rustix::io::read(source.as_fd(), &mut work.data[..most])).map_err(io::Error::from)
                }
                (What::Write, _) => write(&source, &work.data),
                (What::Other, function) => {
                    work.result = function.map(|function| function(&source));
                    return;
                }
            };
            work.result = Some(result.map(|n| n as u64));
        });
        match spawned {
            Ok(ended) => {
                self.under_way.replace(Some(Rc::new(UnderWay { ended, work })));
                self.settle(buffers)?.unwrap_or(Ok(0))
            }
            Err(error) => {
                // No thread was told, so the bytes go back.
                let _ = deliver(&work, buffers);
                Err(error.into())
            }
        }
    }

    /// Waits for the call that is under way, if there is one, and takes its result.
    #[track_caller]
    fn settle(&self, buffers: &RefCell<Buffers>) -> io::Result<Option<io::Result<u64>>> {
        let Some(under_way) = self.under_way.borrow().clone() else {
            return Ok(None);
        };
        under_way.ended.wait()?;
        self.under_way.take();
        let result = deliver(&under_way.work, buffers);
        // It has no result if the process has forked, and the thread is in the parent.
        let lost = || under_way.ended.exception().unwrap_or_else(|| LostInForkError.into());
        Ok(Some(result.unwrap_or_else(|| Err(lost().into()))))
    }

    /// Writes what is to be written in this thread, which this may block, unless a call is under way.
    pub(super) fn write_here(&self, buffers: &RefCell<Buffers>) {
        let (Ok(source), None) = (self.source(), &*self.under_way.borrow()) else {
            return;
        };
        let out = std::mem::take(&mut buffers.borrow_mut().out);
        let mut left = &out[..];
        while let Ok(n @ 1..) = write(&source, left) {
            left = &left[n..];
        }
    }

    /// Waits for the call that is under way, and gives the descriptor up: a thread closes it, if this is the last
    /// handle of it. If the wait is ended, the descriptor is closed when the call is done.
    #[track_caller]
    pub(super) fn close(&self) -> io::Result<()> {
        let Some(source) = self.source.take() else {
            return Ok(());
        };
        if let Some(fd) = closes(&source)
            && let Ok(hub) = try_get_hub()
            && tell_watchers(&hub, fd)
        {
            // It is closed when they have been told, or at once if the loop is destroyed.
            hub.loop_()
                .run_callback(move || drop(source))
                .map_err(Exception::from)?;
            return Ok(());
        }
        apply_io(&self.pool, move || {
            drop(source);
            Ok(())
        })
    }
}

/// Writes in this thread, which this may block.
fn write(source: &Source, data: &[u8]) -> io::Result<usize> {
    without_sigpipe(data.len(), || {
        Ok(retry_on_intr(|| rustix::io::write(source.as_fd(), data))?)
    })
}

/// Takes what a call has read, or gives back what it has not written. Returns its result, if it was made.
fn deliver(work: &Mutex<Work>, buffers: &RefCell<Buffers>) -> Option<io::Result<u64>> {
    let (what, mut data, result) = {
        let mut work = work.lock();
        (work.what, std::mem::take(&mut work.data), work.result.take())
    };
    let n = result.as_ref().and_then(|result| result.as_ref().ok());
    let n = n.map_or(0, |n| *n as usize).min(data.len());
    let mut buffers = buffers.borrow_mut();
    match what {
        What::Read(_) => buffers.ahead.put(data, n),
        What::Write => {
            data.drain(..n);
            data.append(&mut buffers.out);
            buffers.out = data;
        }
        What::Other => {}
    }
    result
}
