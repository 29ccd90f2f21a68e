//! [`scope`]: virtual threads that borrow from the function that makes them.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use greenlet_core::Exception;

use crate::here::raise;
use crate::spawn::{Builder, Joining};
use crate::thread::{Thread, current};

/// Where virtual threads are made that may borrow what outlives it; see [`scope`].
///
/// Source: [`std::thread::Scope`].
pub struct Scope<'scope, 'env: 'scope> {
    threads: Arc<Threads>,
    _scope: PhantomData<&'scope mut &'scope ()>,
    _env: PhantomData<&'env mut &'env ()>,
}

/// The threads of a scope.
struct Threads {
    running: AtomicUsize,
    /// How many have panicked, and were not joined.
    panicked: AtomicUsize,
    /// Who waits for them.
    owner: Thread,
}

impl Threads {
    /// Waits until none runs. Returns the first exception that was thrown into the caller meanwhile.
    fn wait(&self) -> Option<Exception> {
        let mut thrown = None;
        let unwound = AbortOnDrop;
        while self.running.load(Ordering::Acquire) > 0 {
            match self.owner.park_held(None) {
                Ok(exception) => thrown = thrown.or(exception),
                // They have ended meanwhile.
                Err(exception) if self.running.load(Ordering::Acquire) == 0 => thrown = thrown.or(Some(exception)),
                Err(exception) => abort(&format!("its caller cannot wait for its threads: {exception}")),
            }
        }
        std::mem::forget(unwound);
        thrown
    }
}

/// Ends the process if the caller of a scope is unwound where it waits.
struct AbortOnDrop;

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        abort("its caller is unwound while its threads run");
    }
}

/// Ends the process: the frame that a thread borrows from is about to be left, or never will be.
pub(crate) fn abort(why: &str) -> ! {
    eprintln!("gevent-threading: a scope cannot end: {why}");
    std::process::abort()
}

/// Calls `f`, in which virtual threads can be made that borrow from the caller, and then waits for all of them.
///
/// ```
/// use gevent_threading::{scope, yield_now};
///
/// let mut numbers = vec![1, 2, 3];
/// let mut sum = 0;
/// scope(|s| {
///     s.spawn(|| numbers.iter_mut().for_each(|number| { *number *= 2; yield_now() }));
///     s.spawn(|| sum += 1);
/// });
/// numbers.push(sum);
/// assert_eq!(numbers, [2, 4, 6, 1]);
/// ```
///
/// What a thread borrows has to live longer than the scope:
///
/// ```compile_fail,E0373
/// gevent_threading::scope(|s| {
///     let short = String::from("gone before the thread ends");
///     s.spawn(|| println!("{short}"));
/// });
/// ```
///
/// An exception that is thrown into the caller while it waits is held back until all threads have ended. If the caller
/// cannot wait, as its greenlet is unwound or its hub destroyed, and some thread has not ended, the process is aborted.
/// At the end of `hub::run` that does not come about: threads that are newer are unwound first.
///
/// Source: [`std::thread::scope`].
///
/// # Panics
/// With the panic of `f`; else if a thread has panicked, or could not begin, that nobody has joined; else as
/// [`park`](crate::park).
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let threads = Arc::new(Threads {
        running: AtomicUsize::new(0),
        panicked: AtomicUsize::new(0),
        owner: current(),
    });
    let scope = Scope {
        threads: threads.clone(),
        _scope: PhantomData,
        _env: PhantomData,
    };
    let result = catch_unwind(AssertUnwindSafe(|| f(&scope)));
    let thrown = threads.wait();
    match result {
        Err(payload) => resume_unwind(payload),
        Ok(_) if threads.panicked.load(Ordering::Relaxed) > 0 => panic!("a scoped thread panicked"),
        Ok(value) => {
            thrown.into_iter().for_each(raise);
            value
        }
    }
}

impl<'scope> Scope<'scope, '_> {
    /// Makes a virtual thread that may borrow what outlives the scope.
    ///
    /// # Panics
    /// If it cannot be made; see [`Builder::spawn`].
    pub fn spawn<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        Builder::new()
            .spawn_scoped(self, f)
            .expect("failed to spawn a virtual thread")
    }
}

impl Builder {
    /// Makes a virtual thread that may borrow what outlives the scope.
    ///
    /// # Errors
    /// As [`spawn`](Builder::spawn).
    pub fn spawn_scoped<'scope, F, T>(
        self,
        scope: &'scope Scope<'scope, '_>,
        f: F,
    ) -> io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let panicked = Arc::new(Panicked {
            is_counted: AtomicBool::new(false),
            threads: scope.threads.clone(),
        });
        scope.threads.running.fetch_add(1, Ordering::Relaxed);
        let running = Running(scope.threads.clone());
        let fails = CountsFailure(Some(panicked.clone()));
        let counted = move || {
            let mut fails = fails;
            let value = f();
            fails.0 = None;
            value
        };
        // If this fails, it drops the function, and then what tells the end.
        let started = self.start(counted, Some(Box::new(move || drop(running))));
        if started.is_err() {
            panicked.is_known();
        }
        let (packet, thread) = started?;
        Ok(ScopedJoinHandle {
            joining: Joining { packet, thread },
            panicked,
            _scope: PhantomData,
        })
    }
}

/// A thread of the scope that has not ended.
struct Running(Arc<Threads>);

impl Drop for Running {
    fn drop(&mut self) {
        let owner = self.0.owner.clone();
        if self.0.running.fetch_sub(1, Ordering::Release) == 1 {
            owner.unpark();
        }
    }
}

/// Whether a thread's function has panicked, or was never called, and nobody knows of it yet.
struct Panicked {
    is_counted: AtomicBool,
    threads: Arc<Threads>,
}

impl Panicked {
    /// Somebody has got the panic.
    fn is_known(&self) {
        if self.is_counted.swap(false, Ordering::Relaxed) {
            self.threads.panicked.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Notes, when it is dropped, that a thread's function has not returned: it has panicked, or was dropped instead.
struct CountsFailure(Option<Arc<Panicked>>);

impl Drop for CountsFailure {
    fn drop(&mut self) {
        if let Some(panicked) = &self.0 {
            panicked.is_counted.store(true, Ordering::Relaxed);
            panicked.threads.panicked.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A virtual thread of a [`scope`] that can be waited for.
///
/// Source: [`std::thread::ScopedJoinHandle`].
pub struct ScopedJoinHandle<'scope, T> {
    joining: Joining<T>,
    panicked: Arc<Panicked>,
    _scope: PhantomData<&'scope ()>,
}

impl<T> ScopedJoinHandle<'_, T> {
    /// Waits as [`JoinHandle::join`](crate::JoinHandle::join) does.
    ///
    /// # Errors
    /// The payload of the panic by which the thread has ended.
    ///
    /// # Panics
    /// As [`park`](crate::park), if an exception is thrown into the caller.
    pub fn join(self) -> std::thread::Result<T> {
        let ended = self.joining.join();
        if ended.is_err() {
            self.panicked.is_known();
        }
        ended
    }

    /// Whether the thread has ended.
    pub fn is_finished(&self) -> bool {
        self.joining.is_finished()
    }

    /// The thread's handle.
    pub fn thread(&self) -> &Thread {
        &self.joining.thread
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let running = self.threads.running.load(Ordering::Relaxed);
        f.debug_struct("Scope")
            .field("running", &running)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ScopedJoinHandle").field(self.thread()).finish()
    }
}
