//! [`spawn`] and [`Builder`]: making virtual threads; [`JoinHandle`]: waiting for one.

use std::any::Any;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use greenlet_core::unwind::{Caught, catch, discard};
use greenlet_core::{Attached, Data, Exception, Label, RawGreenlet, StackSize, Value};
use hub::core::HubDestroyed;
use hub::hub_to_wait_in;

use crate::here::{self, outside, raise};
use crate::left_behind::tell_joiners_at_end;
use crate::locks::lock;
use crate::machine::{self, Block, SharedBlock};
use crate::thread::{Thread, current, park_once};
use crate::unsupported::Unsupported;

/// The size of a virtual thread's stack, unless another one is asked for, here or by `RUST_MIN_STACK` in the
/// environment: that of std's threads. Only what is used of it takes memory.
pub const DEFAULT_STACK_SIZE: usize = 2 << 20;

/// The least size of a stack. A few kilobytes would not do for what this crate itself, and the hub, need there; and
/// `pthread_attr_setstack` takes none that is smaller than the C library's own least size, which is this on aarch64.
const LEAST_STACK_SIZE: usize = 128 << 10;

/// The size of a stack unless another one is asked for: `RUST_MIN_STACK` in the environment, as for std's threads.
fn usual_stack_size() -> usize {
    static SIZE: OnceLock<usize> = OnceLock::new();
    *SIZE.get_or_init(|| {
        let set = std::env::var("RUST_MIN_STACK").ok().and_then(|size| size.parse().ok());
        set.unwrap_or(DEFAULT_STACK_SIZE)
    })
}

/// Whether virtual threads can be made here. The first call tries one out.
///
/// ```
/// if let Err(reason) = gevent_threading::supported() {
///     eprintln!("no virtual threads: {reason}");
/// }
/// ```
///
/// # Errors
/// The reason why not.
pub fn supported() -> Result<(), Unsupported> {
    outside(machine::supported)
}

/// Settings for a virtual thread that is to be made.
///
/// ```
/// use gevent_threading::{Builder, current};
///
/// let worker = Builder::new().name("worker".into()).stack_size(256 << 10).spawn(|| {
///     assert_eq!(current().name(), Some("worker"));
/// })?;
/// worker.join().expect("it does not panic");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// Source: [`std::thread::Builder`].
#[derive(Debug, Default)]
#[must_use = "settings alone make no thread"]
pub struct Builder {
    name: Option<String>,
    stack_size: Option<usize>,
}

impl Builder {
    /// No name, and a stack of [`DEFAULT_STACK_SIZE`] or as large as `RUST_MIN_STACK` in the environment says.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Sets the name. [`std::thread::current`] does not know it.
    pub fn name(mut self, name: String) -> Builder {
        self.name = Some(name);
        self
    }

    /// Sets the size of the stack in bytes. It is 128 KiB at least.
    pub fn stack_size(mut self, size: usize) -> Builder {
        self.stack_size = Some(size);
        self
    }

    /// Makes a virtual thread of the calling thread, which runs when the caller waits. A virtual thread makes others of
    /// the thread that carries it.
    ///
    /// # Errors
    /// With the kind [`Unsupported`](io::ErrorKind::Unsupported) and the error [`Unsupported`] where there are no
    /// virtual threads; else with the [`Exception`] that says why the thread has no hub, as an error of the kind that
    /// it has.
    pub fn spawn<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (packet, thread) = self.start(f, None)?;
        Ok(JoinHandle(Joining { packet, thread }))
    }

    /// Makes the virtual thread. `left` is called when it has ended, and all that it has captured is gone.
    pub(crate) fn start<'a, F, T>(
        self,
        f: F,
        left: Option<Box<dyn FnOnce() + Send>>,
    ) -> io::Result<(Arc<Packet<T>>, Thread)>
    where
        F: FnOnce() -> T + Send + 'a,
        T: Send + 'a,
    {
        let thread = Thread::new(self.name.map(String::into_boxed_str));
        let borrows = left.is_some();
        let ending = Arc::new(Ending::default());
        let packet = Arc::new(Packet {
            result: Mutex::new(None),
            ending: ending.clone(),
        });
        let theirs = packet.clone();
        let function: Box<dyn FnOnce() + Send + 'a> = Box::new(move || theirs.run(f));
        // SAFETY: a function that borrows is gone before `left` is called, or is kept for ever on a stack that is never
        // used again; and `scope`, which alone passes `left` and something that is not 'static, does not return before
        // `left` was called. What is returned to the caller has the lifetime in its type.
        #[allow(unsafe_code)]
        let function = unsafe {
            std::mem::transmute::<Box<dyn FnOnce() + Send + 'a>, Box<dyn FnOnce() + Send + 'static>>(function)
        };
        let job = Job {
            function: Function(Some(function)),
            _end: End {
                ending: ending.clone(),
                left,
            },
        };
        let (theirs, size) = (thread.clone(), self.stack_size.unwrap_or_else(usual_stack_size));
        outside(move || start_greenlet(job, Started { ending, borrows }, theirs, size, None))?;
        Ok((packet, thread))
    }
}

