//! Errors that nothing handles: the error handlers, the stream that errors are printed to, and the errors' own code.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::rc::Rc;

use super::trap::{Action, Case, Place, Trap};
use greenlet_core::Exception;
use hub::{Context, ExceptionStream, Hub, get_hub};

/// A hub, and the text that it has printed.
#[derive(Clone)]
struct Prints {
    hub: Hub,
    printed: Rc<RefCell<String>>,
    trap: Rc<RefCell<Option<Trap>>>,
    /// How often the handler was called.
    called: Rc<Cell<u32>>,
}

struct Writer(Prints);

impl Write for Writer {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let trap = self.0.trap.take();
        trap.iter().for_each(Trap::spring);
        *self.0.printed.borrow_mut() += &String::from_utf8_lossy(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Prints {
    fn new() -> Prints {
        let prints = Prints {
            hub: get_hub(),
            printed: Rc::default(),
            trap: Rc::default(),
            called: Rc::default(),
        };
        prints.install();
        prints
    }

    fn install(&self) {
        let writer = Writer(self.clone());
        self.hub.set_exception_stream(ExceptionStream::Write(Box::new(writer)));
    }

    fn print(&self, text: &str) {
        self.hub.print_exception(Context::Object(&7), &Exception::msg(text));
    }

    fn report(&self, text: &str) {
        self.hub.report_error(Context::Object(&7), Exception::msg(text));
    }

    fn has(&self, text: &str) -> usize {
        self.printed.borrow().matches(&format!("Message: {text}\n")).count()
    }

    fn use_it(&self) {
        let _ = format!("{:?}", self.hub);
        self.print("used");
        assert!(!self.hub.is_system_error(&Exception::msg("used")));
        assert!(!self.hub.is_not_error(&Exception::msg("used")));
    }

    /// Checks that the hub still prints to the stream.
    fn check(self, action: Action) {
        self.print("last");
        assert_eq!(self.has("last"), 1);
        let used = usize::from(action == Action::WaitForUser);
        assert!(self.has("used") >= used, "{:?}", self.printed);
        self.hub.set_exception_stream(ExceptionStream::Discard);
    }
}

fn case(name: &'static str, calls: &'static [fn(Prints, Trap) -> super::trap::TestResult]) -> Case<Prints> {
    Case {
        name,
        place: Place::Greenlet,
        make: Prints::new,
        calls,
        uses: Prints::use_it,
        waits: None,
        after: Prints::check,
    }
}

#[test]
fn the_stream() {
    let mut case = case(
        "hub::exception_stream::ExceptionStream::Write, hub::hub::Hub::set_exception_stream | Write",
        &[
            |prints, trap| {
                prints.trap.replace(Some(trap));
                prints.print("first");
                assert_eq!(prints.has("first"), 1);
                Ok(())
            },
            // The stream is replaced meanwhile.
            |prints, trap| {
                let hub = prints.hub.clone();
                prints.trap.replace(Some(trap));
                let its = prints.clone();
                let replaces = hub::spawn_raw(move || {
                    hub.set_exception_stream(ExceptionStream::Discard);
                    its.install();
                })?;
                prints.print("first");
                while !replaces.dead() {
                    hub::sleep(0)?;
                }
                Ok(())
            },
        ],
    );
    // A text is printed once, unless its write has panicked or was unwound.
    case.after = |prints, action| {
        if action != Action::Panic && action != Action::Unwind {
            assert_eq!(prints.has("first"), 1);
        }
        prints.check(action);
    };
    case.run();
}

#[test]
fn handlers() {
    let mut case = case(
        "hub::hub::Hub::set_error_handler | ErrorHandler, Fn",
        &[|prints, trap| {
            let (call, called) = (trap.call(), prints.called.clone());
            prints
                .hub
                .set_error_handler(Some(Rc::new(move |_: Context<'_>, _: Exception| {
                    called.set(called.get() + 1);
                    call();
                })));
            // A panic of the handler does not get to the caller of `report_error`.
            prints.report("first");
            prints.report("second");
            Ok(())
        }],
    );
    case.after = |prints, action| {
        let reports = match action {
            Action::Unwind => 1,
            // The handler gets its own panic, too.
            Action::Panic => 3,
            _ => 2,
        };
        assert_eq!(prints.called.get(), reports);
        prints.report("third");
        assert_eq!(prints.called.get(), reports + 1);
        prints.hub.set_error_handler(None);
        prints.check(action);
    };
    case.run();
}

#[test]
fn kinds_of_errors() {
    case(
        "hub::hub::Hub::{set_not_error, set_system_error} | Fn",
        &[
            |prints, trap| {
                let call = trap.call();
                prints.hub.set_not_error(move |_| {
                    call();
                    false
                });
                prints.report("first");
                Ok(())
            },
            |prints, trap| {
                let call = trap.call();
                prints.hub.set_system_error(move |_| {
                    call();
                    false
                });
                prints.report("first");
                assert!(prints.has("first") == 1);
                Ok(())
            },
        ],
    )
    .run();
}

/// The destructors of replaced handlers and streams spring the trap.
#[test]
fn what_is_replaced() {
    case(
        "hub::hub::Hub::{set_not_error, set_system_error, set_error_handler, set_exception_stream} | Drop",
        &[
            |prints, trap| {
                let owned = trap.on_drop();
                prints.hub.set_not_error(move |_| {
                    owned.touch();
                    false
                });
                prints.hub.set_not_error(|_| false);
                Ok(())
            },
            |prints, trap| {
                let owned = trap.on_drop();
                prints.hub.set_system_error(move |_| {
                    owned.touch();
                    false
                });
                prints.hub.set_system_error(|_| false);
                Ok(())
            },
            |prints, trap| {
                let owned = trap.on_drop();
                let handler = move |_: Context<'_>, _: Exception| owned.touch();
                prints.hub.set_error_handler(Some(Rc::new(handler)));
                prints.hub.set_error_handler(None);
                Ok(())
            },
        ],
    )
    .run();
}

/// An error that springs the trap when it is shown, asked for its source, or dropped.
struct Shown {
    trap: Trap,
    code: Code,
}

#[derive(Clone, Copy, PartialEq)]
enum Code {
    Debug,
    Display,
    Source,
    Drop,
}

impl Shown {
    fn spring(&self, code: Code) {
        if self.code == code {
            self.trap.spring();
        }
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spring(Code::Debug);
        f.write_str("Shown")
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spring(Code::Display);
        f.write_str("shown")
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.spring(Code::Drop);
    }
}

thread_local! {
    /// The state of the error. The error itself must be `Send`, so it finds its state here.
    static SHOWN: RefCell<Option<Shown>> = const { RefCell::new(None) };
}

struct Failure;

fn spring_shown(code: Code) {
    if SHOWN.with_borrow(|shown| shown.as_ref().is_some_and(|shown| shown.code == code)) {
        let shown = SHOWN.take();
        shown.iter().for_each(|shown| shown.spring(code));
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Failure")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        spring_shown(Code::Display);
        f.write_str("failure")
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        spring_shown(Code::Source);
        None
    }
}

impl Drop for Failure {
    fn drop(&mut self) {
        spring_shown(Code::Drop);
    }
}

fn set(trap: Trap, code: Code) -> Exception {
    SHOWN.set(Some(Shown { trap, code }));
    Exception::new(Failure)
}

#[test]
fn what_is_shown() {
    case(
        "hub::context::Context::{Object, Link::source} | Debug",
        &[
            |prints, trap| {
                let shown = Shown {
                    trap,
                    code: Code::Debug,
                };
                prints
                    .hub
                    .print_exception(Context::Object(&shown), &Exception::msg("first"));
                Ok(())
            },
            |prints, trap| {
                let shown = Shown {
                    trap,
                    code: Code::Debug,
                };
                let link = hub::Link::new(|_| ());
                let context = Context::Link {
                    link: &link,
                    source: &shown,
                };
                prints.hub.print_exception(context, &Exception::msg("first"));
                Ok(())
            },
        ],
    )
    .run();
    case(
        "hub::hub::Hub::print_exception | Error",
        &[
            |prints, trap| {
                prints.hub.print_exception(Context::None, &set(trap, Code::Display));
                Ok(())
            },
            |prints, trap| {
                prints.hub.print_exception(Context::None, &set(trap, Code::Source));
                Ok(())
            },
            |prints, trap| {
                prints.hub.report_error(Context::Object(&7), set(trap, Code::Drop));
                Ok(())
            },
        ],
    )
    .run();
}
