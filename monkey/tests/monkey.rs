//! Ports of gevent's tests of monkey patching, each with its name, in a module for each file. `docs/gevent-tests.md`
//! lists them.

#![cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]

use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use gevent_monkey::{get_original, is_module_patched, is_object_patched, patch_all, saved, stats};
use gevent_threading::{spawn, yield_now};

const A_WHILE: Duration = Duration::from_millis(1);

/// test__monkey.py
mod test_monkey {
    use super::*;

    /// What is called by its name in the program is ours, and what is saved is another one.
    #[test]
    fn test_time() {
        patch_all().unwrap();
        assert!(is_object_patched("time", "nanosleep"));
        let ours = libc::nanosleep as *const () as usize;
        assert_ne!(get_original("time", "nanosleep").unwrap() as usize, ours);
    }

    #[test]
    fn test_thread() {
        patch_all().unwrap();
        assert!(is_object_patched("thread", "pthread_create"));
        let before = spawn(|| {
            // The thread that std makes here has the same carrier, so that it can only run while this one waits.
            let shared = Arc::new(Mutex::new(0));
            let theirs = shared.clone();
            let thread = thread::spawn(move || *theirs.lock().unwrap() = 1);
            let before = *shared.lock().unwrap();
            thread.join().unwrap();
            (before, *shared.lock().unwrap())
        });
        assert_eq!(before.join().unwrap(), (0, 1));
    }

    #[test]
    fn test_socket() {
        patch_all().unwrap();
        let ours = libc::connect as *const () as usize;
        assert_ne!(get_original("socket", "connect").unwrap() as usize, ours);
    }

    #[test]
    fn test_saved() {
        patch_all().unwrap();
        assert_ne!(saved().count(), 0);
        for (module, function, _) in saved() {
            assert!(is_module_patched(module.name()));
            assert!(is_object_patched(module.name(), function));
        }
    }

    #[test]
    fn test_patch_subprocess_twice() {
        patch_all().unwrap();
        let waitpid = get_original("subprocess", "waitpid");
        assert!(waitpid.is_some_and(|original| original as usize != libc::waitpid as *const () as usize));
        gevent_monkey::patch_subprocess().unwrap();
        assert_eq!(
            get_original("subprocess", "waitpid").map(|f| f as usize),
            waitpid.map(|f| f as usize)
        );
    }

    /// There are no warnings and no events of patching; what is saved stays.
    #[test]
    fn test_patch_twice_warnings_events() {
        patch_all().unwrap();
        let all = || {
            saved()
                .map(|(module, name, original)| (module, name, original as usize))
                .collect::<Vec<_>>()
        };
        let before = all();
        patch_all().unwrap();
        assert_eq!(all(), before);
    }
}

