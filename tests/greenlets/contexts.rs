//! Tests the contexts of errors that have no counterpart in gevent; `tests/gevent_parity/error_contexts.rs` compares
//! the others with gevent.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gevent::abstract_linkable::{AbstractLinkable, Waitable};
use gevent::event::AsyncResult;
use gevent::hub::core::Callback;
use gevent::local::Local;
use gevent::threadpool::{Future, Task, ThreadPool, ThreadPoolExecutor};
use gevent::{
    AnyGreenlet, Context, Exception, Greenlet, Hub, LinkKind, RawGreenlet, Value, get_hub, sleep, spawn, spawn_raw,
    threadsafe,
};
use waiter::{Failed, WaitHub, Waiter};

use crate::support::{ExpectedError, TestResult, bounded, fail};

/// The results of `look` for the contexts of the errors that reach this thread's hub.
fn contexts<T: 'static>(look: impl Fn(Context<'_>) -> T + 'static) -> Rc<RefCell<Vec<T>>> {
    let seen = Rc::<RefCell<Vec<T>>>::default();
    let its = seen.clone();
    let handler = move |context: Context<'_>, exception: Exception| {
        assert!(exception.is::<ExpectedError>(), "{exception}");
        its.borrow_mut().push(look(context));
    };
    get_hub().set_error_handler(Some(Rc::new(handler)));
    seen
}

fn settle() -> TestResult {
    (0..3).try_for_each(|_| sleep(0.001))
}

#[test]
fn a_greenlet_is_found_again_by_the_one_underneath() -> TestResult {
    let _bounded = bounded();
    let failed = contexts(|context| match context {
        Context::Greenlet(greenlet) => AnyGreenlet::of(greenlet).expect("it is one"),
        other => panic!("{other:?}"),
    });
    let named = Greenlet::builder().name("named").spawn(|| fail::<()>("named"));
    named.join()?;
    assert_eq!(failed.take(), [named.any()]);
    let panics = spawn(|| -> i32 { std::panic::panic_any(()) });
    let is_panic = panics.clone();
    let seen = Rc::new(Cell::new(false));
    let its = seen.clone();
    get_hub().set_error_handler(Some(Rc::new(move |context: Context<'_>, _: Exception| {
        its.set(context.greenlet() == Some(is_panic.raw()));
    })));
    panics.join()?;
    assert!(seen.get());
    assert!(AnyGreenlet::of(get_hub().greenlet()).is_none());
    assert!(AnyGreenlet::of(&RawGreenlet::new(Ok)).is_none());
    Ok(())
}

#[test]
fn contexts_are_shown_as_what_they_are() -> TestResult {
    let greenlet = Greenlet::builder().name("shown").build(|| ());
    let (raw, shown) = (greenlet.raw(), format!("{greenlet:?}"));
    assert!(shown.starts_with("<Greenlet \"shown\" at 0x"), "{shown}");
    let text = |context: Context<'_>| format!("{context:?}");
    assert_eq!(text(Context::Greenlet(raw)), shown);
    assert_eq!(
        text(Context::Switch(raw)),
        format!("<built-in method switch of {shown}>")
    );
    assert_eq!(text(Context::Throw(raw)), format!("<built-in method throw of {shown}>"));
    let link = greenlet.link(|_| ());
    let source = greenlet.any();
    let context = Context::Link {
        link: &link,
        source: &source,
    };
    assert_eq!(text(context), format!("({link:?}, {shown})"));
    assert_eq!(text(Context::None), "None");
    assert_eq!(text(Context::Object(&get_hub())), format!("{:?}", get_hub()));
    let plain = RawGreenlet::new(|_| Ok(Value::None));
    assert_eq!(text(Context::Greenlet(&plain)), format!("{plain:?}"));
    Ok(())
}

