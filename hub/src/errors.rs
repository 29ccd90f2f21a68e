//! The hub's handling of errors that nothing else handles. Source: gevent's `hub.py`, `handle_error` and the functions
//! around it.

use std::borrow::Cow;
use std::io;
use std::rc::Rc;

use greenlet_core::unwind::{Caught, catch};
use greenlet_core::{Exception, GreenletError, getcurrent};

use crate::context::Context;
use crate::core::{Break, Callback, ErrorHandler, HubDestroyed, complain};
use crate::exception_stream::{ExceptionStream, Printer};
use crate::exceptions::{KeyboardInterrupt, SystemError, SystemExit};
use crate::hub::Hub;

/// Tells which exceptions are of a kind.
pub(crate) type ErrorKind = Rc<dyn Fn(&Exception) -> bool>;

impl Hub {
    /// Has `handler` called with the errors that nothing else handles, instead of
    /// [`handle_error`](Hub::handle_error), which it may call; `None` undoes that.
    ///
    /// Source: setting `handle_error` on a gevent hub.
    pub fn set_error_handler(&self, handler: Option<Rc<dyn ErrorHandler>>) {
        let old = self.body().error_handler.replace(handler);
        drop(old);
    }

    /// The handler that was [set](Hub::set_error_handler), if any.
    ///
    /// Source: the attribute `handle_error` of a gevent hub, kept to be set again later.
    pub fn error_handler(&self) -> Option<Rc<dyn ErrorHandler>> {
        self.body().error_handler.borrow().clone()
    }

    /// Gives an error that nothing else handles to the [handler](Hub::set_error_handler), or to
    /// [`handle_error`](Hub::handle_error) if there is none. If that panics, the panic is given to it as an error, too;
    /// if it panics again, that panic is printed. No panic leaves this function, so the caller can go on.
    pub fn report_error(&self, context: Context<'_>, exception: Exception) {
        if let Some(panic) = self.try_to_report(context, exception)
            && let Some(panic) = self.try_to_report(context, panic)
        {
            complain(format_args!("panic in the error handler: {panic:?}"));
        }
    }

    /// Gives the error to the handler, and returns the handler's panic, if any.
    fn try_to_report(&self, context: Context<'_>, exception: Exception) -> Option<Exception> {
        match catch(|| self.report_to_handler(context, exception)) {
            Ok(()) => None,
            Err(Caught::Panic(panic)) => Some(panic),
            Err(Caught::Forced(unwind)) => unwind.resume(),
        }
    }

    fn report_to_handler(&self, context: Context<'_>, exception: Exception) {
        if let Some(GreenletError::ThreadEnding) = exception.error().downcast_ref() {
            // A greenlet was to be woken whose thread is over: that is no failure.
            return;
        }
        match self.error_handler() {
            Some(handler) if !exception.error().is::<HubDestroyed>() => {
                handler.handle_error(context, exception);
            }
            _ => self.handle_error(context, exception),
        }
    }

    /// Handles an error that nothing else handles: prints it unless it is [not an error](Hub::is_not_error), and raises
    /// it in the main greenlet if it is a [system error](Hub::is_system_error) or its context is [`Context::None`].
    pub fn handle_error(&self, context: Context<'_>, exception: Exception) {
        if exception.error().is::<HubDestroyed>() {
            // The loop handles this: it forgets its callbacks and ends its run.
            return self.loop_().handle_error(context, exception);
        }
        if !self.is_not_error(&exception) {
            self.print_exception(context, &exception);
        }
        if context.is_none() || self.is_system_error(&exception) {
            self.handle_system_error(exception);
        }
    }

    /// The exceptions that are no errors unless [`set_not_error`](Hub::set_not_error) says otherwise: `GreenletExit`
    /// and `SystemExit`.
    pub const NOT_ERROR: fn(&Exception) -> bool =
        |exception| exception.is_exit() || exception.error().is::<SystemExit>();

    /// The exceptions that concern the whole process unless [`set_system_error`](Hub::set_system_error) says otherwise:
    /// `KeyboardInterrupt`, `SystemExit`, `SystemError`.
    pub const SYSTEM_ERROR: fn(&Exception) -> bool = |exception| {
        let error = exception.error();
        error.is::<KeyboardInterrupt>() || error.is::<SystemExit>() || error.is::<SystemError>()
    };

    /// Whether a greenlet that ends with this exception ends normally, so that nothing is printed.
    pub fn is_not_error(&self, exception: &Exception) -> bool {
        let kind = self.body().not_error.borrow().clone();
        kind(exception)
    }

