//! Futexes: what all locks, channels and parks of std and of most crates wait by. They come here by `syscall`.
//!
//! A wait of a virtual thread, or of a greenlet, is in a table of ours, by the address of its word, and parks. A wait
//! of any other thread is the kernel's. So who wakes looks in the table first, and asks the kernel for the rest.
//!
//! No wake-up is lost. Who waits counts himself before he looks at the word, with the table's lock; who wakes has
//! changed the word before he looks at the count. So one of them sees the other.
//!
//! One that is called runs only when its carrier does, which may wait in the kernel for the same word, or have come to
//! its end. So whoever calls one of ours wakes one in the kernel, too, if a carrier may be there; and at the end of a
//! carrier, what those were called for that it leaves behind goes to the next ones.
//!
//! A wait cannot fail: std takes every error for a wake-up, and waits again. So what is thrown into it is kept, and the
//! wait goes on.
//!
//! | file | job |
//! |---|---|
//! | `mod.rs` | the system calls |
//! | `table.rs` | who waits, by the address of the word |
//! | `waits.rs` | one wait |
//! | `locals.rs` | words in thread-locals, where plain greenlets do not park |
//! | `parks.rs` | the word of `std::thread::park`, where they do not either |
//! | `real.rs` | waits that real threads do for others: words that processes share |

mod locals;
pub(crate) mod parks;
mod real;
mod table;
mod waits;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use libc::{c_int, c_long, timespec};

use crate::deadline::Deadline;
use crate::patches::Module;
use crate::place::{Place, place};
use crate::wait::{Failed, set_errno};

mod original {
    use super::*;

    crate::originals::originals! {
        syscall(
            number: c_long,
            a: c_long,
            b: c_long,
            c: c_long,
            d: c_long,
            e: c_long,
            f: c_long,
        ) -> c_long;
    }
}

/// The arguments of a call that goes to the kernel unless somebody parks.
#[derive(Clone, Copy)]
struct Call {
    word: c_long,
    operation: c_long,
    value: c_long,
    /// A time, or how many waiters of the second word are meant.
    time: c_long,
    second: c_long,
    third: c_long,
}

impl Call {
    /// The operation without its flags.
    fn command(self) -> c_int {
        self.operation as c_int & FUTEX_CMD_MASK
    }

    fn has(self, flag: c_int) -> bool {
        self.operation as c_int & flag != 0
    }

    /// The kernel's answer.
    ///
    /// # Safety
    /// The arguments are those of a caller of futex(2).
    unsafe fn by_kernel(self) -> c_long {
        let Call {
            word,
            operation,
            value,
            time,
            second,
            third,
        } = self;
        // SAFETY: by this function's contract.
        unsafe { original::syscall(libc::SYS_futex, word, operation, value, time, second, third) }
    }
}

const FUTEX_CMD_MASK: c_int = !(libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME);

/// syscall(2), which takes as many arguments as the system call has. The others are whatever is in their registers.
#[unsafe(no_mangle)]
unsafe extern "C" fn syscall(
    number: c_long,
    a: c_long,
    b: c_long,
    c: c_long,
    d: c_long,
    e: c_long,
    f: c_long,
) -> c_long {
    if number == libc::SYS_futex {
        // SAFETY: by the prototype's contract.
        return unsafe {
            futex(Call {
                word: a,
                operation: b,
                value: c,
                time: d,
                second: e,
                third: f,
            })
        };
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::syscall(number, a, b, c, d, e, f) }
}

/// futex(2).
///
/// # Safety
/// The arguments are those of a caller of futex(2).
#[inline]
unsafe fn futex(call: Call) -> c_long {
    match call.command() {
        libc::FUTEX_WAIT | libc::FUTEX_WAIT_BITSET => {
            match place(Module::Thread) {
                None => parks::watch(call.word as usize),
                Some(place) => {
                    // SAFETY: by this function's contract.
                    if let Some(answer) = unsafe { wait(place, call) } {
                        return answer;
                    }
                }
            }
            // SAFETY: by this function's contract.
            return table::wait_in_kernel(call.word as usize, || unsafe { call.by_kernel() });
        }
        libc::FUTEX_WAKE => {
            // SAFETY: by this function's contract.
            return unsafe { wake(call, u32::MAX) };
        }
        libc::FUTEX_WAKE_BITSET => {
            // SAFETY: by this function's contract.
            return unsafe { wake(call, call.third as u32) };
        }
        libc::FUTEX_REQUEUE | libc::FUTEX_CMP_REQUEUE | libc::FUTEX_WAKE_OP | libc::FUTEX_CMP_REQUEUE_PI => {
            // SAFETY: by this function's contract.
            return unsafe { wake_both(call) };
        }
        _ => {}
    }
    // SAFETY: by this function's contract.
    unsafe { call.by_kernel() }
}

