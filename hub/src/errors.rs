//! What the hub does with errors that nobody else takes. Source: gevent's `hub.py`,
//! `handle_error` and its neighbours.

use std::fmt::Debug;
use std::io::Write;
use std::rc::Rc;

use greenlet_core::{Exception, GreenletExit, getcurrent};

use crate::core::{ErrorHandler, HubDestroyed};
use crate::exceptions::{KeyboardInterrupt, SystemError, SystemExit};
use crate::hub::Hub;

/// Where uncaught exceptions are printed.
#[derive(Default)]
pub enum ExceptionStream {
    /// The process's standard error.
    #[default]
    Stderr,
    /// Nowhere.
    Discard,
    /// Here.
    Write(Box<dyn Write>),
}

impl std::fmt::Debug for ExceptionStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ExceptionStream::Stderr => "Stderr",
            ExceptionStream::Discard => "Discard",
            ExceptionStream::Write(_) => "Write(..)",
        })
    }
}

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
    /// [`handle_error`](Hub::handle_error) if there is none.
    pub fn report_error(&self, context: Option<&dyn Debug>, exception: Exception) {
        let handler = self.inner().error_handler.borrow().clone();
        match handler {
            Some(handler) if !exception.is::<HubDestroyed>() => {
                handler.handle_error(context, exception);
            }
            _ => self.handle_error(context, exception),
        }
    }

    /// Takes an error that nobody else could: prints it unless it is
    /// [not an error](Hub::is_not_error), and raises it in the main greenlet if it is a
    /// [system error](Hub::is_system_error) or `context`, which says whose error it was, is
    /// none.
    pub fn handle_error(&self, context: Option<&dyn Debug>, exception: Exception) {
        if exception.is::<HubDestroyed>() {
            // The loop knows what to do: it forgets its callbacks and ends its run.
            return self.loop_().handle_error(context, exception);
        }
        if !Hub::is_not_error(&exception) {
            self.print_exception(context, &exception);
        }
        if context.is_none() || Hub::is_system_error(&exception) {
            self.handle_system_error(exception);
        }
    }

    /// Whether ending with this exception is a normal end: `GreenletExit` and `SystemExit`.
    ///
    /// Source: gevent's `Hub.NOT_ERROR`.
    pub fn is_not_error(exception: &Exception) -> bool {
        exception.is::<GreenletExit>() || exception.is::<SystemExit>()
    }

    /// Whether the exception concerns the whole process: `KeyboardInterrupt`, `SystemExit`,
    /// `SystemError`.
    ///
    /// Source: gevent's `Hub.SYSTEM_ERROR`.
    pub fn is_system_error(exception: &Exception) -> bool {
        exception.is::<KeyboardInterrupt>()
            || exception.is::<SystemExit>()
            || exception.is::<SystemError>()
    }

    /// Raises the exception in the main greenlet; the current one goes on afterwards.
    pub fn handle_system_error(&self, exception: Exception) {
        let current = getcurrent();
        let back = if current == *self.greenlet() || current == *self.parent() {
            None
        } else {
            self.loop_()
                .run_callback(move || current.switch(()).map(drop))
                .ok()
        };
        let thrown = self.parent().throw(exception);
        if let Some(back) = back {
            back.stop();
        }
        if let Err(exception) = thrown {
            // Thrown into the hub while it waited here: `HubDestroyed`, say.
            self.handle_error(Some(self), exception);
        }
    }

    /// Where [`print_exception`](Hub::print_exception) prints: standard error at first.
    pub fn set_exception_stream(&self, stream: ExceptionStream) {
        let old = self.inner().exception_stream.replace(stream);
        drop(old);
    }

    /// Prints an exception and whose it was to the exception stream. An error of the stream is
    /// ignored: there is nobody left to tell.
    pub fn print_exception(&self, context: Option<&dyn Debug>, exception: &Exception) {
        let text = match context {
            Some(context) => format!("{exception:?}\n{context:?} failed with {exception:#}\n\n"),
            None => format!("{exception:?}\n\n"),
        };
        // Taken out while it writes: what it calls may come back here.
        let mut stream = self.inner().exception_stream.take();
        match &mut stream {
            ExceptionStream::Stderr => drop(std::io::stderr().write_all(text.as_bytes())),
            ExceptionStream::Discard => {}
            ExceptionStream::Write(writer) => {
                let _ = writer
                    .write_all(text.as_bytes())
                    .and_then(|()| writer.flush());
            }
        }
        self.inner().exception_stream.replace(stream);
    }
}
