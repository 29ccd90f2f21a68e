//! [`MonitoredHub`], and the monitoring thread as a part of its hub.

use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::{self, ThreadId};

use greenlet_core::ThreadWatch;

use crate::core::{ForkMutex, ThreadsafeLoop};
use crate::events::{PeriodicMonitorThreadStartedEvent, notify};
use crate::exception_stream::ExceptionStream;
use crate::get_hub_if_exists;
use crate::hub::Hub;
use crate::monitor::PeriodicMonitoringThread;

/// So many reports wait for a loop that is blocked: the first ones, and the latest, which tells of the longest time.
const MOST_UNPRINTED: usize = 8;

/// What any thread may know of a hub that is monitored.
#[derive(Clone)]
pub struct MonitoredHub(Arc<Facts>);

struct Facts {
    loop_: ThreadsafeLoop,
    greenlet_id: u64,
    minimal_ident: u64,
    main_hub: bool,
    thread_ident: ThreadId,
    thread_name: String,
    watch: ThreadWatch,
    stream: Arc<Stream>,
    /// What the loop is to print, when it runs again.
    unprinted: ForkMutex<Vec<String>>,
}

impl MonitoredHub {
    /// The facts about a hub of this thread.
    pub(super) fn of(hub: &Hub) -> MonitoredHub {
        let thread = thread::current();
        let thread_ident = hub.thread_ident();
        MonitoredHub(Arc::new(Facts {
            loop_: hub.loop_().threadsafe(),
            greenlet_id: hub.greenlet().id(),
            minimal_ident: hub.minimal_ident(),
            main_hub: hub.main_hub(),
            thread_ident,
            thread_name: match thread.name() {
                Some(name) => format!("thread {name:?}"),
                None => format!("{thread_ident:?}"),
            },
            watch: ThreadWatch::here(),
            stream: hub.body().stream.clone(),
            unprinted: ForkMutex::new(Vec::new()),
        }))
    }

    /// The hub's loop, for other threads.
    pub fn loop_(&self) -> &ThreadsafeLoop {
        &self.0.loop_
    }

    /// See [`Hub::minimal_ident`].
    pub fn minimal_ident(&self) -> u64 {
        self.0.minimal_ident
    }

    /// See [`Hub::main_hub`].
    pub fn main_hub(&self) -> bool {
        self.0.main_hub
    }

    /// See [`Hub::thread_ident`].
    pub fn thread_ident(&self) -> ThreadId {
        self.0.thread_ident
    }

    /// Whether the hub's thread is over, or its loop destroyed.
    pub fn dead(&self) -> bool {
        self.0.watch.is_over() || self.0.loop_.destroyed()
    }

    /// The id of the hub's greenlet.
    pub(super) fn greenlet_id(&self) -> u64 {
        self.0.greenlet_id
    }

    pub(super) fn thread_name(&self) -> &str {
        &self.0.thread_name
    }

    pub(super) fn watch(&self) -> &ThreadWatch {
        &self.0.watch
    }

    /// Prints a text to the hub's exception stream: at once if that is standard error; if it is the program's own, when
    /// the loop runs again, because it belongs to the loop's thread.
    pub(super) fn print(&self, text: String) {
        match self.0.stream.0.load(Ordering::Relaxed) {
            Stream::STDERR => {
                let _ = io::Write::write_all(&mut io::stderr(), text.as_bytes());
            }
            Stream::WRITE => {
                let mut unprinted = self.0.unprinted.lock();
                let is_first = unprinted.is_empty();
                if unprinted.len() == MOST_UNPRINTED {
                    unprinted.pop();
                }
                unprinted.push(text);
                drop(unprinted);
                if !is_first {
                    return;
                }
                let facts = self.0.clone();
                // The error says that the loop is destroyed: then there is no stream any more.
                let _ = self.0.loop_.run_callback_threadsafe(move || {
                    let texts = std::mem::take(&mut *facts.unprinted.lock());
                    if let Some(hub) = get_hub_if_exists().filter(|hub| hub.minimal_ident() == facts.minimal_ident) {
                        texts.into_iter().for_each(|text| hub.print_text(text));
                    }
                });
            }
            _ => {}
        }
    }
}

impl fmt::Debug for MonitoredHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "<Hub #{} {:?} of {}>",
            self.0.minimal_ident, self.0.loop_, self.0.thread_name
        )
    }
}

/// The kind of a hub's exception stream.
#[derive(Default)]
pub(crate) struct Stream(AtomicU8);

impl Stream {
    const STDERR: u8 = 0;
    const DISCARD: u8 = 1;
    const WRITE: u8 = 2;

    pub(crate) fn note(&self, stream: &ExceptionStream) {
        let kind = match stream {
            ExceptionStream::Stderr => Stream::STDERR,
            ExceptionStream::Discard => Stream::DISCARD,
            ExceptionStream::Write(_) => Stream::WRITE,
        };
        self.0.store(kind, Ordering::Relaxed);
    }
}

/// The monitoring thread of a hub. Dropping this ends the thread.
pub(crate) struct MonitorSlot {
    monitor: PeriodicMonitoringThread,
    /// The hub's hook for the child of a fork, where the thread has to be started anew.
    _reinit: Rc<dyn Fn()>,
}

impl Drop for MonitorSlot {
    fn drop(&mut self) {
        self.monitor.kill();
    }
}

impl Hub {
    /// Starts a [thread that monitors](crate::monitor) this hub, if there is none. The hub of the process's first
    /// thread has the [memory](crate::config::max_memory_usage) looked at, too. The thread ends with the hub.
    ///
    /// A [`PeriodicMonitorThreadStartedEvent`] is delivered.
    ///
    /// # Errors
    /// The system's, if it starts no thread.
    pub fn start_periodic_monitoring_thread(&self) -> io::Result<PeriodicMonitoringThread> {
        if let Some(monitor) = self.periodic_monitoring_thread() {
            return Ok(monitor);
        }
        let monitor = PeriodicMonitoringThread::start(MonitoredHub::of(self))?;
        let again = monitor.clone();
        let reinit: Rc<dyn Fn()> = Rc::new(move || again.on_fork());
        self.on_reinit(Rc::downgrade(&reinit) as _);
        let slot = MonitorSlot {
            monitor: monitor.clone(),
            _reinit: reinit,
        };
        let old = self.body().monitor.replace(Some(slot));
        drop(old);
        if self.main_hub() {
            monitor.install_monitor_memory_usage();
        }
        notify(&mut PeriodicMonitorThreadStartedEvent::new(monitor.clone()));
        Ok(monitor)
    }

    /// The thread that monitors this hub, if there is one.
    ///
    /// Source: the attribute of that name of gevent's hub.
    pub fn periodic_monitoring_thread(&self) -> Option<PeriodicMonitoringThread> {
        let slot = self.body().monitor.borrow();
        slot.as_ref()
            .map(|slot| slot.monitor.clone())
            .filter(PeriodicMonitoringThread::should_run)
    }

    /// Ends the thread that monitors this hub.
    pub(crate) fn end_monitoring(&self) {
        let slot = self.body().monitor.take();
        drop(slot);
    }
}
