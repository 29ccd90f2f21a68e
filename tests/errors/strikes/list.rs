//! Checks that the tables are complete: every public function whose source says that it waits is in one of them, or in
//! the list of exceptions here.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::tables;

#[test]
fn every_function_that_waits_is_struck() {
    let mut found = waiting_functions();
    if cfg!(not(feature = "pywsgi")) {
        found.retain(|name| !name.starts_with("src/pywsgi/"));
    }
    assert!(found.len() > 150, "{}", found.len());
    let in_tables: BTreeSet<String> = tables().iter().flatten().map(|row| row.name.to_owned()).collect();
    let explained: BTreeSet<String> = EXPLAINED
        .iter()
        .flat_map(|(file, names, _)| names.split(' ').map(move |name| format!("{file} {name}")))
        .collect();
    let missing: Vec<_> = found
        .iter()
        .filter(|name| !in_tables.contains(*name) && !explained.contains(*name))
        .collect();
    assert!(missing.is_empty(), "neither struck nor explained: {missing:#?}");
    let stale: Vec<_> = explained.difference(&found).collect();
    assert!(stale.is_empty(), "explained, but no functions that wait: {stale:#?}");
    let both: Vec<_> = explained.intersection(&in_tables).collect();
    assert!(both.is_empty(), "explained, though they are struck: {both:#?}");
}

