//! libev's C code near the end of a greenlet's stack: it runs into the guard, and never over it into another stack.
//! `infy_add`, which starts stat watchers, has the only frame that is larger than a page.
//!
//! This binary runs itself, with `STACK_LEFT` set to the number of bytes of the stack that are left for libev and its
//! caller.

#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

#[allow(dead_code, reason = "shared with other tests")]
#[path = "../../tests/common/this_program.rs"]
mod this_program;

use std::ffi::c_int;
use std::hint::black_box;
use std::process::exit;

use greenlet_core::{Exception, RawGreenlet, getcurrent};
use libev_sys::{ev_loop, ev_loop_new, ev_shim_stat_init, ev_stat, ev_stat_start, ev_stat_stop};

const SIZE: usize = 256 * 1024;
const PAGE: usize = 4096;

/// More stack, in bytes, than the start of a stat watcher takes in all.
const ENOUGH: usize = 6 * 1024;

/// The exit code of a child that has found memory below the stack changed.
const WRITTEN: i32 = 3;

/// A stat watcher and its loop. libev is called directly: the frames of `hub` would need more or less stack before
/// `infy_add` is reached, from build to build.
struct Stat {
    loop_: *mut ev_loop,
    watcher: ev_stat,
}

impl Stat {
    fn new() -> Stat {
        extern "C" fn called(_: *mut ev_loop, _: *mut ev_stat, _: c_int) {}
        // SAFETY: a watcher is plain data; the path is static.
        unsafe {
            let mut watcher = std::mem::zeroed();
            ev_shim_stat_init(&raw mut watcher, Some(called), c"/".as_ptr(), 0.0);
            let loop_ = ev_loop_new(0);
            assert!(!loop_.is_null());
            Stat { loop_, watcher }
        }
    }
}

extern "C" fn start(stat: *mut Stat) {
    // SAFETY: the caller has a watcher that stays where it is until the process ends.
    unsafe { ev_stat_start((*stat).loop_, &raw mut (*stat).watcher) }
}

/// Calls [`start`] with the stack pointer moved down to `sp`.
fn at_depth(sp: usize, stat: *mut Stat) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: `sp` is on the running stack, far below all frames, and is put back. The function does not unwind.
    unsafe {
        std::arch::asm!(
            "mov r12, rsp",
            "mov rsp, {sp}",
            "call {start}",
            "mov rsp, r12",
            sp = in(reg) sp,
            start = in(reg) start,
            in("rdi") stat,
            out("r12") _,
            clobber_abi("C"),
        );
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: `sp` is on the running stack, far below all frames, and is put back. The function does not unwind.
    unsafe {
        std::arch::asm!(
            "mov x20, sp",
            "mov sp, {sp}",
            "blr {start}",
            "mov sp, x20",
            sp = in(reg) sp,
            start = in(reg) start,
            in("x0") stat,
            out("x20") _,
            clobber_abi("C"),
        );
    }
}

/// The contents of the page at `address`; none if it cannot be read. The system reads the page, so there is no fault.
fn read_page(address: usize) -> Option<Vec<u8>> {
    let mut page = vec![0; PAGE];
    let to = libc::iovec {
        iov_base: page.as_mut_ptr().cast(),
        iov_len: PAGE,
    };
    let from = libc::iovec {
        iov_base: std::ptr::without_provenance_mut(address),
        iov_len: PAGE,
    };
    // SAFETY: `to` is a page of ours; the other address may be any.
    let read = unsafe { libc::process_vm_readv(libc::getpid(), &raw const to, 1, &raw const from, 1, 0) };
    (read > 0).then_some(page)
}

/// The lowest address of the running greenlet's stack. The guard below it cannot be read.
fn end_of_stack() -> usize {
    let here = black_box(0_u8);
    let mut low = (&raw const here).addr() / PAGE * PAGE;
    while read_page(low - PAGE).is_some() {
        low -= PAGE;
    }
    low
}

/// The pages below the stack that ends at `low`: the guard, which cannot be read, and then the upper end of another
/// stack.
fn below(low: usize) -> Vec<Option<Vec<u8>>> {
    (1..=64).map(|pages| read_page(low - pages * PAGE)).collect()
}

/// Starts a watcher where `left` bytes of the stack are left. Ends this process if that changes memory below the stack.
fn child(left: usize) -> Result<(), Exception> {
    let stat = Box::into_raw(Box::new(Stat::new()));
    // After this start libev has its inotify descriptor.
    start(stat);
    // SAFETY: as in `start`.
    unsafe { ev_stat_stop((*stat).loop_, &raw mut (*stat).watcher) };
    let main = getcurrent();
    let parked = |runs: bool| {
        let main = main.clone();
        let g = RawGreenlet::builder().stack_size(SIZE).build(move |_| {
            if runs {
                let low = end_of_stack();
                let before = below(low);
                assert!(before.iter().any(Option::is_some), "there is a neighbour");
                at_depth(low + left, stat);
                if below(low) != before {
                    exit(WRITTEN);
                }
            }
            main.switch(())
        });
        g.switch(()).map(|_| g)
    };
    let _all = [parked(false)?, parked(false)?, parked(true)?];
    exit(0)
}

#[test]
fn a_watcher_starts_or_the_guard_catches_it_at_every_depth() {
    if let Ok(left) = std::env::var("STACK_LEFT") {
        child(left.parse().expect("a number")).expect("greenlets and loops can be made");
    }
    let starts_with = |left: usize| {
        let output = this_program::command()
            .args(["--nocapture", "--test-threads=1"])
            .env("STACK_LEFT", left.to_string())
            .env_remove("GREENLET_STACK_SIZE")
            .output()
            .expect("a test binary can be run");
        let said = String::from_utf8_lossy(&output.stderr);
        let caught = said.contains("greenlet #3 has overflowed its stack");
        assert!(
            output.status.success() || caught,
            "with {left} bytes left: {}, {said}",
            output.status
        );
        !caught
    };
    assert!(starts_with(ENOUGH));
    // At these depths one frame after the other crosses the end of the stack. The frame of `infy_add` goes furthest
    // below it when it begins within the last few hundred bytes, so the steps are smaller there.
    let depths = (0..1024).step_by(16).chain((1024..ENOUGH).step_by(256));
    let started: Vec<_> = depths.map(starts_with).collect();
    assert!(!started[0] && started.contains(&true));
}
