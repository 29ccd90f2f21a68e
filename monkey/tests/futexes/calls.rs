//! The operations, and what they answer.

use std::io;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use gevent_monkey::real_threads;

use crate::raw::*;

fn failed(result: &io::Result<u32>) -> Option<i32> {
    result.as_ref().err().and_then(io::Error::raw_os_error)
}

#[test]
fn a_wait_for_another_value_fails() {
    in_virtual_thread(|| {
        let word = AtomicU32::new(1);
        assert_eq!(failed(&wait(&word, 2)), Some(libc::EAGAIN));
        assert_eq!(wake(&word, 1), 0);
    });
}

#[test]
fn what_is_no_call_is_the_kernels_error() {
    in_virtual_thread(|| {
        let word = AtomicU32::new(1);
        let no_time = libc::timespec { tv_sec: 0, tv_nsec: -1 };
        let waited = futex(&word, libc::FUTEX_WAIT | PRIVATE, 1, Some(&no_time), None, 0);
        assert_eq!(failed(&waited), Some(libc::EINVAL));
        let waited = futex(&word, libc::FUTEX_WAIT_BITSET | PRIVATE, 1, None, None, 0);
        assert_eq!(failed(&waited), Some(libc::EINVAL));
        assert_eq!(failed(&futex(&word, 100, 1, None, None, 0)), Some(libc::ENOSYS));
        // SAFETY: the kernel refuses the address, which nobody reads.
        let answer = unsafe { libc::syscall(libc::SYS_futex, 2, libc::FUTEX_WAIT | PRIVATE, 0, 0, 0, 0) };
        assert_eq!(
            (answer, failed(&Err(io::Error::last_os_error()))),
            (-1, Some(libc::EINVAL))
        );
    });
}

/// Other system calls have as many arguments as they have.
#[test]
fn all_arguments_come_to_the_kernel() {
    in_virtual_thread(|| {
        let (len, flags) = (1_usize << 12, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: this maps new memory, which is given back.
        unsafe {
            let prot = libc::PROT_READ | libc::PROT_WRITE;
            let address = libc::syscall(libc::SYS_mmap, 0_usize, len, prot, flags, -1_i64, 0_usize);
            assert!(address > 0);
            assert_eq!(libc::syscall(libc::SYS_munmap, address, len), 0);
            assert_eq!(libc::syscall(libc::SYS_getpid), i64::from(std::process::id()));
        }
    });
}

/// Virtual threads and a real one wait for one word, and each wake-up reaches one.
#[test]
fn wakes_are_counted() {
    in_virtual_thread(|| {
        let word = Arc::new(AtomicU32::new(0));
        let waiter = || {
            let word = word.clone();
            move || wait(&word, 0).unwrap()
        };
        let virtual_ones: Vec<_> = (0..5).map(|_| thread::spawn(waiter())).collect();
        let real_ones: Vec<_> = (0..2).map(|_| real_threads(|| thread::spawn(waiter()))).collect();
        wake_all_of(&word, 7);
        for thread in virtual_ones.into_iter().chain(real_ones) {
            assert_eq!(thread.join().unwrap(), 0);
        }
        assert_eq!(wake(&word, 1), 0);
    });
}

#[test]
fn a_wake_takes_as_many_as_it_may_in_their_order() {
    in_virtual_thread(|| {
        let (word, woken) = (Arc::new(AtomicU32::new(0)), Arc::new(std::sync::Mutex::new(Vec::new())));
        let threads: Vec<_> = (0..40)
            .map(|number| {
                let (word, woken) = (word.clone(), woken.clone());
                thread::spawn(move || {
                    wait(&word, 0).unwrap();
                    woken.lock().unwrap().push(number);
                })
            })
            .collect();
        thread::yield_now();
        thread::yield_now();
        assert_eq!(wake(&word, 3), 3);
        until(|| woken.lock().unwrap().len() == 3);
        assert_eq!(*woken.lock().unwrap(), [0, 1, 2]);
        assert_eq!(wake(&word, i32::MAX as u32), 37);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*woken.lock().unwrap(), (0..40).collect::<Vec<_>>());
    });
}

#[test]
fn bits_tell_who_is_meant() {
    in_virtual_thread(|| {
        let word = Arc::new(AtomicU32::new(0));
        let waiter = |bits| {
            let word = word.clone();
            thread::spawn(move || futex(&word, libc::FUTEX_WAIT_BITSET | PRIVATE, 0, None, None, bits).unwrap())
        };
        let (one, other) = (waiter(1), waiter(2));
        thread::yield_now();
        thread::yield_now();
        let wake = |bits| futex(&word, libc::FUTEX_WAKE_BITSET | PRIVATE, 9, None, None, bits).unwrap();
        assert_eq!((wake(4), wake(2)), (0, 1));
        other.join().unwrap();
        assert!(!one.is_finished());
        assert_eq!(wake(3), 1);
        one.join().unwrap();
    });
}

