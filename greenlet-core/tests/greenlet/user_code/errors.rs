//! Users' errors, whose code runs when exceptions are looked at and shown.

use std::error::Error;
use std::fmt;

use greenlet_core::{Chain, Exception, Raised};

use super::trap::{TRAP, Trap, each, nothing, spring_in_thread};

#[derive(Clone, Copy, PartialEq)]
enum Code {
    Source,
    Display,
    Debug,
}

/// An error whose code springs a trap. An error may leave its thread, so the trap is kept elsewhere.
struct Failure(Code);

impl Failure {
    fn new(code: Code, trap: Trap) -> Failure {
        TRAP.set(Some(trap));
        Failure(code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == Code::Display {
            spring_in_thread();
        }
        f.write_str("failure")
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == Code::Debug {
            spring_in_thread();
        }
        f.write_str("Failure")
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        if self.0 == Code::Source {
            spring_in_thread();
        }
        None
    }
}

#[test]
fn test_errors() {
    const NAME: &str = "greenlet_core::exception::{Chain::of, Exception::downcast_ref, Exception::is, \
                        Exception::from_local, Raised::raised} | Error";
    let cases: [fn(Trap); 7] = [
        |trap| assert_eq!(Chain::of(&Failure::new(Code::Source, trap)).count(), 1),
        |trap| {
            let exception = Exception::new(Failure::new(Code::Source, trap));
            assert!(!exception.is::<fmt::Error>());
        },
        |trap| {
            let exception = Exception::new(Failure::new(Code::Source, trap));
            assert!(exception.downcast_ref::<fmt::Error>().is_none());
        },
        |trap| {
            let local = Exception::from_local(Box::new(Failure::new(Code::Display, trap)));
            assert_eq!(local.to_string(), "failure");
        },
        |trap| {
            let local = Exception::from_local(Box::new(Failure::new(Code::Source, trap)));
            assert_eq!(local.to_string(), "failure");
        },
        // At the end of a greenlet, its error is asked whether the greenlet was killed.
        |trap| {
            let ended = Exception::new(Failure::new(Code::Source, trap)).or_exit();
            assert!(ended.error().is::<Failure>());
        },
        |trap| {
            struct Made(Trap);
            impl From<Made> for Box<dyn Error + Send + Sync> {
                fn from(made: Made) -> Self {
                    made.0.spring();
                    "made".into()
                }
            }
            let raised = Err::<(), _>(Made(trap)).raised();
            assert_eq!(raised.expect_err("it fails").to_string(), "made");
        },
    ];
    cases.iter().for_each(|case| each(NAME, *case, nothing));
    const SHOWN: &str = "greenlet_core::exception::Exception::fmt | Error";
    let cases: [fn(Trap); 4] = [
        |trap| {
            let exception = Exception::new(Failure::new(Code::Display, trap));
            assert_eq!(exception.to_string(), "failure");
        },
        |trap| {
            let exception = Exception::new(Failure::new(Code::Display, trap));
            assert_eq!(format!("{exception:#}"), "failure");
        },
        |trap| {
            let exception = Exception::new(Failure::new(Code::Source, trap));
            assert_eq!(format!("{exception:#}"), "failure");
        },
        |trap| {
            let exception = Exception::new(Failure::new(Code::Debug, trap));
            assert!(format!("{exception:?}").starts_with("Failure"));
        },
    ];
    cases.iter().for_each(|case| each(SHOWN, *case, nothing));
}
