//! What the hub does with errors that nobody else takes. Source: gevent's `hub.py`,
//! `handle_error` and its neighbours.

use std::borrow::Cow;
use std::io;
use std::rc::Rc;

use greenlet_core::unwind::{Caught, catch};
use greenlet_core::{Exception, GreenletError, getcurrent};

use crate::context::Context;
use crate::core::{Callback, ErrorHandler, HubDestroyed, complain};
use crate::exception_stream::{ExceptionStream, Printer};
use crate::exceptions::{KeyboardInterrupt, SystemError, SystemExit};
use crate::hub::Hub;

/// Which exceptions are of a kind.
pub(crate) type ErrorKind = Rc<dyn Fn(&Exception) -> bool>;

impl Hub {
    /// Has `handler` called with the errors that nobody else takes, instead of
    /// [`handle_error`](Hub::handle_error), which it may call; `None` undoes that.
    ///
    /// Source: setting `handle_error` on a gevent hub.
    pub fn set_error_handler(&self, handler: Option<Rc<dyn ErrorHandler>>) {
        let old = self.inner().error_handler.replace(handler);
        drop(old);
    }

    /// Gives an error that nobody else takes to the [handler](Hub::set_error_handler), or to
    /// [`handle_error`](Hub::handle_error) if there is none. Should they panic, that is an error which they get, too; and if
    /// they panic again, it is printed. Nothing leaves this: the caller has others to serve.
    pub fn report_error(&self, context: Context<'_>, exception: Exception) {
        if let Some(panic) = self.try_to_report(context, exception)
            && let Some(panic) = self.try_to_report(context, panic)
        {
            complain(format_args!("panic in the error handler: {panic:?}"));
        }
    }

    /// Returns the handler's own panic.
    fn try_to_report(&self, context: Context<'_>, exception: Exception) -> Option<Exception> {
        match catch(|| self.report_to_handler(context, exception)) {
            Ok(()) => None,
            Err(Caught::Panic(panic)) => Some(panic),
            Err(Caught::Forced(unwind)) => unwind.resume(),
        }
    }

    fn report_to_handler(&self, context: Context<'_>, exception: Exception) {
        if let Some(GreenletError::ThreadEnding) = exception.error().downcast_ref() {
            // Somebody was to be woken whose thread is over: nobody failed.
            return;
        }
        let handler = self.inner().error_handler.borrow().clone();
        match handler {
            Some(handler) if !exception.error().is::<HubDestroyed>() => {
                handler.handle_error(context, exception);
            }
            _ => self.handle_error(context, exception),
        }
    }

    /// Takes an error that nobody else could: prints it unless it is
    /// [not an error](Hub::is_not_error), and raises it in the main greenlet if it is a
    /// [system error](Hub::is_system_error) or nobody's: [`Context::None`].
    pub fn handle_error(&self, context: Context<'_>, exception: Exception) {
        if exception.error().is::<HubDestroyed>() {
            // The loop knows what to do: it forgets its callbacks and ends its run.
            return self.loop_().handle_error(context, exception);
        }
        if !self.is_not_error(&exception) {
            self.print_exception(context, &exception);
        }
        if context.is_none() || self.is_system_error(&exception) {
            self.handle_system_error(exception);
        }
    }

    /// What is no error unless the hub is [told otherwise](Hub::set_not_error): `GreenletExit` and
    /// `SystemExit`.
    pub const NOT_ERROR: fn(&Exception) -> bool =
        |exception| exception.is_exit() || exception.error().is::<SystemExit>();

    /// What concerns the whole process unless the hub is
    /// [told otherwise](Hub::set_system_error): `KeyboardInterrupt`, `SystemExit`, `SystemError`.
    pub const SYSTEM_ERROR: fn(&Exception) -> bool = |exception| {
        let error = exception.error();
        error.is::<KeyboardInterrupt>() || error.is::<SystemExit>() || error.is::<SystemError>()
    };

    /// Whether ending with this exception is a normal end, which is not printed.
    pub fn is_not_error(&self, exception: &Exception) -> bool {
        let kind = self.inner().not_error.borrow().clone();
        kind(exception)
    }

    /// Whether the exception is raised in the main greenlet, whoever ended with it.
    pub fn is_system_error(&self, exception: &Exception) -> bool {
        let kind = self.inner().system_error.borrow().clone();
        kind(exception)
    }

    /// Says which exceptions are no errors: a program's own way to end a greenlet, say.
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
        let old = self.inner().not_error.replace(Rc::new(kind));
        drop(old);
    }

    /// Says which exceptions concern the whole process.
    ///
    /// Source: assigning to `SYSTEM_ERROR` of a gevent hub.
    pub fn set_system_error(&self, kind: impl Fn(&Exception) -> bool + 'static) {
        let old = self.inner().system_error.replace(Rc::new(kind));
        drop(old);
    }

    /// Lets go of what it was told to call or to print to, which may own the hub in turn.
    pub(crate) fn forget_handlers(&self) {
        self.set_error_handler(None);
        self.set_not_error(Hub::NOT_ERROR);
        self.set_system_error(Hub::SYSTEM_ERROR);
        self.set_exception_stream(ExceptionStream::Stderr);
    }

    /// Raises the exception in the main greenlet; the current one goes on afterwards.
    pub fn handle_system_error(&self, exception: Exception) {
        /// Whoever is back, by a panic perhaps, is not to be switched to again.
        struct Back(Callback);

        impl Drop for Back {
            fn drop(&mut self) {
                self.0.stop();
            }
        }

        let current = getcurrent();
        let back = if current == *self.greenlet() || current == *self.parent() {
            None
        } else {
            let back = move || current.switch(()).map(drop);
            self.loop_().run_callback(back).ok().map(Back)
        };
        let thrown = self.parent().throw(exception);
        drop(back);
        if let Err(exception) = thrown {
            // Thrown into the hub while it waited here: `HubDestroyed`, say.
            self.handle_error(Context::Object(self), exception);
        }
    }

    /// Where [`print_exception`](Hub::print_exception) prints: standard error at first.
    pub fn set_exception_stream(&self, stream: ExceptionStream) {
        let old = self.inner().printer.replace(Printer::new(stream));
        drop(old);
    }

    /// Prints an exception, where it was raised, and whose it was to the exception stream; of an
    /// [`io::Error`] the kind, too, as in `io::Error(ConnectionRefused)`. An error
    /// of the stream is ignored: there is nobody left to tell.
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
        let printer = self.inner().printer.borrow().clone();
        printer.print(text);
    }
}

/// The name of its type. That of an `io::Error` says little without its kind.
fn describe_type(exception: &Exception) -> Cow<'static, str> {
    match exception.error().downcast_ref::<io::Error>() {
        Some(error) => format!("io::Error({:?})", error.kind()).into(),
        None => exception.type_name().into(),
    }
}