#[test]
fn waits_end_by_their_time_and_not_before() {
    in_virtual_thread(|| {
        const TIME: Duration = Duration::from_millis(5);
        let word = AtomicU32::new(0);
        let (real, monotonic) = (libc::CLOCK_REALTIME, libc::CLOCK_MONOTONIC);
        let kinds = [
            (libc::FUTEX_WAIT, monotonic, false),
            (libc::FUTEX_WAIT_BITSET, monotonic, true),
            (libc::FUTEX_WAIT_BITSET | libc::FUTEX_CLOCK_REALTIME, real, true),
        ];
        for shared in [false, true] {
            for (operation, clock, is_absolute) in kinds {
                let begun = now(clock);
                let time = timespec(if is_absolute { begun + TIME } else { TIME });
                let operation = if shared { operation } else { operation | PRIVATE };
                let waited = futex(&word, operation, 0, Some(&time), None, u32::MAX);
                assert_eq!(failed(&waited), Some(libc::ETIMEDOUT));
                assert!(now(clock) >= begun + TIME);
            }
        }
        // A time that is over gives a turn.
        let over = timespec(Duration::ZERO);
        let waited = futex(&word, libc::FUTEX_WAIT_BITSET | PRIVATE, 0, Some(&over), None, 1);
        assert_eq!(failed(&waited), Some(libc::ETIMEDOUT));
    });
}

/// What is moved to another word in the kernel wakes up here.
#[test]
fn operations_on_two_words_wake_ours() {
    in_virtual_thread(|| {
        let (word, other) = (Arc::new(AtomicU32::new(0)), AtomicU32::new(0));
        for operation in [libc::FUTEX_REQUEUE, libc::FUTEX_CMP_REQUEUE, libc::FUTEX_WAKE_OP] {
            let theirs = word.clone();
            let waiter = thread::spawn(move || wait(&theirs, 0).unwrap());
            thread::yield_now();
            thread::yield_now();
            if operation == libc::FUTEX_CMP_REQUEUE {
                // SAFETY: the words are there, and no time is.
                let answer = unsafe {
                    let (word, other) = (word.as_ptr(), other.as_ptr());
                    libc::syscall(libc::SYS_futex, word, operation | PRIVATE, 0, 1_usize, other, 1)
                };
                assert_eq!(answer, -1);
                assert!(!waiter.is_finished());
            }
            // SAFETY: as above.
            let answer = unsafe {
                let (word, other) = (word.as_ptr(), other.as_ptr());
                libc::syscall(libc::SYS_futex, word, operation | PRIVATE, 0, 1_usize, other, 0)
            };
            assert_eq!(answer, 1);
            assert_eq!(waiter.join().unwrap(), 0);
        }
    });
}

/// Another process wakes who waits in memory that both have.
#[test]
fn a_shared_word_is_woken_by_another_process() {
    in_virtual_thread(|| {
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: the mapping is new, and stays.
        let word: &'static AtomicU32 = unsafe {
            let memory = libc::mmap(ptr::null_mut(), 4096, prot, flags, -1, 0);
            assert_ne!(memory, libc::MAP_FAILED);
            &*memory.cast::<AtomicU32>()
        };
        let waiter = thread::spawn(|| {
            while word.load(Ordering::SeqCst) == 0 {
                let _ = futex(word, libc::FUTEX_WAIT, 0, None, None, 0);
            }
        });
        // The others of the carrier go on.
        let other = thread::spawn(|| thread::sleep(Duration::from_millis(2)));
        other.join().unwrap();
        // SAFETY: the child makes system calls only.
        let child = unsafe { libc::fork() };
        if child == 0 {
            word.store(1, Ordering::SeqCst);
            let _ = futex(word, libc::FUTEX_WAKE, 1, None, None, 0);
            // SAFETY: this ends the child.
            unsafe { libc::_exit(0) };
        }
        waiter.join().unwrap();
        let mut status = 0;
        // SAFETY: the child is ours.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0);
    });
}

/// In the child of a fork those who waited in other threads are gone, and take no wake-up.
#[test]
fn a_child_forgets_who_waits_elsewhere() {
    in_virtual_thread(|| {
        let word = Arc::new(AtomicU32::new(0));
        let before = gevent_monkey::stats().waiting;
        let theirs = word.clone();
        let elsewhere = real_threads(|| {
            thread::spawn(move || {
                gevent_threading::spawn(move || wait(&theirs, 0).unwrap())
                    .join()
                    .unwrap()
            })
        });
        until(|| gevent_monkey::stats().waiting > before);
        thread::sleep(Duration::from_millis(2));
        let theirs = word.clone();
        let here = thread::spawn(move || wait(&theirs, 0).unwrap());
        thread::yield_now();
        thread::yield_now();
        // SAFETY: the child makes system calls only.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let woken = wake(&word, 9);
            // SAFETY: this ends the child.
            unsafe { libc::_exit(woken as i32) };
        }
        let mut status = 0;
        // SAFETY: the child is ours.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(libc::WEXITSTATUS(status), 1);
        wake_all_of(&word, 2);
        here.join().unwrap();
        elsewhere.join().unwrap();
    });
}