#[test]
fn links_tell_how_they_were_added() {
    let greenlet = Greenlet::new(|| 0);
    assert_eq!(greenlet.link(|_| ()).kind(), LinkKind::Spawned);
    assert_eq!(greenlet.link_value(|_| ()).kind(), LinkKind::SuccessSpawned);
    assert_eq!(greenlet.link_exception(|_| ()).kind(), LinkKind::FailureSpawned);
    assert_eq!(greenlet.rawlink(|_| ()).kind(), LinkKind::Raw);
}

#[test]
fn a_link_is_the_very_link() -> TestResult {
    let _bounded = bounded();
    let failed = contexts(|context| match context {
        Context::Link { link, source } => (link.clone(), source.is::<AnyGreenlet>()),
        other => panic!("{other:?}"),
    });
    let greenlet = spawn(|| 0);
    let links = [
        greenlet.link(|_| fail::<()>("link")),
        greenlet.rawlink(|_| fail::<()>("rawlink")),
    ];
    settle()?;
    assert_eq!(failed.take(), links.map(|link| (link, true)));
    Ok(())
}

/// Links to objects that are ready already, of one thread and for several.
#[test]
fn the_object_that_a_link_was_added_to_has_its_public_type() -> TestResult {
    let _bounded = bounded();
    let failed = contexts(|context| match context {
        Context::Link { link, source } => {
            assert_eq!(link.kind(), LinkKind::Raw);
            (
                source.is::<threadsafe::Event>(),
                source.is::<threadsafe::AsyncResult<u8>>(),
                source.is::<threadsafe::Semaphore>(),
                source.is::<threadsafe::BoundedSemaphore>(),
                source.is::<AbstractLinkable<Open>>(),
            )
        }
        other => panic!("{other:?}"),
    });
    let event = threadsafe::Event::new();
    event.rawlink(|_| fail::<()>("link"));
    std::thread::spawn(move || event.set()).join().unwrap();
    settle()?;
    assert_eq!(failed.take(), [(true, false, false, false, false)]);
    let result = threadsafe::AsyncResult::new();
    result.rawlink(|_| fail::<()>("link"));
    result.set(1_u8);
    settle()?;
    assert_eq!(failed.take(), [(false, true, false, false, false)]);
    threadsafe::Semaphore::new(1).rawlink(|_| fail::<()>("link"));
    settle()?;
    assert_eq!(failed.take(), [(false, false, true, false, false)]);
    threadsafe::BoundedSemaphore::new(1).rawlink(|_| fail::<()>("link"));
    settle()?;
    assert_eq!(failed.take(), [(false, false, false, true, false)]);
    let own = AbstractLinkable::new(Open);
    gevent::Linkable::rawlink(&own, gevent::Link::new(|_| fail("link")));
    settle()?;
    assert_eq!(failed.take(), [(false, false, false, false, true)]);
    Ok(())
}

/// An object that is ready from the beginning.
#[derive(Debug)]
struct Open;

impl Waitable for Open {
    const KIND: &'static str = "Open";

    fn ready(&self) -> bool {
        true
    }
}

#[test]
fn who_waits_in_another_threads_object_is_its_switch() -> TestResult {
    let _bounded = bounded();
    let failed = contexts(|context| match context {
        Context::Switch(greenlet) => greenlet.clone(),
        other => panic!("{other:?}"),
    });
    let event = threadsafe::Event::new();
    let its = event.clone();
    let waits = spawn_raw(move || {
        its.wait()?;
        fail("after the wait")
    })?;
    sleep(0)?;
    event.set();
    settle()?;
    assert_eq!(failed.take(), [waits]);
    Ok(())
}

#[test]
fn a_panicking_destructor_of_a_local_is_its_greenlets() -> TestResult {
    let _bounded = bounded();
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            std::panic::panic_any("bomb");
        }
    }
    let whose = Rc::new(RefCell::new(Vec::new()));
    let its = whose.clone();
    get_hub().set_error_handler(Some(Rc::new(move |context: Context<'_>, _: Exception| {
        if let Context::Greenlet(greenlet) = context {
            its.borrow_mut().push(greenlet.clone());
        }
    })));
    let local = Local::new(|| Bomb);
    let greenlet = spawn(move || local.with(|_| ()));
    greenlet.join()?;
    assert_eq!(whose.take(), [greenlet.raw().clone()]);
    Ok(())
}

