//! A connection allocates what rustls does, and nothing else: rustls has a buffer for each record.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};
use std::sync::Arc;

use gevent::ssl::rustls::pki_types::pem::PemObject;
use gevent::ssl::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use gevent::ssl::rustls::{ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection};
use gevent::{Exception, spawn};
use gevent_tls_tests::{client, connected, file, server};

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: all calls go to the system's allocator, with the same arguments.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller keeps the contract.
        unsafe { System.realloc(ptr, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const ROUNDS: usize = 100;
const SIZE: usize = 1000;

/// How many allocations the rounds after the first ones need.
fn count(mut round: impl FnMut() -> Result<(), Exception>) -> Result<u64, Exception> {
    for _ in 0..10 {
        round()?;
    }
    let before = COUNT.get();
    for _ in 0..ROUNDS {
        round()?;
    }
    Ok(COUNT.get() - before)
}

/// Moves what one side has to send to the other.
fn pass(from: &mut Connection, to: &mut Connection, between: &mut Vec<u8>) {
    between.clear();
    while from.wants_write() {
        from.write_tls(between).expect("a Vec takes all");
    }
    let mut bytes = &between[..];
    while !bytes.is_empty() {
        to.read_tls(&mut bytes).expect("there is place");
        to.process_new_packets().expect("it is TLS");
    }
}

/// Questions and answers by rustls alone, in memory.
fn by_rustls() -> Result<u64, Exception> {
    let certificate = |name: &str| CertificateDer::from_pem_file(file(name)).expect("it is there");
    let mut roots = RootCertStore::empty();
    roots.add(certificate("ca.crt")).expect("it is good");
    let client = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let key = PrivateKeyDer::from_pem_file(file("localhost.key")).expect("it is there");
    let server = ServerConfig::builder().with_no_client_auth();
    let server = server
        .with_single_cert(vec![certificate("localhost.crt")], key)
        .expect("it is good");
    let name = ServerName::try_from("localhost").expect("a good name");
    let mut near: Connection = ClientConnection::new(Arc::new(client), name)
        .expect("a good config")
        .into();
    let mut far: Connection = ServerConnection::new(Arc::new(server)).expect("a good config").into();
    let mut between = Vec::with_capacity(1 << 16);
    while near.is_handshaking() || far.is_handshaking() {
        pass(&mut near, &mut far, &mut between);
        pass(&mut far, &mut near, &mut between);
    }
    let (data, mut buf) = ([7; SIZE], [0; SIZE]);
    count(|| {
        near.writer().write_all(&data)?;
        pass(&mut near, &mut far, &mut between);
        far.reader().read_exact(&mut buf)?;
        far.writer().write_all(&buf)?;
        pass(&mut far, &mut near, &mut between);
        Ok(near.reader().read_exact(&mut buf)?)
    })
}

/// The same by streams, with a greenlet that answers.
fn by_streams() -> Result<u64, Exception> {
    let (mut near, mut far) = connected(&client()?, &server()?)?;
    let echo = spawn(move || {
        let mut buf = [0; SIZE];
        while far.read_exact(&mut buf).is_ok() {
            far.write_all(&buf)?;
        }
        Ok(())
    });
    let (data, mut buf) = ([7; SIZE], [0; SIZE]);
    let counted = count(|| {
        near.write_all(&data)?;
        Ok(near.read_exact(&mut buf)?)
    })?;
    drop(near);
    echo.get()?;
    Ok(counted)
}

#[test]
fn a_stream_allocates_what_rustls_does() -> Result<(), Exception> {
    let (ours, its) = (by_streams()?, by_rustls()?);
    assert!(ours <= its, "{ours} allocations, of which rustls needs {its}");
    assert!(its < 10 * ROUNDS as u64, "{its}");
    Ok(())
}
