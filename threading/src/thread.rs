//! [`Thread`]: a handle by which any thread wakes a virtual one, and the waits that it ends.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use greenlet_core::unwind::{Caught, catch};
use greenlet_core::{Exception, ThreadSlot, getcurrent, getmain, thread_is_over};
use hub::core::{NotifyThreadsafe, ThreadsafeLoop};
use hub::{Context, Hub, Park, Resume, TimeLimit, get_hub_if_exists, hub_to_wait_in};

use crate::here::{is_quiet, outside, raise, virtual_thread, wait_outside};
use crate::left_behind::when_left;
use crate::locks::{self, lock};

/// The number of a virtual thread, of a greenlet, or of a real thread, as [`current`] gives one to whoever asks. It is
/// never used twice. Not the number of [`std::thread::ThreadId`], which every virtual thread has, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThreadId(NonZeroU64);

impl ThreadId {
    fn new() -> ThreadId {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        ThreadId(NonZeroU64::new(number).expect("there are not so many threads"))
    }
}

/// A handle of a virtual thread, for any thread. Its clones mean the same one.
///
/// ```
/// use gevent_threading::{current, park, spawn};
///
/// let main = current();
/// let other = spawn(move || {
///     assert_ne!(current().id(), main.id());
///     main.unpark();
/// });
/// park();
/// other.join().expect("it does not panic");
/// ```
#[derive(Clone)]
pub struct Thread(Arc<Inner>);

struct Inner {
    id: ThreadId,
    name: Option<Box<str>>,
    /// [`NOTHING`], [`PARKED`] or [`NOTIFIED`].
    state: AtomicU8,
    /// How the thread is woken, since it has parked last.
    wake: Mutex<Wake>,
    /// Where a thread waits that has no hub. Not `std::thread::park`, whose token is the user's.
    unparked: Condvar,
}

const NOTHING: u8 = 0;
const PARKED: u8 = 1;
const NOTIFIED: u8 = 2;

enum Wake {
    /// It has not parked yet.
    None,
    /// It is parked in the hub that runs this loop.
    Loop(ThreadsafeLoop),
    /// It is a real thread that has no hub.
    Thread,
}

thread_local! {
    /// The handle of a real thread, and of its main greenlet.
    static REAL: OnceCell<Thread> = const { OnceCell::new() };
    /// The parks of this thread's greenlets, by their handles' numbers. They cannot be sent to the threads that end
    /// them, which send the number instead.
    static PARKS: ThreadSlot<BTreeMap<ThreadId, Resume>> =
        const { ThreadSlot::new(BTreeMap::new(), || PARKS.with(ThreadSlot::clear)) };
}

impl Thread {
    pub(crate) fn new(name: Option<Box<str>>) -> Thread {
        Thread(Arc::new(Inner {
            id: ThreadId::new(),
            name,
            state: AtomicU8::new(NOTHING),
            wake: Mutex::new(Wake::None),
            unparked: Condvar::new(),
        }))
    }

    /// Its number.
    pub fn id(&self) -> ThreadId {
        self.0.id
    }

    /// The name that it was given by [`Builder::name`](crate::Builder::name).
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Has the thread's [`park`] return: the one that it is in, or else the next one. Any thread may call this.
    ///
    /// Source: [`std::thread::Thread::unpark`].
    pub fn unpark(&self) {
        self.try_unpark();
    }

    /// [`unpark`](Thread::unpark). Returns false if the thread is parked and will never run again, as its hub is gone.
    pub(crate) fn try_unpark(&self) -> bool {
        self.0.state.swap(NOTIFIED, Ordering::AcqRel) != PARKED || outside(|| self.wake())
    }

    /// Wakes the thread, which is parked. Runs in a real thread. Returns false if its hub is gone.
    fn wake(&self) -> bool {
        let wake = lock(&self.0.wake);
        match &*wake {
            Wake::None => true,
            Wake::Thread => {
                self.0.unparked.notify_one();
                true
            }
            Wake::Loop(loop_) => {
                let loop_ = loop_.clone();
                drop(wake);
                // If the loop is destroyed, the park has ended, or will never end.
                (loop_.is_here() && self.0.resume_soon())
                    || loop_.run_callback_notify_threadsafe(self.0.clone()).is_ok()
            }
        }
    }

    /// Waits for [`unpark`](Thread::unpark). To be called by the thread itself.
    fn park(&self, limit: Option<Duration>) -> Result<(), Exception> {
        if self.0.take_notice() {
            return Ok(());
        }
        wait_outside(|| self.park_in_carrier(limit))
    }

    /// [`park`](Thread::park) with a real thread's pointer.
    fn park_in_carrier(&self, limit: Option<Duration>) -> Result<(), Exception> {
        if get_hub_if_exists().is_some() {
            return self.park_greenlet(limit);
        }
        self.park_thread(limit);
        Ok(())
    }