    /// Whether the exception is raised in the main greenlet, whatever greenlet or callback has ended with it.
    pub fn is_system_error(&self, exception: &Exception) -> bool {
        let kind = self.body().system_error.borrow().clone();
        kind(exception)
    }

    /// Sets which exceptions are no errors, for example a program's own way to end a greenlet.
    ///
    /// ```
    /// #[derive(Debug, thiserror::Error)]
    /// #[error("enough")]
    /// struct Enough;
    ///
    /// let hub = hub::get_hub();
    /// hub.set_not_error(|e| hub::Hub::NOT_ERROR(e) || e.is::<Enough>());
    /// assert!(hub.is_not_error(&Enough.into()));
    /// ```
    ///
    /// Source: assigning to `NOT_ERROR` of a gevent hub.
    pub fn set_not_error(&self, kind: impl Fn(&Exception) -> bool + 'static) {
        let old = self.body().not_error.replace(Rc::new(kind));
        drop(old);
    }

    /// Sets which exceptions concern the whole process, so that they are raised in the main greenlet.
    ///
    /// Source: assigning to `SYSTEM_ERROR` of a gevent hub.
    pub fn set_system_error(&self, kind: impl Fn(&Exception) -> bool + 'static) {
        let old = self.body().system_error.replace(Rc::new(kind));
        drop(old);
    }

    /// Drops the handlers, the kinds of errors and the stream that were set: they may own the hub.
    pub(crate) fn forget_handlers(&self) {
        self.set_error_handler(None);
        self.set_not_error(Hub::NOT_ERROR);
        self.set_system_error(Hub::SYSTEM_ERROR);
        self.set_exception_stream(ExceptionStream::Stderr);
    }

    /// Raises the exception in the main greenlet; the current greenlet goes on afterwards. If that is the main
    /// greenlet, which runs the loop itself, the run of the loop ends, and the exception is raised in its next wait.
    pub fn handle_system_error(&self, exception: Exception) {
        /// Stops the callback that switches back, as soon as the greenlet is back, even by a panic.
        struct Back(Callback);

        impl Drop for Back {
            fn drop(&mut self) {
                self.0.stop();
            }
        }

        let current = getcurrent();
        if current == *self.parent() {
            return self.raise_in_next_wait(exception);
        }
        let back = if current == *self.greenlet() {
            None
        } else {
            let back = move || current.switch(()).map(drop);
            self.loop_().run_callback(back).ok().map(Back)
        };
        let thrown = self.parent().throw(exception);
        drop(back);
        if let Err(exception) = thrown {
            // The exception was thrown into the hub while it waited here, as `HubDestroyed` is.
            self.handle_error(Context::Object(self), exception);
        }
    }

    /// Raises the exception when the hub runs the loop, for which the main greenlet waits then.
    fn raise_in_next_wait(&self, exception: Exception) {
        let hub = self.clone();
        let later = || {
            let soon = self.loop_().timer(0.0)?;
            soon.start(move || hub.handle_system_error(exception.clone()))?;
            self.loop_().break_(Break::One)
        };
        // An error means that the loop is destroyed: then every wait of the main greenlet fails.
        let _ = later();
    }

    /// Sets where [`print_exception`](Hub::print_exception) prints; the default is standard error.
    pub fn set_exception_stream(&self, stream: ExceptionStream) {
        self.body().stream.note(&stream);
        let old = self.body().printer.replace(Printer::new(stream));
        drop(old);
    }

    /// Prints a text to the exception stream. Errors of the stream are ignored.
    pub(crate) fn print_text(&self, text: String) {
        let printer = self.body().printer.borrow().clone();
        printer.print(text);
    }

    /// Prints an exception to the exception stream, with the place where it was raised and the context. The type of an
    /// [`io::Error`] is printed with its kind, as in `io::Error(ConnectionRefused)`. Errors of the stream are ignored.
    pub fn print_exception(&self, context: Context<'_>, exception: &Exception) {
        let name = describe_type(exception);
        let raised = match exception.place() {
            Some(place) => format!("Raised at {place}:\n"),
            None => String::new(),
        };
        let whose = match context {
            Context::None => String::new(),
            context => format!("{context:?} failed with {name}\n"),
        };
        let text = format!("{raised}{name}: {exception:#}\n{whose}\n");
        self.print_text(text);
    }
}

/// The name of the exception's type; for an `io::Error`, which says little without its kind, with the kind.
fn describe_type(exception: &Exception) -> Cow<'static, str> {
    match exception.error().downcast_ref::<io::Error>() {
        Some(error) => format!("io::Error({:?})", error.kind()).into(),
        None => exception.type_name().into(),
    }
}
