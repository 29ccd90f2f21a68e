//! [`ExceptionStream`]: where the hub prints exceptions. Source: the `exception_stream` of gevent's hub.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::iter;
use std::rc::Rc;

use greenlet_core::unwind::call_each;
use greenlet_core::{Slack, getcurrent};

/// Where uncaught exceptions are printed.
#[derive(Default)]
#[non_exhaustive]
pub enum ExceptionStream {
    /// The process's standard error.
    #[default]
    Stderr,
    /// Nowhere.
    Discard,
    /// This writer. If it waits in a write, texts of other greenlets are written after that write; a text that the
    /// writer itself causes during a write goes to standard error.
    Write(Box<dyn Write>),
}

/// The hub's [`ExceptionStream`], with the texts that wait to be written.
pub(crate) struct Printer(RefCell<Printing>);

struct Printing {
    /// None while the stream writes.
    stream: Option<ExceptionStream>,
    /// The id of the greenlet in which the stream writes, or wrote last.
    writer: u64,
    texts: VecDeque<String>,
}

impl Printer {
    pub(crate) fn new(stream: ExceptionStream) -> Rc<Printer> {
        Rc::new(Printer(RefCell::new(Printing {
            stream: Some(stream),
            writer: 0,
            texts: VecDeque::new(),
        })))
    }

    /// Prints a text, and then the texts that other greenlets have added meanwhile. If another greenlet is printing, it
    /// will print this text, too. Errors of the stream are ignored.
    pub(crate) fn print(&self, text: String) {
        let current = getcurrent().id();
        let mut printing = self.0.borrow_mut();
        if printing.stream.is_none() && printing.writer == current {
            // The stream itself prints something. If that were queued, a stream whose every write does so would never
            // end.
            drop(printing);
            let _ = ExceptionStream::Stderr.write(text.as_bytes());
            return;
        }
        printing.texts.push_back(text);
        if printing.stream.is_some() {
            printing.writer = current;
        }
        drop(printing);
        call_each(iter::from_fn(|| {
            let (mut busy, text) = self.begin()?;
            Some(move || busy.write(&text))
        }));
    }

    /// Takes the stream and the first text, unless the stream is at work or there is none.
    fn begin(&self) -> Option<(Busy<'_>, String)> {
        let mut printing = self.0.borrow_mut();
        // Without a stream here, it is at work.
        printing.stream.as_ref()?;
        let text = printing.texts.pop_front()?;
        printing.texts.give_back();
        let stream = printing.stream.take();
        Some((Busy { printer: self, stream }, text))
    }
}

/// A stream that is writing. Dropping this puts the stream back, also after a panic.
struct Busy<'a> {
    printer: &'a Printer,
    stream: Option<ExceptionStream>,
}

impl Busy<'_> {
    fn write(&mut self, text: &str) {
        if let Some(stream) = &mut self.stream {
            let _ = stream.write(text.as_bytes());
        }
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.printer.0.borrow_mut().stream = self.stream.take();
    }
}

impl ExceptionStream {
    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        match self {
            ExceptionStream::Stderr => io::stderr().write_all(text),
            ExceptionStream::Discard => Ok(()),
            ExceptionStream::Write(writer) => writer.write_all(text).and_then(|()| writer.flush()),
        }
    }
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
