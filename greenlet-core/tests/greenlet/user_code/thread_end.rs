//! User code at the end of a thread, and in the values of thread slots.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::thread;

use greenlet_core::{GreenletError, RawGreenlet, ThreadSlot, Value, at_thread_end};

use super::action::Action;
use super::trap::each;

/// Hooks of the thread's end, and values in its slots, cannot wait there, and all are called or dropped.
#[test]
fn test_the_end_of_a_thread() {
    thread_local! {
        static SLOT: ThreadSlot<Option<Owned>> =
            const { ThreadSlot::new(None, || SLOT.with(ThreadSlot::clear)) };
    }
    struct Owned;
    impl Drop for Owned {
        fn drop(&mut self) {
            spring_at_the_end();
        }
    }
    thread_local! {
        static ACTION: Cell<Option<Action>> = const { Cell::new(None) };
    }
    fn spring_at_the_end() {
        match ACTION.get() {
            Some(Action::Panic) => resume_unwind(Box::new("a trap")),
            Some(Action::Reenter) => {
                at_thread_end(|| panic!("the thread is over"));
                SLOT.with(|slot| assert!(slot.with(|_| ()).is_none()));
            }
            Some(_) => {
                let error = RawGreenlet::new(|_| Ok(Value::None)).switch(());
                let error = error.expect_err("nobody runs any more");
                assert_eq!(error.downcast_ref(), Some(&GreenletError::ThreadEnding));
            }
            None => {}
        }
    }
    const NAME: &str = "greenlet_core::thread_end::at_thread_end, greenlet_core::thread_end::ThreadSlot::new | Fn; \
                        greenlet_core::thread_end::ThreadSlot::drop | Drop; \
                        greenlet_core::thread_end::ThreadSlot::clear | Default";
    static CALLED: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    for (index, action) in [Action::Panic, Action::Wait, Action::Reenter].into_iter().enumerate() {
        let thread = thread::spawn(move || {
            ACTION.set(Some(action));
            let called = || _ = CALLED.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            at_thread_end(called);
            at_thread_end(spring_at_the_end);
            at_thread_end(called);
            SLOT.with(|slot| slot.with(|slot| slot.replace(Some(Owned))));
        });
        thread.join().unwrap_or_else(|_| panic!("in {NAME}: {action:?}"));
        let called = CALLED.load(std::sync::atomic::Ordering::SeqCst);
        assert_eq!(called as usize, 2 * (index + 1), "{NAME}: {action:?}");
    }
}

#[test]
fn test_what_a_slot_lends() {
    thread_local! {
        static SLOT: ThreadSlot<Vec<u32>> =
            const { ThreadSlot::new(Vec::new(), || SLOT.with(ThreadSlot::clear)) };
    }
    each(
        "greenlet_core::thread_end::ThreadSlot::with | FnOnce",
        |trap| {
            trap.is_about(
                || SLOT.with(|slot| slot.with(|slot| slot.borrow_mut().push(2)).expect("it is there")),
                (),
            );
            // The slot gives out a `RefCell`, which the user's function itself borrows.
            SLOT.with(|slot| {
                slot.with(|slot| {
                    slot.borrow_mut().push(1);
                    trap.spring();
                    slot.borrow_mut().push(3);
                });
                let _ = format!("{slot:?}");
            });
        },
        |action| {
            let expected: &[u32] = match action {
                Action::Panic | Action::Unwind => &[1],
                Action::WaitForUser | Action::Reenter => &[1, 2, 3],
                _ => &[1, 3],
            };
            SLOT.with(|slot| slot.with(|slot| assert_eq!(*slot.borrow(), expected)));
        },
    );
}