/// Makes the greenlet of a virtual thread whose block is there already. To be called by the carrier.
pub(crate) fn start_native(
    function: Box<dyn FnOnce() + Send>,
    thread: Thread,
    size: usize,
    block: Arc<SharedBlock>,
) -> io::Result<Arc<Ending>> {
    let ending = Arc::new(Ending::default());
    let job = Job {
        function: Function(Some(function)),
        _end: End {
            ending: ending.clone(),
            left: None,
        },
    };
    let started = Started {
        ending: ending.clone(),
        borrows: false,
    };
    start_greenlet(job, started, thread, size, Some(block))?;
    Ok(ending)
}

/// Makes the greenlet, in the hub of the calling thread.
fn start_greenlet(
    job: Job,
    started: Started,
    thread: Thread,
    size: usize,
    block: Option<Arc<SharedBlock>>,
) -> io::Result<()> {
    machine::supported()?;
    let failed = |exception: Exception| io::Error::from(exception);
    let hub = hub_to_wait_in().map_err(failed)?;
    tell_joiners_at_end();
    let name = Name(thread.clone());
    let greenlet = RawGreenlet::builder()
        .parent(hub.greenlet())
        .stack_size(StackSize::bytes(size.max(LEAST_STACK_SIZE)))
        .label(name)
        .build_with(started, move |started: &Started, _| carry(started, job, thread, block));
    let queued = hub.loop_().run_callback_start(greenlet.greenlet().clone());
    queued.map_err(|error| failed(error.into()))
}

/// The function of the greenlet that carries a virtual thread.
fn carry(started: &Started, job: Job, thread: Thread, shared: Option<Arc<SharedBlock>>) -> Result<Value, Exception> {
    let Job { function, _end: end } = job;
    let own = match shared {
        None => Block::new(),
        Some(_) => None,
    };
    let Some(block) = own.as_ref().or_else(|| shared.as_ref().map(|shared| shared.block())) else {
        started
            .ending
            .because(Exception::from(io::Error::from(io::ErrorKind::OutOfMemory)));
        drop((function, end));
        return Ok(Value::None);
    };
    started.ending.runs.store(true, Ordering::Relaxed);
    let unwinding = here::run(block, thread, || function.call());
    here::look_at_clock();
    drop((own, shared));
    drop(end);
    match unwinding {
        Some(unwinding) => unwinding.resume(),
        None => Ok(Value::None),
    }
}

/// What the greenlet runs. The function is dropped first.
struct Job {
    function: Function,
    _end: End,
}

/// The function of a virtual thread, there until it is called. If it never is, what it owns is dropped by whoever ends
/// the greenlet. A panic there is the virtual thread's, and goes no further.
struct Function(Option<Box<dyn FnOnce() + Send>>);

impl Function {
    fn call(mut self) {
        self.0.take().expect("it was not called")();
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let function = self.0.take();
        match catch(|| drop(function)) {
            Ok(()) | Err(Caught::Panic(_)) => {}
            Err(Caught::Forced(unwinding)) => unwinding.resume(),
        }
    }
}

/// Tells of the end when it is dropped.
struct End {
    ending: Arc<Ending>,
    left: Option<Box<dyn FnOnce() + Send>>,
}

impl Drop for End {
    fn drop(&mut self) {
        self.ending.end();
        if let Some(left) = self.left.take() {
            left();
        }
    }
}

/// The data of the greenlet.
pub(crate) struct Started {
    ending: Arc<Ending>,
    /// Whether the function borrows from a scope.
    borrows: bool,
}

impl Started {
    /// The carrier has ended, and the virtual thread never will, if it has begun.
    pub(crate) fn is_left_behind(&self, reason: Exception) {
        if self.ending.runs.load(Ordering::Relaxed) && !self.ending.is_over() {
            self.ending.because(reason);
            self.ending.end();
        }
    }
}

impl Data for Started {
    fn unrun(greenlet: &Attached<Self>) {
        let _ = Data::failed(greenlet, Exception::new(HubDestroyed));
    }

    fn failed(greenlet: &Attached<Self>, reason: Exception) -> Result<(), Exception> {
        let (ending, borrows) = (&greenlet.ending, greenlet.borrows);
        ending.because(reason);
        if ending.runs.load(Ordering::Relaxed) {
            // The stack has been given up, with all that is on it. The function will never be dropped.
            if borrows {
                crate::scope::abort("a thread of it has caught its unwinding, and has not ended");
            }
            ending.end();
        }
        Ok(())
    }
}

/// The name of a virtual thread, for lists of greenlets.
struct Name(Thread);