/// test__monkey_hub_in_thread.py: threads that sleep, and are joined, with the patch.
#[test]
fn test_monkey_hub_in_thread() {
    patch_all().unwrap();
    let main = spawn(|| {
        let threads: Vec<_> = (0..3).map(|_| thread::spawn(|| thread::sleep(A_WHILE))).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    main.join().unwrap();
}

/// test__monkey_logging.py: a lock that was made before the patch lets others run after it. This one was held before,
/// too.
#[test]
fn test_monkey_logging() {
    static LOG: Mutex<Vec<u32>> = Mutex::new(Vec::new());
    let before = LOG.lock().unwrap();
    patch_all().unwrap();
    drop(before);
    let holder = spawn(|| {
        let mut log = LOG.lock().unwrap();
        thread::sleep(A_WHILE);
        log.push(1);
    });
    let waiter = spawn(|| LOG.lock().unwrap().push(2));
    waiter.join().unwrap();
    holder.join().unwrap();
    assert_eq!(*LOG.lock().unwrap(), [1, 2]);
}

/// test__monkey_queue.py, with std's channels.
mod test_monkey_queue {
    use super::*;

    const QUEUE_SIZE: usize = 5;

    /// A queue that is full, and one that is empty: at once, for a time, and until somebody else puts or gets.
    fn simple_queue_test() {
        let (sender, receiver) = mpsc::sync_channel(QUEUE_SIZE);
        assert_eq!(receiver.try_recv(), Err(mpsc::TryRecvError::Empty));
        for number in 0..QUEUE_SIZE {
            sender.try_send(number).unwrap();
        }
        assert_eq!(sender.try_send(9), Err(mpsc::TrySendError::Full(9)));
        let full = sender.clone();
        let blocked = spawn(move || full.send(QUEUE_SIZE));
        yield_now();
        assert!(!blocked.is_finished());
        for number in 0..=QUEUE_SIZE {
            assert_eq!(receiver.recv(), Ok(number));
        }
        blocked.join().unwrap().unwrap();
        assert_eq!(receiver.try_recv(), Err(mpsc::TryRecvError::Empty));
        assert_eq!(receiver.recv_timeout(A_WHILE), Err(mpsc::RecvTimeoutError::Timeout));
        let trigger = spawn(move || {
            thread::sleep(A_WHILE);
            sender.send(7)
        });
        assert_eq!(receiver.recv(), Ok(7));
        trigger.join().unwrap().unwrap();
        assert!(receiver.recv().is_err());
    }

    /// Twice, in virtual threads.
    #[test]
    fn test_simple_queue() {
        patch_all().unwrap();
        let twice = spawn(|| {
            simple_queue_test();
            simple_queue_test();
        });
        twice.join().unwrap();
    }

    /// All that was put is done before the end of the join, which std's channels have in the form of their end.
    #[test]
    fn test_queue_join() {
        patch_all().unwrap();
        let main = spawn(|| {
            let (sender, receiver) = mpsc::channel();
            let receiver = Arc::new(Mutex::new(receiver));
            let worker = || {
                let receiver = receiver.clone();
                thread::spawn(move || {
                    let mut sum = 0;
                    while let Ok(number) = { receiver.lock().unwrap().recv() } {
                        sum += number;
                        thread::sleep(Duration::from_micros(10));
                    }
                    sum
                })
            };
            let workers = [worker(), worker()];
            (0..100).for_each(|number| sender.send(number).unwrap());
            drop(sender);
            workers.into_iter().map(|worker| worker.join().unwrap()).sum::<u32>()
        });
        assert_eq!(main.join().unwrap(), (0..100).sum());
    }
}

/// test__threading.py
mod test_threading {
    use super::*;

    /// A thread that tries to get a lock again and again, and yields between, lets the one run that holds it.
    #[test]
    fn test_spin_lock_switches() {
        patch_all().unwrap();
        let main = spawn(|| {
            let lock = Arc::new(Mutex::new(()));
            let held = lock.lock().unwrap();
            let (theirs, begun) = (lock.clone(), Arc::new(Mutex::new(false)));
            let begins = begun.clone();
            let spinning = thread::spawn(move || {
                *begins.lock().unwrap() = true;
                while theirs.try_lock().is_err() {
                    thread::yield_now();
                }
            });
            while !*begun.lock().unwrap() {
                thread::yield_now();
            }
            assert!(!spinning.is_finished());
            drop(held);
            spinning.join().unwrap();
        });
        main.join().unwrap();
    }
}

/// test__threading_2.py, which is CPython's test_threading
mod test_threading_2 {
    use super::*;

    /// A semaphore of threading's, of std's parts.
    struct Semaphore(Mutex<u32>, Condvar);

    impl Semaphore {
        fn with(&self, f: impl FnOnce()) {
            let free = self.1.wait_while(self.0.lock().unwrap(), |free| *free == 0);
            *free.unwrap() -= 1;
            f();
            *self.0.lock().unwrap() += 1;
            self.1.notify_one();
        }
    }

    fn various_ops(stack: usize) {
        let sema = Arc::new(Semaphore(Mutex::new(3), Condvar::new()));
        let running = Arc::new(Mutex::new(0));
        let threads: Vec<_> = (0..10)
            .map(|number| {
                let (sema, running) = (sema.clone(), running.clone());
                let task = move || {
                    sema.with(|| {
                        *running.lock().unwrap() += 1;
                        assert!(*running.lock().unwrap() <= 3);
                        thread::sleep(Duration::from_micros(number * 10));
                        *running.lock().unwrap() -= 1;
                    });
                };
                let name = format!("<thread {number}>");
                thread::Builder::new().name(name).stack_size(stack).spawn(task).unwrap()
            })
            .collect();
        for thread in threads {
            assert!(thread.thread().name().unwrap().starts_with("<thread "));
            thread.join().unwrap();
        }
        assert_eq!(*running.lock().unwrap(), 0);
    }

    #[test]
    fn test_various_ops() {
        patch_all().unwrap();
        spawn(|| various_ops(2 << 20)).join().unwrap();
    }

    #[test]
    fn test_various_ops_small_stack() {
        patch_all().unwrap();
        spawn(|| various_ops(256 << 10)).join().unwrap();
    }

    #[test]
    fn test_various_ops_large_stack() {
        patch_all().unwrap();
        spawn(|| various_ops(16 << 20)).join().unwrap();
    }

    /// A thread that std has not made knows who it is.
    #[test]
    fn test_foreign_thread() {
        patch_all().unwrap();
        let foreign = spawn(|| {
            let mine = thread::current().id();
            let other = thread::spawn(|| thread::current().id());
            (mine, other.join().unwrap())
        });
        let (mine, other) = foreign.join().unwrap();
        assert_ne!(mine, other);
        assert_ne!(mine, thread::current().id());
    }

    #[test]
    fn test_joining_current_thread() {
        patch_all().unwrap();
        let main = spawn(|| {
            // SAFETY: a thread may ask to join itself, and is refused.
            unsafe { libc::pthread_join(libc::pthread_self(), std::ptr::null_mut()) }
        });
        assert_eq!(main.join().unwrap(), libc::EDEADLK);
    }
}

/// test__threading_before_monkey.py: the main thread stays what it is.
#[test]
fn test_main_thread() {
    let (before, name) = (thread::current().id(), thread::current().name().map(str::to_owned));
    patch_all().unwrap();
    assert_eq!(thread::current().id(), before);
    assert_eq!(thread::current().name().map(str::to_owned), name);
}

/// test__threading_holding_lock_while_monkey.py
#[test]
fn test_holding_lock_while_monkey() {
    let lock = Mutex::new(());
    let held = lock.lock().unwrap();
    patch_all().unwrap();
    drop(held);
    assert!(lock.try_lock().is_ok());
}

/// test__threading_monkey_in_thread.py
#[test]
fn test_patch_in_thread() {
    let thread = thread::spawn(|| {
        patch_all().unwrap();
        let before = stats().parked;
        spawn(|| thread::sleep(A_WHILE)).join().unwrap();
        assert!(stats().parked > before);
    });
    thread.join().unwrap();
}

/// test__threading_native_before_monkey.py: a thread that was there before the patch goes on, and is joined by a
/// virtual one.
#[test]
fn test_join_native_thread() {
    let (stop, stopped) = mpsc::channel::<()>();
    let native = thread::spawn(move || {
        while stopped.recv_timeout(A_WHILE) == Err(mpsc::RecvTimeoutError::Timeout) {
            thread::sleep(A_WHILE);
        }
    });
    patch_all().unwrap();
    let joiner = spawn(move || {
        assert!(!native.is_finished());
        drop(stop);
        native.join().unwrap();
    });
    joiner.join().unwrap();
}

/// test__threading_patched_local.py
#[test]
fn test_patched_local() {
    thread_local!(static DATA: std::cell::RefCell<Option<&'static str>> = const { std::cell::RefCell::new(None) });
    patch_all().unwrap();
    let main = spawn(|| {
        DATA.set(Some("hello"));
        thread::spawn(|| assert_eq!(DATA.take(), None)).join().unwrap();
        DATA.take()
    });
    assert_eq!(main.join().unwrap(), Some("hello"));
}