/// The functions that wait according to their source, each with its file and type.
///
/// A function that waits can fail and has `#[track_caller]`, for lists of greenlets that wait; or its documentation
/// says that it waits, or tells of exceptions that are thrown.
fn waiting_functions() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "hub/src", "waiter/src"] {
        collect(&root.join(folder), &mut files);
    }
    // The table of these is there with the feature only.
    files.retain(|file| cfg!(feature = "ssl") || !file.starts_with(root.join("src/ssl")));
    let mut found = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("it is a source");
        let file = file.strip_prefix(root).expect("it is below").display().to_string();
        found.extend(in_source(&text).into_iter().map(|name| format!("{file} {name}")));
    }
    found
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("it is a folder") {
        let path = entry.expect("it is readable").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

/// Traits whose functions are public without `pub`.
const TRAITS: [&str; 5] = ["BufRead", "Iterator", "Read", "Seek", "Write"];

fn in_source(text: &str) -> Vec<String> {
    let (mut found, mut docs, mut tracks) = (Vec::new(), String::new(), false);
    let (mut type_, mut callable, mut indent) = (String::new(), false, "");
    let lines: Vec<_> = text.lines().collect();
    for (number, line) in lines.iter().enumerate() {
        let code = line.trim();
        if code.starts_with("impl ") || code.starts_with("impl<") {
            // Inside a macro it is indented.
            indent = &line[..line.len() - line.trim_start().len()];
            let header = signature(&lines[number..]);
            let header = header.trim_start();
            let (of_trait, of) = header_of(header);
            let in_one_line = header.ends_with("{}");
            callable = TRAITS.contains(&of_trait.as_str()) && !in_one_line;
            type_ = if in_one_line { String::new() } else { of };
        } else if line.strip_prefix(indent).is_some_and(|line| line.starts_with('}')) {
            type_.clear();
            callable = false;
        }
        if let Some(doc) = code.strip_prefix("///") {
            docs.push_str(doc);
        } else if code == "#[track_caller]" {
            tracks = true;
        } else if !code.starts_with("#[") {
            let (public, rest) = match code.strip_prefix("pub fn ") {
                Some(rest) => (true, Some(rest)),
                None => (callable, code.strip_prefix("fn ")),
            };
            if public && let Some(rest) = rest {
                let signature = signature(&lines[number..]);
                let can_fail = signature.contains("Result<") || callable;
                let says = ["thrown", "waits", "Waits", "parks", "Parks"];
                let says = says.iter().any(|word| docs.contains(word));
                if (tracks && can_fail) || says {
                    let name = rest.split(['(', '<']).next().expect("a name");
                    found.push(match type_.as_str() {
                        "" => name.to_owned(),
                        type_ => format!("{type_}::{name}"),
                    });
                }
            }
            docs.clear();
            tracks = false;
        }
    }
    found
}

/// The lines of a function up to its body.
fn signature(lines: &[&str]) -> String {
    let end = lines.iter().position(|line| line.ends_with(['{', ';', '}']));
    lines[..=end.unwrap_or(0)].join(" ")
}

/// The trait, if there is one, and the type of an `impl`, both without what is in angle brackets.
fn header_of(header: &str) -> (String, String) {
    let (mut depth, mut bare) = (0, String::new());
    for character in header.chars() {
        match character {
            '<' => depth += 1,
            '>' => depth -= 1,
            _ if depth == 0 => bare.push(character),
            _ => {}
        }
    }
    let bare = bare.trim_start_matches("impl").split(['{']).next().unwrap_or("");
    let bare = bare.split(" where ").next().unwrap_or("").trim();
    match bare.split_once(" for ") {
        Some((of_trait, of)) => (of_trait.trim().to_owned(), of.trim().to_owned()),
        None => (String::new(), bare.to_owned()),
    }
}

/// The functions that are in no table: a file, names, the reason.
const EXPLAINED: &[(&str, &str, &str)] = &[
    (
        "src/future/io/polled.rs",
        "Async::poll_read Async::poll_write",
        "never wait: they are polled",
    ),
    (
        "src/future/shared.rs",
        "SharedExecutor::spawn",
        "it waits for nothing: the future begins later, in another greenlet",
    ),
    (
        "src/future/driver/hub_driver.rs",
        "HubDriver::new HubDriver::tokio",
        "make a future, whose polls return what is thrown meanwhile",
    ),
    (
        "src/future/join_all.rs",
        "join_all",
        "makes a future, which waits where it is awaited",
    ),
    (
        "hub/src/core/watchers/io.rs",
        "Io::events Io::set_events Loop::closing_fd",
        "say what a watcher waits for",
    ),
    (
        "hub/src/core/event_loop/loop_.rs",
        "Loop::run_callback Loop::run_once",
        "run the loop: what is thrown into others is told them there",
    ),
    (
        "hub/src/core/callbacks/threadsafe.rs",
        "ThreadsafeLoop::run_callback_threadsafe",
        "wakes a loop that waits",
    ),
    (
        "hub/src/hub/waits.rs",
        "Hub::join",
        "waits in the main greenlet only: tests/errors/swallowed.rs::joining_the_hub_ends_with_what_is_thrown",
    ),
    (
        "src/socket/python/makefile.rs",
        "SocketIo::read SocketIo::write",
        "private: what the functions of `SocketFile` call",
    ),
    (
        "hub/src/turn.rs",
        "Hub::give_turn",
        "waits if the clock says so: tests/net/turns.rs::a_reader_of_a_chatty_peer",
    ),
    (
        "hub/src/turn.rs",
        "Hub::pass_turn",
        "what give_turn does then, and queues: tests/sync/turns.rs::a_consumer_of_a_queue_that_is_never_empty",
    ),
    ("hub/src/iwait.rs", "iwait", "makes an iterator, which waits"),
    ("hub/src/local.rs", "hub_to_wait_in", "returns a hub to wait in"),
    (
        "hub/src/mask.rs",
        "mask_kill",
        "holds back what is thrown, and waits for nothing itself",
    ),
    (
        "hub/src/signal.rs",
        "keyboard_interrupt raise_in_main",
        "say where the exception will be raised",
    ),
    ("hub/src/sleep.rs", "spawn_raw", "starts a greenlet"),
    ("hub/src/sleep.rs", "spawn_raw_with", "starts a greenlet"),
    (
        "hub/src/switch_out.rs",
        "set_switch_out",
        "sets a function that must not wait",
    ),
    (
        "hub/src/wait.rs",
        "Hub::cancel_wait Hub::cancel_waits_close_and_then",
        "end the waits of others",
    ),
    (
        "src/backdoor/server.rs",
        "BackdoorServer::stop",
        "stop_timeout with the time 0: it waits for what ends at once",
    ),
    ("src/event/async_result.rs", "AsyncResult::get_nowait", "does not wait"),
    (
        "src/greenlet/any.rs",
        "AnyGreenlet::switch AnyGreenlet::throw",
        "throws, and switches there and back",
    ),
    (
        "src/greenlet/builder.rs",
        "Builder::switch_out",
        "sets a function that must not wait",
    ),
    (
        "src/greenlet/handle.rs",
        "Greenlet::get_nowait Greenlet::switch Greenlet::throw",
        "do not wait",
    ),
    ("src/greenlet/raw.rs", "spawn_raw", "starts a greenlet"),
    ("src/local.rs", "Local::value", "does not wait"),
    ("src/lock/barrier.rs", "Barrier::with_timeout", "sets a time"),
    (
        "src/lock/bounded.rs",
        "BoundedSemaphore::release",
        "ends the waits of others",
    ),
    (
        "src/lock/semaphore.rs",
        "Semaphore::release",
        "ends the waits of others",
    ),
    ("src/greenlet/handle.rs", "spawn", "waits for nothing itself"),
    ("src/greenlet/raw.rs", "kill", "throws soon, and does not wait"),
    ("src/outcome.rs", "io", "calls a function, and waits for nothing itself"),
    ("src/lock/dummy.rs", "DummySemaphore::linkcount", "does not wait"),
    ("src/pool/group.rs", "Group::try_spawn", "does not wait"),
    (
        "src/pool/mapping.rs",
        "Group::apply_async Group::apply_async_cb",
        "return a greenlet, which waits as the functions without `_async` do",
    ),
    (
        "src/queue/base.rs",
        "BaseQueue::copy BaseQueue::get_nowait BaseQueue::iter BaseQueue::peek_nowait",
        "do not wait",
    ),
    (
        "src/queue/joinable.rs",
        "BaseJoinableQueue::task_done",
        "end the waits of others",
    ),
    ("src/server/builder.rs", "Builder::stop_timeout", "sets a time"),
    (
        "src/server/wrap.rs",
        "wrap_socket_and_handle",
        "makes a handler, which may wait",
    ),
    (
        "src/socket/tcp_listener.rs",
        "TcpListener::incoming",
        "makes an iterator, which waits",
    ),
    ("src/socket/tcp_listener.rs", "TcpListener::try_accept", "does not wait"),
    (
        "src/socket/unix_listener.rs",
        "UnixListener::incoming UnixListener::try_accept",
        "do not wait, but for the iterator that `incoming` makes",
    ),
    (
        "src/socket/udp.rs",
        "UdpSocket::send",
        "waits only while the network does not take what was sent: the loopback always does",
    ),
    ("src/socket/waits.rs", "cancel_wait", "ends the waits of others"),
    (
        "src/threadpool/executor.rs",
        "ThreadPoolExecutor::map",
        "makes an iterator, which waits",
    ),
    (
        "src/threadpool/pool.rs",
        "ThreadPool::with_idle_timeout",
        "makes a pool",
    ),
    (
        "src/threadsafe/async_result.rs",
        "AsyncResult::get_nowait",
        "do not wait",
    ),
    (
        "src/threadsafe/queue.rs",
        "Queue::get_nowait Queue::iter Queue::peek_nowait",
        "do not wait, but for the iterator that `iter` makes",
    ),
    ("waiter/src/resume.rs", "Resume::ticket", "tells one wait from another"),
    ("waiter/src/waiter.rs", "Waiter::hub", "says where others wait"),
];
