//! Tests that a greenlet which never has to wait lets others run. gevent has no counterpart: such a greenlet starves
//! all others there.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::net;
use std::rc::Rc;
use std::thread;

use gevent::socket::{TcpListener, TcpStream};
use gevent::{GreenletExit, Timeout, sleep, spawn};

use crate::support::{LONG, TestResult, bounded};

/// A stream of ours, and a thread that calls `work` with the other end until it fails.
fn with_peer(
    work: impl Fn(&mut net::TcpStream) -> io::Result<()> + Send + 'static,
) -> io::Result<(TcpStream, thread::JoinHandle<()>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let peer = thread::spawn(move || {
        let mut stream = net::TcpStream::connect(address).expect("somebody listens");
        while work(&mut stream).is_ok() {}
    });
    Ok((listener.accept()?.0, peer))
}

fn chatty(stream: &mut net::TcpStream) -> io::Result<()> {
    stream.write_all(&[0; 1 << 16])
}

fn greedy(stream: &mut net::TcpStream) -> io::Result<()> {
    match stream.read(&mut [0; 1 << 16])? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// Checks that `work`, which never ends by itself, is ended by a timeout and by a kill, and that another greenlet has
/// its turns meanwhile.
fn ends(work: impl Fn() -> TestResult + 'static) -> TestResult {
    let beats = Rc::new(Cell::new(0));
    let heart = spawn({
        let beats = beats.clone();
        move || -> TestResult {
            loop {
                beats.set(beats.get() + 1);
                sleep(0.001)?;
            }
        }
    });
    // The work has begun, and the other greenlet's next beat comes before the timeout.
    sleep(0.002)?;
    let before = beats.get();
    let timeout = Timeout::new(0.05);
    let error = timeout.with(&work).unwrap_err();
    assert!(timeout.caused(&error), "{error:?}");
    assert!(beats.get() > before);

    let worker = spawn(work);
    sleep(0.01)?;
    worker.kill()?;
    assert!(worker.get().unwrap_err().is::<GreenletExit>());
    heart.kill()
}

#[test]
fn a_reader_of_a_chatty_peer() -> TestResult {
    let _bounded = bounded();
    let (stream, peer) = with_peer(chatty)?;
    ends({
        let stream = stream.clone();
        move || loop {
            (&stream).read_exact(&mut [0])?;
        }
    })?;
    stream.close();
    peer.join().expect("it ended");
    Ok(())
}

#[test]
fn a_writer_to_a_greedy_peer() -> TestResult {
    let _bounded = bounded();
    let (stream, peer) = with_peer(greedy)?;
    ends({
        let stream = stream.clone();
        move || loop {
            (&stream).write_all(&[0])?;
        }
    })?;
    stream.close();
    peer.join().expect("it ended");
    Ok(())
}

#[test]
fn an_accept_loop_of_impatient_clients() -> TestResult {
    let _bounded = bounded();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let clients: Vec<_> = (0..2)
        .map(|_| thread::spawn(move || while net::TcpStream::connect(address).is_ok() {}))
        .collect();
    ends({
        let listener = listener.clone();
        move || loop {
            drop(listener.accept()?);
        }
    })?;
    listener.close();
    for client in clients {
        client.join().expect("it ended");
    }
    Ok(())
}

/// A call that may not wait, or has a timeout of 0, does not let others run.
#[test]
fn those_who_cannot_wait_have_no_turns() -> TestResult {
    let _bounded = bounded();
    let (stream, peer) = with_peer(chatty)?;
    (&stream).read_exact(&mut [0])?;
    let ran = Rc::new(Cell::new(false));
    let other = spawn({
        let ran = ran.clone();
        move || ran.set(true)
    });
    let read_for_long = || {
        let begin = std::time::Instant::now();
        while begin.elapsed() < std::time::Duration::from_millis(50) {
            match (&stream).read(&mut [0; 16]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => drop(read?),
            }
        }
        io::Result::Ok(())
    };
    stream.set_timeout(0)?;
    read_for_long()?;
    assert!(!ran.get());
    stream.set_timeout(LONG)?;
    greenlet_core::pinned(|| {
        // Bytes that are there already may be read.
        for _ in 0..1000 {
            if (&stream).read(&mut [0]).is_err() {
                break;
            }
        }
    });
    assert!(!ran.get());
    other.get()?;
    stream.close();
    peer.join().expect("it ended");
    Ok(())
}
