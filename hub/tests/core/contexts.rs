//! The error handler gets the very thing that has failed. Source: gevent's test__hub.py, and the contexts that gevent
//! passes to `handle_error`.

use std::cell::RefCell;
use std::rc::Rc;

use crate::core_support::*;
use greenlet_core::{Exception, RawGreenlet, getcurrent};
use hub::core::{Callback, Events, GreenletFn, Loop, Notify, SystemError, ThreadsafeCallback, Watcher};
use hub::{Context, Object};
use waiter::Park;

/// A context that is kept after the handler has returned.
#[derive(Debug, Clone, PartialEq)]
enum Kept {
    Nobody,
    Watcher(Watcher),
    /// The callback, and whether it was pending and scheduled.
    Callback(Callback, bool, bool),
    Remote(ThreadsafeCallback, bool, bool),
    Switch(RawGreenlet),
    Other(String),
}

fn keep(context: Context<'_>) -> Kept {
    match context {
        Context::None => Kept::Nobody,
        Context::Watcher(watcher) => Kept::Watcher(watcher.clone()),
        Context::Callback(c) => Kept::Callback(c.clone(), c.pending(), c.scheduled()),
        Context::ThreadsafeCallback(c) => Kept::Remote(c.clone(), c.pending(), c.scheduled()),
        Context::Switch(greenlet) => Kept::Switch(greenlet.clone()),
        other => Kept::Other(format!("{other:?}")),
    }
}

type Contexts = Rc<RefCell<Vec<Kept>>>;

/// A loop, and the contexts that its handler gets.
fn watched_loop() -> Result<(Loop, Contexts), Exception> {
    let (loop_, contexts) = (new_loop()?, Contexts::default());
    let its = contexts.clone();
    loop_.set_error_handler(Some(Rc::new(move |context: Context<'_>, _: Exception| {
        its.borrow_mut().push(keep(context));
    })));
    Ok((loop_, contexts))
}

/// A greenlet that runs the loop.
fn runner(loop_: &Loop) -> RawGreenlet {
    let loop_ = loop_.clone();
    RawGreenlet::new(move |value| {
        run(&loop_)?;
        Ok(value)
    })
}

fn fails() -> TestResult {
    Err(Exception::new(Deliberate))
}

#[test]
fn a_watcher_of_any_type_is_that_very_watcher() -> TestResult {
    let _one = one_at_a_time();
    let (loop_, contexts) = watched_loop()?;
    // These are all types but child watchers, which need the default loop.
    let other = Loop::new("epoll", false)?;
    let watchers: Vec<Watcher> = vec![
        loop_.io(0, Events::READ)?.into(),
        loop_.timer(0.0)?.into(),
        loop_.periodic(0.0, 1.0)?.into(),
        loop_.signal(libc::SIGWINCH)?.into(),
        loop_.stat("/", 0.0)?.into(),
        loop_.idle()?.into(),
        loop_.prepare()?.into(),
        loop_.check()?.into(),
        loop_.embed(&other)?.into(),
        loop_.fork()?.into(),
        loop_.cleanup()?.into(),
        loop_.async_()?.into(),
    ];
    for watcher in watchers {
        watcher.feed(Events::CUSTOM, fails)?;
        run(&loop_)?;
        assert_eq!(contexts.take(), [Kept::Watcher(watcher.clone())]);
        // A panic is an error like any other. It does not matter that no handle of the watcher is left.
        let text = watcher.address();
        watcher.feed(Events::CUSTOM, panics("on purpose"))?;
        drop(watcher);
        run(&loop_)?;
        let [Kept::Watcher(watcher)] = &contexts.take()[..] else {
            panic!("it is no watcher");
        };
        assert_eq!(watcher.address(), text);
    }
    Ok(())
}

#[test]
fn a_watcher_that_its_callback_has_stopped_is_still_the_context() -> TestResult {
    let (loop_, contexts) = watched_loop()?;
    let timer = loop_.timer_repeat(0.0, 1.0)?;
    let its = timer.clone();
    timer.start(move || {
        its.close()?;
        fails()
    })?;
    run(&loop_)?;
    assert_eq!(contexts.take(), [Kept::Watcher(timer.into())]);
    Ok(())
}

#[test]
fn a_callback_is_itself_and_scheduled_until_its_error_is_handled() -> TestResult {
    let (loop_, contexts) = watched_loop()?;
    let callback = loop_.run_callback(fails)?;
    let text = format!("{callback:?}");
    run(&loop_)?;
    assert_eq!(contexts.take(), [Kept::Callback(callback.clone(), false, true)]);
    assert!(!callback.scheduled());
    assert!(callback.greenlet().is_none() && callback.object().is_none());

    // The callback is shown with the name of its function, though the function was dropped.
    let shown = Trace::new();
    let its = shown.clone();
    loop_.set_error_handler(Some(Rc::new(move |context: Context<'_>, _: Exception| {
        its.add(format!("{context:?}"));
        if let Context::Callback(callback) = context {
            callback.stop();
            its.add(callback.scheduled());
        }
    })));
    let callback = loop_.run_callback(fails)?;
    run(&loop_)?;
    let function = text.split_once(" callback=").expect("its function").1;
    let shown = shown.take();
    assert!(
        shown[0].ends_with(&format!(" running callback={function}")),
        "{shown:?}"
    );
    assert!(!callback.scheduled());
    assert_eq!(shown[1], "false", "the handler has stopped it");
    Ok(())
}

