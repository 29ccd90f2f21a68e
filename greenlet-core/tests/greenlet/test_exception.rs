//! Exceptions: their sources, conversions to other errors and back, and the places where they were raised.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use greenlet_core::{AsError, Chain, Exception, GreenletExit, Message, Panic, Raised, RawGreenlet, Value, getcurrent};

/// An error without a size: only its address tells one from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stop")]
struct Stop;

/// An error that a library makes of an exception, in all the ways that there are.
#[derive(Debug, thiserror::Error)]
enum LibraryError {
    #[error("the library failed")]
    Exception(#[from] Exception),
    #[error("the library could not read")]
    Io(#[from] io::Error),
    #[error("something in the library failed")]
    Boxed(#[source] Box<dyn Error + Send + Sync>),
    #[error("shared")]
    Shared(#[source] Arc<io::Error>),
    #[error(transparent)]
    Transparent(Exception),
}

/// Every conversion of an exception to another error and back.
fn wrappings() -> Vec<fn(Exception) -> Exception> {
    vec![
        |e| e,
        |e| io::Error::from(e).into(),
        |e| io::Error::other(io::Error::other(io::Error::from(e))).into(),
        |e| Exception::from_boxed(e.into()),
        |e| Exception::from_local(e.into()),
        |e| LibraryError::Exception(e).into(),
        |e| LibraryError::Transparent(e).into(),
        |e| LibraryError::Io(e.into()).into(),
        |e| LibraryError::Boxed(e.into()).into(),
        |e| LibraryError::Shared(Arc::new(e.into())).into(),
        |e| io::Error::other(LibraryError::Exception(e)).into(),
        |e| LibraryError::Io(io::Error::other(LibraryError::Boxed(e.into()))).into(),
        |e| Exception::from_local(Box::new(LibraryError::Boxed(e.into()))),
        |e| Err::<(), _>(e).raised().unwrap_err(),
        |e| {
            Err::<(), _>(Box::<dyn Error + Send + Sync>::from(e))
                .raised()
                .unwrap_err()
        },
        #[cfg(feature = "anyhow")]
        |e| Err::<(), _>(anyhow::Error::from(e)).raised().unwrap_err(),
        #[cfg(feature = "anyhow")]
        |e| {
            let e = anyhow::Error::from(LibraryError::Exception(e)).context("while working");
            Err::<(), _>(e).raised().unwrap_err()
        },
    ]
}

/// Throws `exception` into a greenlet, which fails with the exception that `wrap` makes of it. Returns the
/// result that the parent gets.
fn thrown_and_wrapped(
    exception: Exception,
    wrap: impl Fn(Exception) -> Exception + 'static,
) -> Result<Value, Exception> {
    let main = getcurrent();
    let greenlet = RawGreenlet::new(move |_| Err(wrap(main.switch(()).unwrap_err())));
    greenlet.switch(()).expect("it begins");
    greenlet.throw(exception)
}

#[test]
fn test_the_very_exception_is_found_again() {
    for (n, wrap) in wrappings().into_iter().enumerate() {
        for of in [Exception::new(Stop), Exception::new(Message("stop".into()))] {
            let wrapped = wrap(of.clone());
            assert!(wrapped.holds(&of), "{n}: {wrapped:?}");
            assert!(!wrapped.holds(&Exception::new(Stop)), "{n}: {wrapped:?}");
            let (stop, message) = (wrapped.is::<Stop>(), wrapped.is::<Message>());
            assert!(stop == of.is::<Stop>() && message != stop, "{n}: {wrapped:?}");
        }
    }
}

#[test]
fn test_a_thrown_exception_is_found_again_in_its_greenlet_only() {
    for (n, wrap) in wrappings().into_iter().enumerate() {
        let thrown = Exception::new(Stop);
        let its = thrown.clone();
        let ended = thrown_and_wrapped(thrown.clone(), move |e| {
            let wrapped = wrap(e);
            assert!(wrapped.thrown_here().is_some_and(|e| e.same(&its)), "{n}");
            assert!(wrap(Exception::new(Stop)).thrown_here().is_none(), "{n}");
            wrapped
        });
        let ended = ended.unwrap_err();
        assert!(ended.holds(&thrown), "{n}: {ended:?}");
        // It was thrown into another greenlet, and arrived here as the end of that one.
        let other = RawGreenlet::new(move |_| {
            assert!(ended.thrown_here().is_none());
            Ok(Value::None)
        });
        other.switch(()).expect("it ends well");
    }
}

#[test]
fn test_a_wrapped_exit_ends_the_greenlet_that_it_was_thrown_into_well() {
    for (n, wrap) in wrappings().into_iter().enumerate() {
        let exit = Exception::new(GreenletExit::because("enough"));
        let value = thrown_and_wrapped(exit.clone(), wrap).expect("an exit is a value");
        let value = value.downcast::<Exception>().expect("the exit itself");
        assert!(value.same(&exit), "{n}");

        // A GreenletExit that was not thrown into the greenlet is a failure, unless it is passed on as it is.
        let other = thrown_and_wrapped(Exception::new(Stop), move |_| {
            let error = wrap(Exception::new(GreenletExit));
            assert!(error.is::<GreenletExit>());
            error
        });
        match other {
            Ok(value) => {
                let exit = value.downcast::<Exception>().expect("an exit");
                assert!(exit.is_exit(), "{n}");
            }
            Err(error) => assert!(!error.is_exit() && error.is::<GreenletExit>(), "{n}: {error}"),
        }
    }
}

#[test]
fn test_earlier_throws_are_known_while_they_exist() -> Result<(), Exception> {
    let main = getcurrent();
    let greenlet = RawGreenlet::new(move |_| {
        let first = main.switch(()).unwrap_err();
        let second = main.switch(()).unwrap_err();
        for _ in 0..100 {
            drop(main.switch(()).unwrap_err());
        }
        let wrapped = Exception::from(LibraryError::from(first.clone()));
        assert!(wrapped.thrown_here().is_some_and(|e| e.same(&first)));
        assert!(second.thrown_here().is_some());
        Err(wrapped)
    });
    greenlet.switch(())?;
    greenlet.throw(GreenletExit)?;
    for _ in 0..100 {
        greenlet.throw(Stop)?;
    }
    let ended = greenlet.throw(Stop)?.downcast::<Exception>();
    assert!(ended.is_ok_and(|exit| exit.is_exit()) && greenlet.dead());
    Ok(())
}

#[test]
fn test_an_exit_may_say_why() {
    let exit = Exception::new(GreenletExit::because("no more work"));
    assert_eq!(exit.to_string(), "no more work");
    assert_eq!(format!("{:?}", exit.error()), "GreenletExit(\"no more work\")");
    assert_eq!(Exception::new(GreenletExit).to_string(), "GreenletExit");
    assert!(matches!(exit.downcast_ref::<GreenletExit>(), Some(exit) if *exit != GreenletExit));
    assert_eq!(GreenletExit::default(), GreenletExit);
}

#[test]
fn test_the_face_is_the_same_whoever_holds_clones() {
    let faces = |exception: Exception| {
        let clone = exception.clone();
        let boxed = Box::<dyn Error + Send + Sync>::from(exception);
        assert!(
            boxed
                .downcast_ref::<AsError>()
                .is_some_and(|e| e.exception().same(&clone))
        );
        drop(boxed);
        let boxed = Box::<dyn Error>::from(clone);
        let mut chain = Chain::of(&*boxed);
        assert!(chain.next().is_some_and(|e| e.is::<AsError>()));
        assert!(chain.next().is_some_and(|e| e.is::<Stop>()));
        assert_eq!(boxed.to_string(), "stop");
    };
    faces(Exception::new(Stop));
    let kept = Exception::new(Stop);
    faces(kept.clone());
}

#[test]
fn test_plain_io_errors_stay_what_they_are() {
    let os = io::Error::from(Exception::from(io::Error::from_raw_os_error(libc::EPIPE)));
    assert_eq!(os.raw_os_error(), Some(libc::EPIPE));
    let kind = io::Error::from(Exception::from(io::Error::from(io::ErrorKind::NotFound)));
    assert!(kind.kind() == io::ErrorKind::NotFound && kind.get_ref().is_none());
    let text = Exception::from(io::Error::new(io::ErrorKind::InvalidData, "odd"));
    let same = io::Error::from(text.clone());
    assert!(same.kind() == io::ErrorKind::InvalidData && same.to_string() == "odd");
    assert!(Exception::from(same).same(&text));
}

#[test]
fn test_a_thrown_io_error_keeps_its_identity() {
    let thrown = Exception::from(io::Error::from_raw_os_error(libc::EINTR));
    let its = thrown.clone();
    let ended = thrown_and_wrapped(thrown, move |e| {
        let io = io::Error::from(e);
        assert_eq!(io.kind(), io::ErrorKind::Interrupted);
        let again = Exception::from(io);
        assert!(again.same(&its));
        again
    });
    assert!(ended.is_err());
}

/// The chain of an error that is its own source has no end of its own.
#[test]
fn test_a_chain_ends() {
    #[derive(Debug)]
    struct Circle;
    impl fmt::Display for Circle {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("round")
        }
    }
    impl Error for Circle {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(self)
        }
    }
    let exception = Exception::new(Circle);
    assert!(!exception.is::<Stop>() && format!("{exception:#}") == "round");
}

#[test]
fn test_the_alternate_text_has_the_sources_once() {
    let error = LibraryError::Io(io::Error::other(Exception::new(Stop).error().to_string()));
    assert_eq!(
        format!("{:#}", Exception::new(error)),
        "the library could not read: stop"
    );
    let error = LibraryError::Boxed(Exception::new(Stop).into());
    assert_eq!(
        format!("{:#}", Exception::new(error)),
        "something in the library failed: stop"
    );
}

#[test]
fn test_a_panic_has_its_own_place() {
    let line = line!() + 1;
    let panicking = |_: Value| -> Result<Value, Exception> { panic!("with a place") };
    let ended = RawGreenlet::new(panicking).switch(()).unwrap_err();
    let place = ended.place().expect("the hook was told");
    assert_eq!((&*place.file, place.line), (file!(), line));

    // A panic that is caught on the way does not take the place of the other.
    let nested = RawGreenlet::new(|_| {
        struct Panics;
        impl Drop for Panics {
            fn drop(&mut self) {
                let caught = std::panic::catch_unwind(|| panic!("another"));
                assert!(caught.is_err());
            }
        }
        let _panics = Panics;
        panic!("the outer one")
    });
    let ended = nested.switch(()).unwrap_err();
    let place = ended.place().expect("the hook was told");
    assert_eq!((&*place.file, place.line), (file!(), line!() - 4));

    // No hook is told of this panic.
    let resumed = RawGreenlet::new(|_| std::panic::resume_unwind(Box::new("resumed")));
    let ended = resumed.switch(()).unwrap_err();
    assert!(ended.is::<Panic>() && ended.place().is_none());
}

#[test]
fn test_the_standard_library_is_no_place() {
    let stop = || Err::<(), _>(Stop);
    let failed: Result<(), Exception> = stop().map_err(Into::into);
    let failed = failed.unwrap_err();
    assert!(failed.place().is_none() && format!("{failed:?}") == "Stop");
    let raised = || -> Result<(), Exception> { Err(Stop)? };
    let (raised, line) = (raised().unwrap_err(), line!() - 1);
    assert_eq!(raised.place().expect("it is known").line, line);
    let raised = Err::<(), _>("text").raised().unwrap_err();
    assert_eq!(raised.place().expect("it is known").line, line!() - 1);
}