impl Label for Name {
    fn label(&self) -> Option<String> {
        self.0.name().map(str::to_owned)
    }
}

/// The end of a virtual thread: who waits for it.
#[derive(Default)]
pub(crate) struct Ending {
    runs: AtomicBool,
    ended: AtomicBool,
    /// Why there is no result.
    reason: Mutex<Option<Exception>>,
    waits: Mutex<Option<Thread>>,
}

impl Ending {
    fn because(&self, reason: Exception) {
        let old = lock(&self.reason).replace(reason);
        drop(old);
    }

    fn end(&self) {
        self.ended.store(true, Ordering::Release);
        let waits = lock(&self.waits).take();
        if let Some(thread) = waits {
            thread.unpark();
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Has the end unpark this thread, instead of another one.
    pub(crate) fn unparks(&self, thread: &Thread) {
        let old = lock(&self.waits).replace(thread.clone());
        drop(old);
    }

    /// Waits for the end.
    fn wait(&self) -> Result<(), Exception> {
        while !self.is_over() {
            self.unparks(&current());
            if !self.is_over() {
                park_once()?;
            }
        }
        Ok(())
    }
}

/// The result of a virtual thread.
pub(crate) struct Packet<T> {
    result: Mutex<Option<std::thread::Result<T>>>,
    ending: Arc<Ending>,
}

impl<T> Packet<T> {
    /// Runs the function. Called in the virtual thread.
    fn run(self: Arc<Self>, f: impl FnOnce() -> T) {
        let result = catch_unwind(AssertUnwindSafe(f));
        *lock(&self.result) = Some(result);
        // If nobody wants the result, it is dropped here, in its own thread.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(self))) {
            discard(payload);
        }
    }

    /// Takes the result, after the end.
    fn take(&self) -> std::thread::Result<T> {
        let result = lock(&self.result).take();
        result.unwrap_or_else(|| {
            let reason = lock(&self.ending.reason).take();
            Err(Box::new(reason.unwrap_or_else(|| Exception::new(HubDestroyed))))
        })
    }
}

/// A virtual thread that can be waited for.
pub(crate) struct Joining<T> {
    pub(crate) packet: Arc<Packet<T>>,
    pub(crate) thread: Thread,
}

impl<T> Joining<T> {
    pub(crate) fn join(self) -> std::thread::Result<T> {
        match self.packet.ending.wait() {
            Ok(()) => self.packet.take(),
            Err(exception) => {
                raise(exception.clone());
                // In a destructor, this cannot be raised.
                Err(Box::new(exception) as Box<dyn Any + Send>)
            }
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.packet.ending.is_over()
    }
}

/// A virtual thread that can be waited for. If this is dropped, the thread goes on.
///
/// Source: [`std::thread::JoinHandle`].
pub struct JoinHandle<T>(Joining<T>);

impl<T> JoinHandle<T> {
    /// Waits until the thread has ended and its thread-locals are destroyed, and returns its value. The others go on
    /// meanwhile, if the caller is a virtual thread or a greenlet of a thread that has a hub.
    ///
    /// # Errors
    /// The payload of the panic by which the thread has ended. It is an [`Exception`] if one was thrown into the thread
    /// (`GreenletExit` if it was killed, or its hub has ended), or if it could not begin.
    ///
    /// # Panics
    /// As [`park`](crate::park) does, if an exception is thrown into the caller. The thread goes on then, and nobody
    /// gets its value.
    pub fn join(self) -> std::thread::Result<T> {
        self.0.join()
    }

    /// Whether the thread has ended, so that [`join`](JoinHandle::join) does not wait.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    /// The thread's handle.
    pub fn thread(&self) -> &Thread {
        &self.0.thread
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JoinHandle").field(self.thread()).finish()
    }
}

/// Makes a virtual thread of the calling thread, which runs when the caller waits.
///
/// ```
/// use std::cell::Cell;
/// use gevent_threading::{spawn, yield_now};
///
/// thread_local!(static COUNT: Cell<u32> = const { Cell::new(0) });
///
/// let count = || {
///     for _ in 0..3 {
///         COUNT.set(COUNT.get() + 1);
///         yield_now();
///     }
///     COUNT.get()
/// };
/// let (one, other) = (spawn(count), spawn(count));
/// assert_eq!((one.join().unwrap(), other.join().unwrap()), (3, 3));
/// ```
///
/// Nothing that belongs to a thread comes in or gets out:
///
/// ```compile_fail,E0277
/// let shared = std::rc::Rc::new(1);
/// gevent_threading::spawn(move || *shared);
/// ```
///
/// ```compile_fail,E0277
/// gevent_threading::spawn(|| std::rc::Rc::new(1));
/// ```
///
/// Source: [`std::thread::spawn`].
///
/// # Panics
/// If it cannot be made; see [`Builder::spawn`].
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Builder::new().spawn(f).expect("failed to spawn a virtual thread")
}
