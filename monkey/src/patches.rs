//! [`patch_all`] and the others: what is patched, for whom.

use std::sync::atomic::{AtomicU32, Ordering};

use gevent_threading::Unsupported;

/// The modules whose bits are set here are patched: in the lower half for virtual threads, in the upper half for plain
/// greenlets, too.
static PATCHED: AtomicU32 = AtomicU32::new(0);
#[cfg(glibc)]
const GREENLETS: u32 = 16;

/// What can be patched: gevent's modules, as far as they have a counterpart in the C library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Module {
    /// Sockets, pipes, terminals, and all else that is read and written by descriptors; closing them.
    Socket,
    /// The lookup of names and addresses.
    Dns,
    /// Sleeps.
    Time,
    /// `poll`, `select`, `epoll_wait`.
    Select,
    /// Futexes, and so the locks, channels and parks of std and of most crates; threads that are made and joined.
    Thread,
    /// Waits for processes and signals.
    Subprocess,
    /// The standard input and output. The standard error output is never patched.
    Sys,
    /// Writes to disks that wait until all is there, and locks of files. gevent has none of that kind.
    Disk,
}

impl Module {
    pub(crate) const ALL: [Module; 8] = [
        Module::Socket,
        Module::Dns,
        Module::Time,
        Module::Select,
        Module::Thread,
        Module::Subprocess,
        Module::Sys,
        Module::Disk,
    ];

