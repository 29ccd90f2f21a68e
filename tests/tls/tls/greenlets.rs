//! Kills and timeouts, and several greenlets at one connection.

use std::io::{Read, Write};

use gevent::exceptions::ConcurrentObjectUseError;
use gevent::ssl::WrapSocket;
use gevent::{Exception, GreenletExit, Timeout, kill, sleep, spawn};
use gevent_tls_tests::{client, connected, connected_with, server};

use crate::inside;
use crate::streams::pattern;
use crate::support::{LONG, TestResult, bounded};

#[test]
fn a_reader_that_is_killed_loses_nothing() -> TestResult {
    let _bounded = bounded();
    let (mut near, far) = connected(&client()?, &server()?)?;
    let mut data = Vec::new();
    for part in pattern(500).chunks(10) {
        let mut reader = far.clone();
        let killed = spawn(move || {
            let mut buf = [0; 10];
            reader.read_exact(&mut buf)?;
            Ok(buf)
        });
        sleep(0)?;
        kill(&killed, GreenletExit)?;
        // The data come at the same time.
        near.write_all(part)?;
        match killed.get() {
            Ok(got) => data.extend_from_slice(&got),
            Err(error) => {
                assert!(error.is::<GreenletExit>());
                let mut buf = [0; 10];
                (&far).read_exact(&mut buf)?;
                data.extend_from_slice(&buf);
            }
        }
    }
    assert_eq!(data, pattern(500));
    Ok(())
}

#[test]
fn a_timeout_ends_a_read_and_is_told_from_others() -> TestResult {
    let _bounded = bounded();
    let (near, far) = connected(&client()?, &server()?)?;
    far.set_timeout(LONG)?;
    let timeout = Timeout::start_new(0.001);
    let error = Exception::from((&far).read(&mut [0; 10]).unwrap_err());
    assert!(timeout.caused(&error));
    timeout.close();
    (&near).write_all(b"ab")?;
    assert_eq!((&far).read(&mut [0; 10])?, 2);
    Ok(())
}

#[test]
fn a_writer_that_is_killed_leaves_a_connection_that_works() -> TestResult {
    let _bounded = bounded();
    let (near, mut far) = connected(&client()?, &server()?)?;
    let writer = near.clone();
    let killed = spawn(move || Ok((&writer).write_all(&pattern(10_000_000))?));
    sleep(0)?;
    kill(&killed, GreenletExit)?;
    assert!(killed.get().unwrap_err().is::<GreenletExit>());
    let reader = spawn(move || {
        let mut got = Vec::new();
        far.read_to_end(&mut got)?;
        Ok(got)
    });
    (&near).write_all(b"the end")?;
    drop(near);
    let got = reader.get()?;
    let (begin, end) = got.split_at(got.len() - b"the end".len());
    assert_eq!(end, b"the end");
    assert!(begin == &pattern(10_000_000)[..begin.len()]);
    Ok(())
}

#[test]
fn a_second_reader_is_refused() -> TestResult {
    let _bounded = bounded();
    let (mut near, far) = connected(&client()?, &server()?)?;
    let mut reader = far.clone();
    let first = spawn(move || Ok(reader.read(&mut [0; 10])?));
    sleep(0)?;
    inside::<ConcurrentObjectUseError>((&far).read(&mut [0; 10]).unwrap_err());
    near.write_all(b"ab")?;
    assert_eq!(first.get()?, 2);
    Ok(())
}

#[test]
fn a_second_writer_is_refused_and_has_written_nothing() -> TestResult {
    let _bounded = bounded();
    let (near, mut far) = connected(&client()?, &server()?)?;
    let writer = near.clone();
    let first = spawn(move || Ok((&writer).write_all(&pattern(3_000_000))?));
    sleep(0)?;
    inside::<ConcurrentObjectUseError>((&near).write(b"nothing of this").unwrap_err());
    let mut got = vec![0; 3_000_000];
    far.read_exact(&mut got)?;
    first.get()?;
    assert!(got == pattern(3_000_000));
    Ok(())
}

#[test]
fn greenlets_that_need_the_handshake_wait_for_the_one_that_does_it() -> TestResult {
    let _bounded = bounded();
    let options = WrapSocket {
        server_hostname: Some("localhost"),
        do_handshake_on_connect: false,
        ..WrapSocket::default()
    };
    let (near, far) = connected_with(&client()?, &server()?, options)?;
    let mut reading = Vec::new();
    for stream in [&near, &far] {
        let mut reader = stream.clone();
        reading.push(spawn(move || {
            let mut buf = [0; 5];
            reader.read_exact(&mut buf)?;
            Ok(buf)
        }));
        let writer = stream.clone();
        spawn(move || Ok((&writer).write_all(b"hello")?));
    }
    for reading in reading {
        assert_eq!(&reading.get()?, b"hello");
    }
    Ok(())
}