    /// Waits for [`unpark`](Thread::unpark) once, and holds an exception back that is thrown into the caller.
    ///
    /// # Errors
    /// The reason why the caller cannot wait.
    pub(crate) fn park_held(&self, limit: Option<Duration>) -> Result<Option<Exception>, Exception> {
        wait_outside(|| self.park_held_in_carrier(limit))
    }

    /// As [`park_held`](Thread::park_held). `left` is called [if the caller is left behind](when_left).
    pub(crate) fn park_held_in_line(
        &self,
        limit: Option<Duration>,
        left: &dyn Fn(),
    ) -> Result<Option<Exception>, Exception> {
        wait_outside(|| when_left(left, || self.park_held_in_carrier(limit)))
    }

    /// [`park_held`](Thread::park_held) with a real thread's pointer.
    fn park_held_in_carrier(&self, limit: Option<Duration>) -> Result<Option<Exception>, Exception> {
        match self.park_in_carrier(limit) {
            Ok(()) => Ok(None),
            Err(exception) if exception.thrown_here().is_some() => Ok(Some(exception)),
            Err(exception) => Err(exception),
        }
    }

    /// Waits as [`park`] does, in a wait that has to come to its end: lets nothing unwind, and returns what is to be
    /// raised by the caller.
    ///
    /// In a destructor that runs because of a panic, or at the end of the thread, nothing can be raised. There, this
    /// goes on to wait; and where greenlets cannot wait any more, the operating system's thread waits.
    ///
    /// `left` is called [when the caller is left behind](when_left).
    pub(crate) fn park_for_sure(&self, limit: Option<Duration>, left: &dyn Fn()) -> Option<Caught> {
        let mut has_failed = false;
        loop {
            return match catch(|| self.park_held_in_line(limit, left)) {
                Ok(Ok(thrown)) => thrown.filter(|_| !is_quiet()).map(Caught::Panic),
                // A switch that it does not wait for ends a park once. Where it cannot park, that fails again.
                Ok(Err(_)) if is_quiet() && !has_failed => {
                    has_failed = true;
                    continue;
                }
                Ok(Err(_)) if is_quiet() => {
                    outside(|| self.park_thread(limit));
                    None
                }
                Ok(Err(exception)) => Some(Caught::Panic(exception)),
                Err(caught) => Some(caught),
            };
        }
    }

    fn park_greenlet(&self, limit: Option<Duration>) -> Result<(), Exception> {
        let hub = hub_to_wait_in()?;
        let park = Park::on(&hub, "threading::park", Arc::as_ptr(&self.0).addr())?;
        let limit = TimeLimit::start(&hub, &park, limit.map(|limit| limit.as_secs_f64()))?;
        let listed = Listed::new(&hub, self.0.id, park.resume())?;
        self.0.woken_by(|known| match known {
            Wake::Loop(loop_) if loop_.is(hub.loop_()) => None,
            _ => Some(Wake::Loop(hub.loop_().threadsafe())),
        });
        let Some(parked) = Parked::begin(&self.0) else {
            return Ok(());
        };
        let waited = park.wait(&hub, &"an unpark");
        if waited.is_ok() {
            parked.end();
        }
        drop((limit, listed));
        waited
    }

    /// Parks a thread that has no hub.
    fn park_thread(&self, limit: Option<Duration>) {
        // A time that is too long for an `Instant` is no limit.
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        self.0.woken_by(|known| match known {
            Wake::Thread => None,
            _ => Some(Wake::Thread),
        });
        // Whoever wakes it has to wait for this lock, which is only free while the thread listens.
        let mut wake = lock(&self.0.wake);
        let Some(parked) = Parked::begin(&self.0) else { return };
        while self.0.state.load(Ordering::Acquire) == PARKED {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                break;
            }
            wake = locks::wait(&self.0.unparked, wake, left);
        }
        parked.end();
    }
}

impl Inner {
    /// Takes a notice that has come. Returns whether there was one.
    fn take_notice(&self) -> bool {
        (self.state)
            .compare_exchange(NOTIFIED, NOTHING, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    /// Notes how the thread is woken from now on, unless that is known.
    fn woken_by(&self, by: impl FnOnce(&Wake) -> Option<Wake>) {
        let mut wake = lock(&self.wake);
        if let Some(new) = by(&wake) {
            let old = std::mem::replace(&mut *wake, new);
            drop(wake);
            drop(old);
        }
    }

    /// The park of this thread's that the handle is for.
    fn parked_here(&self) -> Option<Resume> {
        PARKS
            .with(|slot| slot.with(|parks| parks.borrow().get(&self.id).cloned()))
            .flatten()
    }

    /// Has the park end in the next round of this thread's loop. Returns false if there is none.
    fn resume_soon(&self) -> bool {
        let (Some(resume), Some(hub)) = (self.parked_here(), get_hub_if_exists()) else {
            return false;
        };
        hub.loop_().run_callback_resume(resume).is_ok()
    }
}

/// The wake-up of another thread: called in the hub.
impl NotifyThreadsafe for Inner {
    fn notify(self: Arc<Self>) {
        let Some(resume) = self.parked_here() else { return };
        if let (Err(exception), Some(hub)) = (resume.switch(), get_hub_if_exists()) {
            hub.report_error(Context::Switch(resume.greenlet()), exception);
        }
    }
}

/// The state [`PARKED`]. However the wait ends, it ends; a notice that came is kept, unless the park has
/// [ended](Parked::end) by it.
struct Parked<'a>(&'a Inner);

impl<'a> Parked<'a> {
    /// None if a notice had come already, which is taken.
    fn begin(inner: &'a Inner) -> Option<Parked<'a>> {
        let begun = (inner.state).compare_exchange(NOTHING, PARKED, Ordering::AcqRel, Ordering::Relaxed);
        if begun.is_err() {
            inner.take_notice();
            return None;
        }
        Some(Parked(inner))
    }

    fn end(self) {
        self.0.state.swap(NOTHING, Ordering::Acquire);
    }
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        let _ = (self.0.state).compare_exchange(PARKED, NOTHING, Ordering::Acquire, Ordering::Relaxed);
    }
}

/// A park in its thread's table, which keeps the loop running: another thread may end it.
struct Listed<'a>(&'a Hub, ThreadId);

