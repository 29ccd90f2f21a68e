//! Helpers of the scenarios. The counterpart of common.py.

use std::io::{self, Write};

use gevent::hub::ExceptionStream;
use gevent::{Exception, get_hub};

/// The result of a scenario.
pub(crate) type TestResult = Result<(), Exception>;

/// Python's `ValueError`, for greenlets that fail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ValueError(pub(crate) &'static str);

/// Python's `KeyError`, for greenlets that fail differently.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct KeyError(pub(crate) &'static str);

/// The name of an exception's type.
pub(crate) fn name(exception: &Exception) -> String {
    type_name(exception.type_name())
}

/// A value as Python prints it, with `None` for no value.
pub(crate) fn show<T: std::fmt::Display>(value: Option<T>) -> String {
    value.map_or("None".to_owned(), |value| value.to_string())
}

/// Makes the hub print one line for each exception that reaches it: its type, and the kind of its context.
pub(crate) fn report_errors() {
    get_hub().set_exception_stream(ExceptionStream::Write(Box::new(Report)));
}

struct Report;

impl Write for Report {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let report = String::from_utf8_lossy(text);
        let mut lines = report.lines();
        if let Some((whose, error)) = lines.find_map(|line| line.split_once(" failed with ")) {
            println!("[hub: {} in {}]", type_name(error), kind(whose));
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The name of an exception's type in gevent.
fn type_name(name: &str) -> String {
    match name {
        "TimeoutError" => "Timeout".to_owned(),
        same => same.to_owned(),
    }
}

/// The type of a printed object: `Greenlet` for `<Greenlet "me" at 0x7f..>`.
fn kind(whose: &str) -> String {
    if whose.starts_with("(<ThreadPoolWorker ") {
        return "ThreadPool".to_owned();
    }
    // The context is a pair of a link and its object.
    if whose.starts_with('(') {
        return "link".to_owned();
    }
    match whose.strip_prefix("<built-in method ") {
        Some(method) => word(method),
        None => word(whose),
    }
}

/// The first word.
fn word(text: &str) -> String {
    text.chars()
        .skip_while(|c| !c.is_alphanumeric())
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}
