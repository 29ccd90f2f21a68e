//! The ends of connections: said, not said, and TLS that goes back to plain text.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;

use gevent::ssl::{SSLEOFError, WrapSocket};
use gevent::{sleep, spawn};
use gevent_tls_tests::{client, connected, connected_with, server};

use crate::inside;
use crate::support::{Reports, TestResult, bounded};

#[test]
fn whoever_drops_the_last_handle_says_the_end() -> TestResult {
    let _bounded = bounded();
    let (near, mut far) = connected(&client()?, &server()?)?;
    let other = near.clone();
    drop(near);
    far.set_timeout(0)?;
    assert_eq!(far.read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::WouldBlock);
    drop(other);
    assert_eq!(far.read(&mut [0; 10])?, 0);
    Ok(())
}

#[test]
fn close_says_the_end_and_is_for_all_handles() -> TestResult {
    let _bounded = bounded();
    let (near, mut far) = connected(&client()?, &server()?)?;
    let mut other = near.clone();
    let reading = spawn(move || Ok(other.read(&mut [0; 10]).unwrap_err().raw_os_error()));
    sleep(0)?;
    near.close();
    near.close();
    assert_eq!(reading.get()?, Some(libc::EBADF));
    assert_eq!((&near).write(b"x").unwrap_err().raw_os_error(), Some(libc::EBADF));
    assert_eq!(far.read(&mut [0; 10])?, 0);
    Ok(())
}

#[test]
fn an_end_that_was_not_said_is_an_error() -> TestResult {
    let _bounded = bounded();
    let (mut near, mut far) = connected(&client()?, &server()?)?;
    near.write_all(b"abc")?;
    near.get_ref().close();
    let mut text = String::new();
    let error = far.read_to_string(&mut text).unwrap_err();
    assert_eq!((error.kind(), &*text), (ErrorKind::UnexpectedEof, "abc"));
    inside::<SSLEOFError>(error);
    // It stays so.
    assert_eq!(far.read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    Ok(())
}

#[test]
fn an_end_that_was_not_said_can_be_one_like_others() -> TestResult {
    let _bounded = bounded();
    let options = WrapSocket {
        server_hostname: Some("localhost"),
        suppress_ragged_eofs: true,
        ..WrapSocket::default()
    };
    let (near, mut far) = connected_with(&client()?, &server()?, options)?;
    near.get_ref().close();
    assert_eq!((far.read(&mut [0; 10])?, far.read(&mut [0; 10])?), (0, 0));
    Ok(())
}

#[test]
fn a_panic_does_not_say_the_end() -> TestResult {
    let _bounded = bounded();
    let _reports = Reports::new();
    let (near, mut far) = connected(&client()?, &server()?)?;
    let panics = spawn(move || {
        (&near).write_all(b"half of it")?;
        panic!("on purpose");
        #[allow(unreachable_code)]
        Ok(())
    });
    panics.get().unwrap_err();
    let mut text = String::new();
    inside::<SSLEOFError>(far.read_to_string(&mut text).unwrap_err());
    assert_eq!(text, "half of it");
    Ok(())
}

#[test]
fn each_direction_ends_on_its_own() -> TestResult {
    let _bounded = bounded();
    let (mut near, mut far) = connected(&client()?, &server()?)?;
    near.write_all(b"question")?;
    near.shutdown(Shutdown::Write)?;
    near.shutdown(Shutdown::Write)?;
    assert_eq!(near.write(b"more").unwrap_err().kind(), ErrorKind::BrokenPipe);
    let (mut question, mut answer) = (String::new(), String::new());
    far.read_to_string(&mut question)?;
    far.write_all(b"answer")?;
    far.shutdown(Shutdown::Both)?;
    near.read_to_string(&mut answer)?;
    assert_eq!((&*question, &*answer), ("question", "answer"));
    Ok(())
}

#[test]
fn unwrap_returns_the_stream_for_plain_text() -> TestResult {
    let _bounded = bounded();
    let (near, far) = connected(&client()?, &server()?)?;
    let other = spawn(move || {
        let mut plain = far.unwrap()?;
        plain.write_all(b"plain")?;
        let mut text = [0; 2];
        plain.read_exact(&mut text)?;
        Ok(text)
    });
    sleep(0)?;
    let mut plain = near.unwrap()?;
    let mut text = [0; 5];
    plain.read_exact(&mut text)?;
    assert_eq!(&text, b"plain");
    plain.write_all(b"ok")?;
    assert_eq!(other.get()?, *b"ok");
    // It is a stream like others.
    plain.into_std()?;
    Ok(())
}

#[test]
fn plain_text_that_has_come_with_the_end_is_not_lost() -> TestResult {
    let _bounded = bounded();
    let (near, far) = connected(&client()?, &server()?)?;
    let mut plain = far.get_ref().clone();
    drop(far); // says the end, but the socket stays
    plain.write_all(b"plain")?;
    let mut text = [0; 5];
    near.unwrap()?.read_exact(&mut text)?;
    assert_eq!(&text, b"plain");
    Ok(())
}

#[test]
fn unwrap_with_data_that_were_not_read() -> TestResult {
    let _bounded = bounded();
    let (near, mut far) = connected(&client()?, &server()?)?;
    far.write_all(b"data")?;
    assert_eq!(near.unwrap().unwrap_err().kind(), ErrorKind::InvalidData);
    Ok(())
}

#[test]
fn unwrap_where_the_other_side_says_nothing() -> TestResult {
    let _bounded = bounded();
    let (near, far) = connected(&client()?, &server()?)?;
    assert_eq!(
        near.clone().unwrap_timeout(0.001).unwrap_err().kind(),
        ErrorKind::TimedOut
    );
    assert_eq!((&far).read(&mut [0; 10])?, 0);
    far.get_ref().close();
    near.unwrap()?;
    Ok(())
}