impl<'a> Listed<'a> {
    fn new(hub: &'a Hub, id: ThreadId, resume: Resume) -> Result<Self, Exception> {
        hub.loop_().ref_()?;
        let listed = Listed(hub, id);
        let old = PARKS.with(|slot| slot.with(|parks| parks.borrow_mut().insert(id, resume)));
        drop(old);
        Ok(listed)
    }
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        let resume = PARKS.with(|slot| slot.with(|parks| parks.borrow_mut().remove(&self.1)));
        drop(resume);
        // This fails if the loop is destroyed, and nothing is to be undone then.
        let _ = self.0.loop_().unref();
    }
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = f.debug_struct("Thread");
        all.field("id", &self.id())
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

/// The handle of the caller: of the virtual thread, or else of the greenlet, or of the real thread.
///
/// Source: [`std::thread::current`].
pub fn current() -> Thread {
    virtual_thread().unwrap_or_else(|| {
        if thread_is_over() {
            return real_thread();
        }
        let greenlet = getcurrent();
        if greenlet == getmain() {
            return real_thread();
        }
        let known = greenlet.local::<Thread>();
        known.map_or_else(
            || {
                let thread = Thread::new(greenlet.name().map(|name| Box::from(&*name)));
                greenlet.set_local(thread.clone());
                thread
            },
            |known| (*known).clone(),
        )
    })
}

fn real_thread() -> Thread {
    let new = || Thread::new(std::thread::current().name().map(Box::from));
    // Where thread-locals are being destroyed, the handle is for this wait only.
    REAL.try_with(|real| real.get_or_init(new).clone())
        .unwrap_or_else(|_| new())
}

/// Waits until somebody calls [`Thread::unpark`] of the caller's handle, or returns at once if somebody has. It may
/// also return for no reason.
///
/// In a virtual thread, and in a greenlet, the others go on meanwhile.
///
/// Source: [`std::thread::park`].
///
/// # Panics
/// An exception that is thrown into the caller meanwhile, by a kill for instance, is raised as a panic with the
/// [`Exception`] as its payload. In a destructor that runs because of a panic, this returns instead.
pub fn park() {
    park_once().unwrap_or_else(raise);
}

/// [`park`], which tells of the exception that has ended the wait.
pub(crate) fn park_once() -> Result<(), Exception> {
    current().park(None)
}

/// Waits as [`park`] does, at most for the time given.
///
/// Source: [`std::thread::park_timeout`].
///
/// # Panics
/// As [`park`].
pub fn park_timeout(limit: Duration) {
    current().park(Some(limit)).unwrap_or_else(raise);
}

/// Waits for at least the time given.
///
/// ```
/// use std::time::Duration;
/// use gevent_threading::{sleep, spawn};
///
/// let sleeper = || spawn(|| sleep(Duration::from_millis(1)));
/// // All sleep at the same time.
/// let sleepers: Vec<_> = (0..10).map(|_| sleeper()).collect();
/// sleepers.into_iter().for_each(|sleeper| sleeper.join().expect("it does not panic"));
/// ```
///
/// Source: [`std::thread::sleep`].
///
/// # Panics
/// As [`park`].
pub fn sleep(time: Duration) {
    let slept = wait_outside(|| match get_hub_if_exists() {
        Some(_) => hub::sleep(time),
        None => {
            std::thread::sleep(time);
            Ok(())
        }
    });
    slept.unwrap_or_else(raise);
}

/// Lets the others run that can.
///
/// Source: [`std::thread::yield_now`].
///
/// # Panics
/// As [`park`].
pub fn yield_now() {
    let yielded = wait_outside(|| match get_hub_if_exists() {
        Some(_) => hub::sleep(0),
        None => {
            std::thread::yield_now();
            Ok(())
        }
    });
    yielded.unwrap_or_else(raise);
}