#[test]
fn so_is_a_callback_of_another_thread() -> TestResult {
    let (loop_, contexts) = watched_loop()?;
    let remote = loop_.threadsafe();
    let queued = std::thread::spawn(move || remote.run_callback_threadsafe(panics("on purpose")));
    let callback = queued.join().expect("no panic")?;
    run(&loop_)?;
    assert_eq!(contexts.take(), [Kept::Remote(callback.clone(), false, true)]);
    assert!(!callback.scheduled() && !callback.stop());
    Ok(())
}

/// The only callback that has failed.
#[track_caller]
fn one_callback(contexts: &Contexts) -> Callback {
    match &contexts.take()[..] {
        [Kept::Callback(callback, false, true)] => callback.clone(),
        others => panic!("{others:?}"),
    }
}

#[test]
fn a_callback_without_a_function_knows_its_greenlet() -> TestResult {
    let (loop_, contexts) = watched_loop()?;
    let hub = runner(&loop_);
    let greenlet = RawGreenlet::builder().parent(&hub).build(|_| {
        fails()?;
        unreachable!("it has failed")
    });
    loop_.run_callback_start(greenlet.clone())?;
    hub.switch(())?;
    assert_eq!(one_callback(&contexts).greenlet(), Some(&greenlet));

    let function: GreenletFn = |_| fails();
    loop_.run_callback_greenlet(greenlet.clone(), function)?;
    run(&loop_)?;
    let callback = one_callback(&contexts);
    assert_eq!(callback.greenlet(), Some(&greenlet));
    assert_eq!(Context::Callback(&callback).greenlet(), callback.greenlet());
    assert!(format!("{callback:?}").ends_with(&format!(" running callback={greenlet:?}>")));
    Ok(())
}

#[derive(Debug, PartialEq)]
struct Notified(u8);

impl Notify for Notified {
    fn notify(self: Rc<Self>) -> TestResult {
        fails()
    }
}

#[test]
fn a_callback_without_a_function_knows_its_object() -> TestResult {
    let (loop_, contexts) = watched_loop()?;
    loop_.run_callback_notify(Rc::new(Notified(7)))?;
    run(&loop_)?;
    let callback = one_callback(&contexts);
    let object = callback.object().expect("it has one");
    assert_eq!(object.downcast_ref(), Some(&Notified(7)));
    assert!(callback.greenlet().is_none());
    Ok(())
}

/// If a watcher or the queue only wakes a greenlet, the context of its error is that greenlet's switch. In gevent the
/// callback is `Waiter.switch`, which reports an error of the greenlet's `switch`.
#[test]
fn a_greenlet_that_is_only_woken_is_its_switch() -> TestResult {
    let (loop_, contexts) = watched_loop()?;
    for by_a_watcher in [false, true] {
        let (its_loop, main) = (loop_.clone(), getcurrent());
        let greenlet = RawGreenlet::new(move |_| {
            let park = Park::begin();
            if by_a_watcher {
                its_loop.timer(0.0)?.start_resume(park.resume())?;
            } else {
                its_loop.run_callback_resume(park.resume())?;
            }
            park.enter(&main)?;
            fails()?;
            unreachable!("it has failed")
        });
        greenlet.switch(())?;
        let runs = runner(&loop_);
        // The error that the greenlet ends with goes to its parent, which runs the loop.
        greenlet.set_parent(&runs)?;
        runs.switch(())?;
        assert_eq!(contexts.take(), [Kept::Switch(greenlet)]);
    }
    Ok(())
}

#[test]
fn a_reschedule_function_is_its_watchers() -> TestResult {
    let (loop_, contexts) = watched_loop()?;
    let periodic = loop_.periodic_reschedule(|_| panic!("on purpose"))?;
    periodic.start(|| ())?;
    loop_.run_nowait()?;
    assert_eq!(contexts.take(), [Kept::Watcher(periodic.clone().into())]);
    // The error waits in the queue, even without a handle of the watcher.
    periodic.stop()?;
    periodic.start(|| ())?;
    periodic.stop()?;
    let address = periodic.address();
    drop(periodic);
    loop_.run_nowait()?;
    let [Kept::Watcher(periodic)] = &contexts.take()[..] else {
        panic!("it is no watcher");
    };
    assert_eq!(periodic.address(), address);
    Ok(())
}

#[test]
fn an_error_in_the_queue_goes_with_its_watcher_when_the_loop_is_dropped() -> TestResult {
    let loop_ = new_loop()?;
    let drops = Drops::default();
    let witness = drops.witness();
    let periodic = loop_.periodic_reschedule(move |_| {
        witness.touch();
        panic!("on purpose")
    })?;
    periodic.start(|| ())?;
    assert_eq!(loop_.queued_callbacks(), 1);
    drop(periodic);
    drop(loop_);
    assert_eq!(drops.count(), 1);
    Ok(())
}

#[test]
fn what_concerns_all_is_nobodys_and_objects_are_themselves() -> TestResult {
    let (loop_, contexts) = watched_loop()?;
    let error = || SystemError {
        message: String::new(),
        source: std::io::Error::from_raw_os_error(libc::EINVAL),
    };
    loop_.handle_error(Context::None, error().into());
    assert_eq!(contexts.take(), [Kept::Nobody]);
    assert!(Context::None.is_none() && Context::None.greenlet().is_none());
    let object: &dyn Object = &Notified(3);
    let context = Context::Object(object);
    assert_eq!(context.object(), Some(&Notified(3)));
    assert!(context.object::<u8>().is_none() && !context.is_none());
    assert_eq!(format!("{context:?}"), "Notified(3)");
    loop_.handle_error(context, error().into());
    assert_eq!(contexts.take(), [Kept::Other("Notified(3)".to_owned())]);
    Ok(())
}