/// Wakes ours, and the kernel's for the rest; every other time the kernel's first, and ours for the rest. So neither
/// waits for ever while there are always some of the other kind.
///
/// Where ours are enough, the kernel's are woken all the same if a carrier is among them, without which none of its own
/// can run that were called. They look in vain at most, and are not counted.
///
/// # Safety
/// The arguments are those of a caller of futex(2).
unsafe fn wake(call: Call, bitset: u32) -> c_long {
    static TURN: AtomicBool = AtomicBool::new(false);
    // Like the kernel, this wakes one if none are asked for.
    let asked = (call.value as c_int).max(1) as u32;
    let ours = |count| table::wake(call.word as usize, count, bitset);
    let theirs = |count: u32| {
        let value = c_long::from(count);
        // SAFETY: by this function's contract.
        unsafe { Call { value, ..call }.by_kernel() }
    };
    if !table::may_have(call.word as usize) {
        // SAFETY: by this function's contract.
        return unsafe { call.by_kernel() };
    }
    let kernel_first = TURN.load(Ordering::Relaxed);
    TURN.store(!kernel_first, Ordering::Relaxed);
    if kernel_first {
        let woken = theirs(asked);
        match u32::try_from(woken) {
            Ok(some) if some < asked => woken + c_long::from(ours(asked - some)),
            Ok(_) => woken,
            // The kernel refuses only what nobody of ours can wait for.
            Err(_) => woken,
        }
    } else {
        let woken = ours(asked);
        match asked - woken {
            0 => {
                if table::kernel_may_have_carrier(call.word as usize) {
                    let errno = crate::wait::errno();
                    theirs(asked);
                    set_errno(errno);
                }
                c_long::from(woken)
            }
            rest => match theirs(rest) {
                refused @ ..0 if woken == 0 => refused,
                more => more.max(0) + c_long::from(woken),
            },
        }
    }
}

/// Wakes one that waits for a word, as somebody else was called who will never look at it.
fn wake_next(address: usize, bitset: u32) {
    let call = Call {
        word: address as c_long,
        operation: c_long::from(libc::FUTEX_WAKE_BITSET | libc::FUTEX_PRIVATE_FLAG),
        value: 1,
        time: 0,
        second: 0,
        third: c_long::from(bitset),
    };
    // SAFETY: the kernel takes any address, and looks at nothing there.
    unsafe { wake(call, bitset) };
}

/// The operations on two words. The kernel does them; ours that wait for the first word cannot be moved to the second
/// one, so that all are woken, and look themselves. Waiters have to reckon with that.
///
/// # Safety
/// The arguments are those of a caller of futex(2).
#[cold]
unsafe fn wake_both(call: Call) -> c_long {
    // SAFETY: by this function's contract.
    let answer = unsafe { call.by_kernel() };
    if answer < 0 {
        return answer;
    }
    let errno = crate::wait::errno();
    let mut woken = table::wake(call.word as usize, i32::MAX as u32, u32::MAX);
    if call.command() == libc::FUTEX_WAKE_OP {
        woken += table::wake(call.second as usize, i32::MAX as u32, u32::MAX);
    }
    set_errno(errno);
    answer + c_long::from(woken)
}

/// Waits as the caller's place asks for. None if the kernel is to do it, or to refuse it.
///
/// # Safety
/// The arguments are those of a caller of futex(2).
#[cold]
#[inline(never)]
unsafe fn wait(place: Place, call: Call) -> Option<c_long> {
    let (address, expected) = (call.word as usize, call.value as u32);
    let bitset = match call.command() {
        libc::FUTEX_WAIT => u32::MAX,
        _ => call.third as u32,
    };
    if address == 0 || !address.is_multiple_of(4) || bitset == 0 {
        return None;
    }
    // SAFETY: by this function's contract.
    let deadline = match unsafe { (call.time as *const timespec).as_ref() } {
        None => None,
        Some(time) => {
            let is_absolute = call.command() == libc::FUTEX_WAIT_BITSET;
            Some(Deadline::new(time, is_absolute, call.has(libc::FUTEX_CLOCK_REALTIME))?)
        }
    };
    if !call.has(libc::FUTEX_PRIVATE_FLAG) {
        return real::wait(call);
    }
    if let Place::Greenlet = place
        && (locals::is_local(address) || parks::is_own(address))
    {
        return None;
    }
    // SAFETY: by this function's contract, the caller's word, which is there while he waits for it.
    let word = unsafe { AtomicU32::from_ptr(address as *mut u32) };
    let waited = waits::wait(address, bitset, deadline, || word.load(Ordering::SeqCst) == expected);
    match waited {
        Ok(()) => Some(0),
        Err(Failed::Errno(errno)) => {
            set_errno(errno);
            Some(-1)
        }
        Err(Failed::MustBlock) => None,
    }
}
