//! The table of waits for several descriptors.

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::rc::Rc;

use super::strike::{Case, Row, case, row};
use crate::support::TestResult;
use gevent::select::{POLLIN, Poll, Select, select, select_timeout};
use gevent::selectors::{EVENT_READ, GeventSelector};

/// The time limit of the calls that take one.
const LIMIT: f64 = 1000.0;

/// A case in which the other end of a pipe writes when it is told. It is never read by the call.
fn readable(call: impl FnOnce(&Rc<PipeReader>) -> TestResult + 'static) -> Case {
    let (reader, writer): (PipeReader, PipeWriter) = pipe().expect("there are descriptors");
    let reader = Rc::new(reader);
    let left = reader.clone();
    case(
        move || call(&reader),
        move || assert_eq!((&writer).write(b"x").expect("there is space"), 1),
        move |_| assert_eq!((&*left).read(&mut [0; 9]).expect("it is there"), 1),
    )
}

fn poll_of(reader: &Rc<PipeReader>) -> Poll {
    let poll = Poll::new();
    poll.register(reader, POLLIN).expect("it is open");
    poll
}

fn selector_of(reader: &Rc<PipeReader>) -> GeventSelector {
    let selector = GeventSelector::new();
    selector.register(reader, EVENT_READ, ()).expect("it is open");
    selector
}

/// A row whose call returns the number of descriptors that are ready.
macro_rules! of {
    ($name:literal, |$reader:ident| $call:expr) => {
        row($name, || {
            readable(|$reader| {
                assert_eq!($call, 1);
                Ok(())
            })
        })
    };
}

pub(crate) fn rows() -> Vec<Row> {
    vec![
        of!("src/select/select.rs select", |fd| select([fd.clone()], [], [])?
            .0
            .len()),
        of!("src/select/select.rs select_timeout", |fd| {
            select_timeout([fd.clone()], [], [], LIMIT)?.0.len()
        }),
        of!("src/select/select.rs Select::select", |fd| {
            Select::new([fd.clone()], [], []).select()?[0].len()
        }),
        of!("src/select/select.rs Select::select_timeout", |fd| {
            Select::new([fd.clone()], [], []).select_timeout(LIMIT)?[0].len()
        }),
        of!("src/select/poll.rs Poll::poll", |fd| poll_of(fd).poll()?.len()),
        of!("src/select/poll.rs Poll::poll_timeout", |fd| {
            poll_of(fd).poll_timeout(LIMIT)?.len()
        }),
        of!("src/selectors/selector.rs GeventSelector::select", |fd| {
            selector_of(fd).select()?.len()
        }),
        of!("src/selectors/selector.rs GeventSelector::select_timeout", |fd| {
            selector_of(fd).select_timeout(LIMIT)?.len()
        }),
    ]
}
