//! gevent's own functions belong to the carrier, and are refused in a virtual thread.

use gevent_threading::spawn;
use greenlet_core::{Exception, GreenletError, RawGreenlet, Value, is_virtual_thread, may_switch};

/// What a function of gevent says in a virtual thread.
fn refusal<T>(f: impl FnOnce() -> Result<T, Exception> + Send + 'static) -> Option<GreenletError> {
    let thread = spawn(move || {
        f().err()
            .and_then(|exception| exception.error().downcast_ref::<GreenletError>().copied())
    });
    thread.join().expect("it does not panic")
}

#[test]
fn waits_hubs_and_greenlets_are_refused() {
    let refused = Some(GreenletError::VirtualThread);
    assert_eq!(refusal(|| hub::sleep(0.001)), refused);
    assert_eq!(refusal(|| hub::sleep(0)), refused);
    assert_eq!(refusal(|| hub::get_hub().check_alive()), refused);
    assert_eq!(refusal(|| hub::hub_to_wait_in().map(drop)), refused);
    assert_eq!(refusal(|| hub::spawn_raw(|| Ok(()))), refused);
    assert_eq!(refusal(|| hub::run(|| ())), refused);
    assert_eq!(refusal(|| hub::wait_read(0, None)), refused);
    assert_eq!(refusal(|| RawGreenlet::new(|_| Ok(Value::None)).switch(())), refused);
    assert_eq!(refusal(|| may_switch().map_err(Exception::new)), refused);
}

#[test]
fn loops_are_refused() {
    let refused = spawn(|| {
        matches!(
            hub::core::Loop::new("", false),
            Err(hub::core::Error::CannotSwitch(GreenletError::VirtualThread))
        )
    });
    assert_eq!(refused.join().ok(), Some(true));
}

#[test]
fn the_carrier_is_not_refused_meanwhile() {
    let thread = spawn(|| {
        let refused = hub::sleep(0).is_err();
        gevent_threading::yield_now();
        (refused, is_virtual_thread())
    });
    hub::sleep(0.001).expect("this is a real thread");
    assert!(!is_virtual_thread());
    assert_eq!(thread.join().ok(), Some((true, true)));
}

#[test]
fn another_threads_loop_is_reached() {
    let loop_ = hub::get_hub().loop_().threadsafe();
    let thread = spawn(move || {
        let here = loop_.is_here();
        loop_
            .run_callback_threadsafe(|| assert!(!is_virtual_thread()))
            .expect("it is alive");
        here
    });
    assert_eq!(thread.join().ok(), Some(false));
}

#[test]
fn the_facade_is_refused() {
    let refused = Some(GreenletError::VirtualThread);
    assert_eq!(refusal(|| gevent::spawn(|| 1).get()), refused);
    assert_eq!(refusal(|| gevent::event::Event::new().wait()), refused);
    assert_eq!(refusal(|| gevent::queue::Queue::<u32>::new().get()), refused);
    // What other threads may use, too, works as long as it need not wait.
    let event = gevent::threadsafe::Event::new();
    let (theirs, others) = (event.clone(), event.clone());
    assert_eq!(refusal(move || theirs.wait()), refused);
    spawn(move || others.set()).join().expect("it does not panic");
    assert!(event.is_set());
    assert_eq!(refusal(move || event.wait()), None);
}

#[test]
fn what_is_bound_to_a_thread_is_bound_to_the_virtual_one() {
    let bound = gevent::ThreadBound::new(std::rc::Rc::new(1));
    let thread = spawn(move || {
        let other = gevent::ThreadBound::new(std::rc::Rc::new(2));
        (bound.get().is_err(), other.get().is_ok(), other)
    });
    let (refused, given, other) = thread.join().expect("it does not panic");
    assert!(refused && given && other.get().is_err());
}
