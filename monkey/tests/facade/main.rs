//! gevent's own sockets, files, processes and pools, in a program where plain greenlets are patched: the tests of the
//! facade, which are all the same.
//!
//! Both could wait: gevent's objects in the hub, and the patched calls that they make. Only the former are to. Files of
//! tests that rely on it that std's own calls block the thread are not here.

use std::io;

use gevent::subprocess::{Command, Popen};

#[path = "../../../tests/support/mod.rs"]
mod support;

#[path = "../../../tests/net/cpython_tcp.rs"]
mod cpython_tcp;
#[path = "../../../tests/net/python_socket.rs"]
mod python_socket;
#[path = "../../../tests/net/select.rs"]
mod select;
#[path = "../../../tests/net/server_stop.rs"]
mod server_stop;
#[path = "../../../tests/net/server_unix.rs"]
mod server_unix;
#[path = "../../../tests/net/socket.rs"]
mod socket;

#[path = "../../../tests/files/ends.rs"]
mod ends_of_files;

#[path = "../../../tests/threads/threadpool.rs"]
mod threadpool;

#[path = "../../../tests/processes/pipes.rs"]
mod pipes;
#[path = "../../../tests/processes/popen.rs"]
mod popen;
#[path = "../../../tests/processes/waits.rs"]
mod waits;

/// Patches before the first test, and before the thread that runs the tests has looked.
#[used]
#[unsafe(link_section = ".init_array")]
static PATCH: extern "C" fn() = {
    extern "C" fn patch() {
        // SAFETY: the greenlets here keep nothing in thread-locals over calls that block.
        unsafe { gevent_monkey::greenlets::patch_all() };
    }
    patch
};

#[test]
fn it_is_patched() {
    for module in ["socket", "dns", "time", "select", "thread", "subprocess"] {
        assert!(gevent_monkey::is_module_patched(module));
    }
    let before = gevent_monkey::stats().parked;
    gevent::get_hub();
    std::thread::sleep(std::time::Duration::from_millis(1));
    assert!(gevent_monkey::stats().parked > before);
}

/// A command for the shell, as in the tests of processes.
fn sh(script: &str) -> Command {
    Command::shell(script)
}

/// A child that runs until it is killed.
fn endless() -> io::Result<Popen> {
    Popen::new(["sleep", "3600"])
}