#[test]
fn a_thread_pools_task_knows_pool_and_function() -> TestResult {
    let _bounded = bounded();
    fn task() -> TestResult {
        fail("in the task")
    }
    let failed = contexts(|context| {
        let task = context.object::<Task>().expect("it is one");
        assert!(format!("{task:?}").ends_with(&format!(", {})", task.function())));
        (task.pool().clone(), task.thread(), task.function())
    });
    let pool = ThreadPool::new(1);
    let thread = pool.apply(|| Ok(std::thread::current().id()))?;
    assert!(pool.apply(task).is_err());
    let name = std::any::type_name_of_val(&task);
    assert_eq!(failed.take(), [(pool, Some(thread), name)]);
    Ok(())
}

#[test]
fn a_callback_of_a_future_that_was_done_is_the_futures() -> TestResult {
    let _bounded = bounded();
    let failed = contexts(|context| match context {
        Context::Link { source, .. } => (None, source.is::<AsyncResult<u8>>()),
        other => (other.object::<Future<u8>>().cloned(), false),
    });
    let executor = ThreadPoolExecutor::new(1);
    let future = executor.submit(|| 1_u8)?;
    future.add_done_callback(|_| fail::<()>("later"));
    future.result()?;
    settle()?;
    future.add_done_callback(|_| fail::<()>("at once"));
    assert_eq!(failed.take(), [(None, true), (Some(future), false)]);
    executor.shutdown(true)
}

#[test]
fn throwing_into_who_waits_is_its_throw() -> TestResult {
    let _bounded = bounded();
    let failed = contexts(|context| match context {
        Context::Throw(greenlet) => greenlet.clone(),
        other => panic!("{other:?}"),
    });
    let hub = get_hub();
    let waits = |close: fn(&Hub, &gevent::core::Timer)| {
        let timer = get_hub().loop_().timer(1000.0)?;
        let its = timer.clone();
        let greenlet = spawn_raw(move || get_hub().wait(&its))?;
        sleep(0)?;
        close(&get_hub(), &timer);
        settle()?;
        Ok::<_, Exception>(greenlet)
    };
    let cancelled = waits(|hub, timer| {
        let cancelled = hub.cancel_wait(timer, ExpectedError("cancelled"), false);
        cancelled.expect("the loop is there");
    })?;
    let closed = waits(|hub, timer| {
        let watchers = [(**timer).clone()];
        let closed = hub.cancel_waits_close_and_then(watchers, ExpectedError("closed"), || ());
        closed.expect("the loop is there");
    })?;
    let waiter = Waiter::<()>::new(&hub);
    let its = waiter.clone();
    let thrown = spawn_raw(move || its.get())?;
    sleep(0)?;
    hub.loop_()
        .run_callback(move || waiter.throw(ExpectedError("thrown")).map_err(Exception::new))?;
    settle()?;
    WaitHub::handle_error(&hub, Failed::Throw(&thrown), ExpectedError("by hand").into());
    let thrown_again = thrown.clone();
    assert_eq!(failed.take(), [cancelled, closed, thrown, thrown_again]);
    Ok(())
}

#[test]
fn the_hubs_callback_is_itself() -> TestResult {
    let _bounded = bounded();
    let failed = contexts(|context| match context {
        Context::Callback(callback) => (callback.clone(), callback.scheduled()),
        other => panic!("{other:?}"),
    });
    let callback: Callback = get_hub().loop_().run_callback(|| fail::<()>("callback"))?;
    settle()?;
    assert_eq!(failed.take(), [(callback.clone(), true)]);
    assert!(!callback.scheduled());
    Ok(())
}
