//! Tests that a read which finds something returns at once, as gevent's does, although reads that can find nothing wait
//! without trying.

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::rc::Rc;

use gevent::socket::{UnixDatagram, UnixStream};
use gevent::{Exception, spawn};

use crate::support::TestResult;

/// Runs `f` while another greenlet wants to run. Fails if `f` has let it.
fn without_a_switch(f: impl FnOnce() -> std::io::Result<()>) -> TestResult {
    let ran = Rc::new(Cell::new(false));
    let other = spawn({
        let ran = ran.clone();
        move || {
            ran.set(true);
            Ok(())
        }
    });
    f()?;
    assert!(!ran.get(), "the other greenlet has run");
    other.join()?;
    assert!(ran.get());
    Ok(())
}

fn emptied_pair() -> Result<(UnixStream, UnixStream), Exception> {
    let (mut near, mut far) = UnixStream::pair()?;
    far.write_all(b"first")?;
    assert_eq!(near.read(&mut [0; 100])?, 5);
    Ok((near, far))
}

#[test]
fn what_this_greenlet_has_sent_by_another_socket_is_there() -> TestResult {
    let (mut near, mut far) = emptied_pair()?;
    without_a_switch(|| {
        for _ in 0..3 {
            far.write_all(b"next")?;
            assert_eq!(near.read(&mut [0; 100])?, 4);
            near.write_all(b"answer")?;
            assert_eq!(far.read(&mut [0; 100])?, 6);
        }
        Ok(())
    })
}

#[test]
fn what_another_greenlet_has_sent_is_there() -> TestResult {
    let (mut near, mut far) = emptied_pair()?;
    spawn(move || Ok(far.write_all(b"next")?)).get()?;
    without_a_switch(|| {
        assert_eq!(near.read(&mut [0; 100])?, 4);
        assert_eq!(near.read(&mut [0; 100])?, 0);
        Ok(())
    })
}

#[test]
fn the_end_is_there_behind_the_data() -> TestResult {
    let (mut near, far) = emptied_pair()?;
    let other = far.clone();
    let sender = spawn(move || {
        (&far).write_all(b"next")?;
        Ok(far.shutdown(Shutdown::Write)?)
    });
    assert_eq!(near.read(&mut [0; 100])?, 4, "it has waited for them");
    without_a_switch(|| {
        assert_eq!(near.read(&mut [0; 100])?, 0);
        Ok(())
    })?;
    drop(other);
    sender.get()
}

#[test]
fn the_end_is_there() -> TestResult {
    let ends: [fn(UnixStream); 3] = [
        |far| far.shutdown(Shutdown::Write).expect("it is connected"),
        |far| far.close(),
        drop,
    ];
    for end in ends {
        let (mut near, far) = emptied_pair()?;
        without_a_switch(|| {
            let kept = far.clone();
            end(far);
            drop(kept);
            assert_eq!(near.read(&mut [0; 100])?, 0);
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn what_is_left_of_a_read_is_there() -> TestResult {
    let (mut near, mut far) = emptied_pair()?;
    far.write_all(b"next")?;
    without_a_switch(|| {
        assert_eq!(near.read(&mut [0; 2])?, 2);
        assert_eq!(near.read(&mut [0; 2])?, 2);
        Ok(())
    })
}

#[test]
fn datagrams_are_there() -> TestResult {
    let (near, far) = UnixDatagram::pair()?;
    without_a_switch(|| {
        for _ in 0..3 {
            far.send(b"one")?;
            assert_eq!(near.recv(&mut [0; 100])?, 3);
        }
        Ok(())
    })
}

/// A read that can find nothing lets the others run.
#[test]
fn a_read_waits_for_what_is_to_come() -> TestResult {
    let (mut near, mut far) = emptied_pair()?;
    let writer = spawn(move || Ok(far.write_all(b"next")?));
    assert_eq!(near.read(&mut [0; 100])?, 4);
    writer.get()
}