    /// gevent's name of the module.
    pub fn name(self) -> &'static str {
        match self {
            Module::Socket => "socket",
            Module::Dns => "dns",
            Module::Time => "time",
            Module::Select => "select",
            Module::Thread => "thread",
            Module::Subprocess => "subprocess",
            Module::Sys => "sys",
            Module::Disk => "disk",
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// Whether a virtual thread may park in calls of the module.
#[inline(always)]
pub(crate) fn for_virtual_threads(module: Module) -> bool {
    PATCHED.load(Ordering::Relaxed) & module.bit() != 0
}

/// Whether a plain greenlet may park in calls of the module.
#[cfg(glibc)]
#[inline(always)]
pub(crate) fn for_greenlets(module: Module) -> bool {
    PATCHED.load(Ordering::Relaxed) & (module.bit() << GREENLETS) != 0
}

/// Whether a plain greenlet may park in any call.
#[cfg(all(glibc, any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(crate) fn any_for_greenlets() -> bool {
    PATCHED.load(Ordering::Relaxed) >> GREENLETS != 0
}

/// Whether a module is patched, by its name in gevent: `"socket"`, for instance. False for a name that is none.
///
/// ```
/// gevent_monkey::patch_time()?;
/// assert!(gevent_monkey::is_module_patched("time"));
/// assert!(!gevent_monkey::is_module_patched("sys"));
/// # Ok::<(), gevent_threading::Unsupported>(())
/// ```
///
/// Source: gevent's `is_module_patched`.
pub fn is_module_patched(name: &str) -> bool {
    (Module::ALL.iter()).any(|module| module.name() == name && for_virtual_threads(*module))
}

fn patch(bits: u32) -> Result<(), Unsupported> {
    gevent_threading::supported()?;
    #[cfg(glibc)]
    begin(bits);
    PATCHED.fetch_or(bits, Ordering::Relaxed);
    Ok(())
}

/// Called before modules are patched.
#[cfg(glibc)]
fn begin(bits: u32) {
    crate::guards::begin();
    if bits & Module::Thread.bit() != 0 {
        crate::calls::begin_threads();
    }
}

/// All modules but [`Sys`](Module::Sys), as in gevent.
const USUAL: u32 = Module::Sys.bit() - 1;

/// Patches everything but the standard input and output: from now on, virtual threads of the whole process park in the
/// C library's blocking calls. It may be called at any time, and again.
///
/// Source: gevent's `patch_all`.
///
/// # Errors
/// The reason why there are no virtual threads here; nothing is patched then.
pub fn patch_all() -> Result<(), Unsupported> {
    patch(USUAL)
}

macro_rules! patches {
    ($($(#[$doc:meta])* $name:ident: $module:ident;)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Errors
            /// As for [`patch_all`].
            pub fn $name() -> Result<(), Unsupported> {
                patch(Module::$module.bit())
            }
        )*

        /// The same for plain greenlets, which is unsafe.
        ///
        /// What is patched here is patched for virtual threads, too. The functions work where there are no virtual
        /// threads.
        ///
        /// A plain greenlet has the thread-locals of its thread, as have the others of that thread. Code that was
        /// written for threads may rely on it that nothing else of its thread runs while it makes a call that blocks.
        ///
        /// # Safety
        /// All functions here have the same contract. While a plain greenlet, from now on, is in code that was written
        /// for threads and that makes a patched call, other greenlets of its thread run. Sound are:
        ///
        /// * code that keeps nothing in thread-locals over such a call: std's sockets, files, sleeps and processes,
        ///   and what is built of them alone;
        /// * std's and parking_lot's locks and channels: where a futex is in a thread-local, as parking_lot's, or
        ///   belongs to the thread, as that of `std::thread::park`, on which channels are built, the whole thread
        ///   waits.
        ///
        /// Not sound is code that hands out exclusive access by a thread-local and makes a patched call meanwhile
        /// (`TLCell` of qcell is such a thing), or C code that does so. A `RefCell` in a thread-local that is borrowed
        /// meanwhile panics in the next greenlet, which is sound. A C library's lock that knows its owner by the thread
        /// (a recursive mutex) is owned by all greenlets of that thread; nobody parks while it is held.
        #[cfg(glibc)]
        pub mod greenlets {
            use super::{GREENLETS, Module, Ordering, PATCHED, USUAL, begin};

            fn patch(bits: u32) {
                begin(bits);
                PATCHED.fetch_or(bits | bits << GREENLETS, Ordering::Relaxed);
            }

            /// [`patch_all`](super::patch_all) for plain greenlets, too.
            ///
            /// # Safety
            /// See the [module](self).
            pub unsafe fn patch_all() {
                patch(USUAL);
            }

            $(
                #[doc = concat!("[`", stringify!($name), "`](super::", stringify!($name), ") for plain greenlets, too.")]
                ///
                /// # Safety
                /// See the [module](self).
                pub unsafe fn $name() {
                    patch(Module::$module.bit());
                }
            )*
        }
    };
}

patches! {
    /// Patches reads and writes of descriptors, and closing them: [`Module::Socket`].
    ///
    /// Source: gevent's `patch_socket`.
    patch_socket: Socket;
    /// Patches the lookup of names: [`Module::Dns`].
    ///
    /// Source: gevent's `patch_dns`.
    patch_dns: Dns;
    /// Patches sleeps: [`Module::Time`].
    ///
    /// Source: gevent's `patch_time`.
    patch_time: Time;
    /// Patches waits for several descriptors: [`Module::Select`].
    ///
    /// Source: gevent's `patch_select`.
    patch_select: Select;
    /// Patches what threads wait for, and how they are made: [`Module::Thread`].
    ///
    /// Source: gevent's `patch_thread`.
    patch_thread: Thread;
    /// Patches waits for processes and signals: [`Module::Subprocess`].
    ///
    /// Source: gevent's `patch_subprocess`.
    patch_subprocess: Subprocess;
    /// Patches the standard input and output: [`Module::Sys`].
    ///
    /// Source: gevent's `patch_sys`.
    patch_sys: Sys;
    /// Patches `fsync`, `fdatasync`, `sync`, `syncfs` and `msync`, which a thread of the pool then calls, and waits for
    /// locks of files (`flock`, `lockf`, `fcntl`), each of which then has a thread of its own: [`Module::Disk`]. gevent
    /// has no such function, and [`patch_all`] leaves it out.
    patch_disk: Disk;
}
