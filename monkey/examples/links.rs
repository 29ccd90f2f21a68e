//! Which calls park in this program, however it was linked: those of std, and those of a C library that is loaded while
//! the program runs.
//!
//! ```sh
//! cargo run -p gevent-monkey --example links
//! ```
//!
//! `.ci/monkey-links` builds it in many ways. It fails if a call blocks the operating system's thread.

use std::error::Error;
use std::ffi::{CString, c_int, c_long, c_void};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::Duration;
use std::{env, fs, process, thread};

use gevent_threading::{spawn, yield_now};

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// The others of the carrier come to their waits meanwhile.
const A_WHILE: Duration = Duration::from_millis(5);

/// Runs a function in a virtual thread. It prints its name, and whether it has parked there.
fn parks(name: &str, f: impl FnOnce() -> Outcome + Send + 'static) -> bool {
    let before = gevent_monkey::stats().parked;
    let ended = spawn(f).join().unwrap_or_else(|_| Err("it has panicked".into()));
    let parked = gevent_monkey::stats().parked > before;
    match &ended {
        Ok(()) if parked => println!("{name}: ok"),
        Ok(()) => println!("{name}: FAILED: it blocks the thread"),
        Err(error) => println!("{name}: FAILED: {error}"),
    }
    ended.is_ok() && parked
}

fn main() -> Result<(), Box<dyn Error>> {
    // What should park may block the only thread that could end it.
    // SAFETY: the function has no conditions.
    unsafe { libc::alarm(20) };
    gevent_monkey::patch_all()?;
    let library = compile_library()?;
    let all = [
        parks("sleeps", || {
            thread::sleep(A_WHILE);
            Ok(())
        }),
        parks("sockets", sockets),
        parks("pipes", pipes),
        parks("locks", locks),
        parks("channels", channels),
        parks("std's parks", std_parks),
        parks("processes", processes),
        match library {
            Some(library) => parks("a C library", move || c_library(&library)),
            None => {
                println!("SKIPPED  a C library: there is no C compiler");
                true
            }
        },
    ];
    match all.iter().all(|parks| *parks) {
        true => Ok(()),
        false => process::exit(1),
    }
}

/// A server and its client, of one operating system's thread.
fn sockets() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = spawn(move || -> io::Result<()> {
        let mut stream = listener.accept()?.0;
        thread::sleep(A_WHILE);
        stream.write_all(b"hello")
    });
    yield_now();
    let mut text = String::new();
    TcpStream::connect(address)?.read_to_string(&mut text)?;
    server.join().expect("it does not panic")?;
    match text.as_str() {
        "hello" => Ok(()),
        text => Err(text.into()),
    }
}

/// The reader comes first.
fn pipes() -> Outcome {
    let (mut reader, mut writer) = io::pipe()?;
    let other = spawn(move || writer.write_all(b"x"));
    reader.read_exact(&mut [0])?;
    Ok(other.join().expect("it does not panic")?)
}

/// The lock is held while its holder sleeps; then a condition is waited for that only the other one makes true.
fn locks() -> Outcome {
    let shared = Arc::new((Mutex::new(0), Condvar::new()));
    let theirs = shared.clone();
    let other = spawn(move || {
        let mut number = theirs.0.lock().expect("nobody panics");
        thread::sleep(A_WHILE);
        *number += 1;
        drop(number);
        thread::sleep(A_WHILE);
        *theirs.0.lock().expect("nobody panics") += 1;
        theirs.1.notify_one();
    });
    yield_now();
    let number = shared.0.lock().expect("nobody panics");
    let waited = shared.1.wait_while(number, |number| *number < 2);
    drop(waited.expect("nobody panics"));
    other.join().expect("it does not panic");
    Ok(())
}

fn channels() -> Outcome {
    let (sender, receiver) = mpsc::channel();
    let other = spawn(move || {
        thread::sleep(A_WHILE);
        sender.send(1)
    });
    let got = receiver.recv()?;
    other.join().expect("it does not panic")?;
    (got == 1).then_some(()).ok_or_else(|| "another value".into())
}

fn std_parks() -> Outcome {
    let waiter = thread::current();
    let other = spawn(move || {
        thread::sleep(A_WHILE);
        waiter.unpark();
    });
    thread::park();
    other.join().expect("it does not panic");
    Ok(())
}

/// The child ends when somebody closes its input, which is another one of this thread.
fn processes() -> Outcome {
    let mut child = Command::new("cat").stdin(process::Stdio::piped()).spawn()?;
    let input = child.stdin.take();
    let other = spawn(move || {
        thread::sleep(A_WHILE);
        drop(input);
    });
    let status = child.wait()?;
    other.join().expect("it does not panic");
    status.success().then_some(()).ok_or_else(|| status.to_string().into())
}

/// A C library that blocks: it reads a byte from a descriptor.
const SOURCE: &str = "
    #include <unistd.h>
    long read_one(int fd) {
        char byte;
        return read(fd, &byte, 1);
    }
";

/// The file of the library. None if there is no C compiler.
fn compile_library() -> io::Result<Option<CString>> {
    let folder = env::temp_dir().join(format!("monkey-links-{}", process::id()));
    fs::create_dir_all(&folder)?;
    let (source, library) = (folder.join("blocks.c"), folder.join("blocks.so"));
    fs::write(&source, SOURCE)?;
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).args([&library, &source]);
    match compiler.status() {
        Ok(status) if status.success() => Ok(CString::new(library.as_os_str().as_bytes()).ok()),
        Ok(status) => Err(io::Error::other(status.to_string())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn c_library(file: &CString) -> Outcome {
    // SAFETY: both names end with a zero, and the library has no code that runs when it is loaded.
    let function = unsafe {
        let library = libc::dlopen(file.as_ptr(), libc::RTLD_NOW);
        if library.is_null() {
            return Err("it cannot be loaded".into());
        }
        libc::dlsym(library, c"read_one".as_ptr())
    };
    if function.is_null() {
        return Err("it has no such function".into());
    }
    // SAFETY: this is its prototype, and the library stays loaded.
    let read_one = unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn(c_int) -> c_long>(function) };
    let (reader, mut writer) = io::pipe()?;
    let other = spawn(move || {
        thread::sleep(A_WHILE);
        writer.write_all(b"x")
    });
    // SAFETY: the descriptor is open.
    let read = unsafe { read_one(reader.as_raw_fd()) };
    other.join().expect("it does not panic")?;
    (read == 1).then_some(()).ok_or_else(|| "it has read nothing".into())
}
