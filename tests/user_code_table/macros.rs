//! What the macros of the sources make. They are not expanded here: people have read them.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::Item;

use super::codes::{self, Meaning};
use super::source::{Source, walk};

/// A macro of ours that makes functions or implementations.
struct Read {
    /// With its module.
    name: &'static str,
    /// The table's words for the traits that occur in it, or in its uses.
    has: &'static [&'static str],
    /// What is to be in the table for that: places, and code.
    calls: &'static [(&'static str, &'static str)],
}

/// One of which nothing is in the table.
const fn without(name: &'static str, has: &'static [&'static str]) -> Read {
    Read { name, has, calls: &[] }
}

/// Every one.
const MACROS: &[Read] = &[
    without("baseserver::of_connections", &[]),
    without("baseserver::of_datagrams", &[]),
    // The value of a greenlet or a result is cloned when the future is polled: `now`.
    without("future::into_future", &["Clone", "Future"]),
    without("threadsafe::plain_future", &["Debug"]),
    // This is another `Source`: what a file is made of.
    without("fileobject::descriptor", &["Source"]),
    Read {
        name: "queue::constructors",
        has: &["Default", "Iterator", "Ord"],
        calls: &[
            ("queue::BaseJoinableQueue::with_items", "Iterator"),
            ("queue::BaseJoinableQueue::with_items", "Ord"),
        ],
    },
    Read {
        name: "greenlet_core::slack::slack",
        has: &["Hash", "Ord", "PartialEq"],
        calls: &[("greenlet_core::slack::Slack::give_back", "Hash")],
    },
    without("lock::bounded_methods", &["Default"]),
    without("lock::lock", &[]),
    // Its types are private.
    without(
        "greenlet_core::exception::shows_what_it_holds",
        &["Debug", "Display", "Error"],
    ),
    // Its types have no parameters, the function is private, and `Error` is ours.
    without(
        "hub::core::watcher_type",
        &["Clone", "Debug", "Error", "FnOnce", "Hash", "PartialEq"],
    ),
    without("hub::core::plain", &["Error"]),
    without("hub::core::plain_start_stop", &["Error"]),
    without("hub::core::events", &[]),
    without("hub::core::flags", &[]),
    without("hub::seconds::numbers", &[]),
    // `Write` is a half of a connection there.
    without("pywsgi::of_socket", &["WebStream", "Write"]),
    without("resolver::by_conversion", &[]),
    without("resolver::of_number", &[]),
    Read {
        name: "socket::handle_methods",
        has: &["Clone", "Debug", "Error", "FnOnce", "Hash", "PartialEq"],
        calls: &[
            ("socket::Socket::hash", "Hash"),
            ("socket::Socket::with_fd", "FnOnce"),
            ("socket::Socket::with_options", "FnOnce"),
            ("socket::TcpListener::hash", "Hash"),
            ("socket::TcpListener::with_fd", "FnOnce"),
            ("socket::TcpListener::with_options", "FnOnce"),
            ("socket::TcpStream::hash", "Hash"),
            ("socket::TcpStream::with_fd", "FnOnce"),
            ("socket::TcpStream::with_options", "FnOnce"),
            ("socket::UdpSocket::hash", "Hash"),
            ("socket::UdpSocket::with_fd", "FnOnce"),
            ("socket::UdpSocket::with_options", "FnOnce"),
            ("socket::UnixDatagram::hash", "Hash"),
            ("socket::UnixDatagram::with_fd", "FnOnce"),
            ("socket::UnixDatagram::with_options", "FnOnce"),
            ("socket::UnixListener::hash", "Hash"),
            ("socket::UnixListener::with_fd", "FnOnce"),
            ("socket::UnixListener::with_options", "FnOnce"),
            ("socket::UnixStream::hash", "Hash"),
            ("socket::UnixStream::with_fd", "FnOnce"),
            ("socket::UnixStream::with_options", "FnOnce"),
        ],
    },
    // What a user passes are times.
    without("subprocess::inputs", &[]),
    without("subprocess::lists", &[]),
    without("subprocess::names", &[]),
    without("socket::socket_methods", &["Error", "Read", "Write"]),
    without("socket::ancillary_methods", &["Error"]),
    without("socket::timeout_methods", &["Read", "Write"]),
    // The implementations are for types without parameters.
    without("socket::stream_methods", &["Read", "Write"]),
    without("socket::options", &[]),
    // The errors have no parameters.
    without("socket::partial_errors", &["Debug", "Error"]),
    without("socket::by_conversion", &[]),
    without("socket::views", &["Error"]),
];

pub(crate) fn calls() -> impl Iterator<Item = (String, &'static str)> {
    let calls = MACROS.iter().flat_map(|read| read.calls);
    calls.map(|(place, code)| ((*place).to_owned(), *code))
}

/// What was read differs from what is there.
pub(crate) fn differences(sources: &[Source]) -> Vec<String> {
    let found = found(sources);
    let read: BTreeMap<_, BTreeSet<_>> = MACROS
        .iter()
        .map(|read| (read.name.to_owned(), read.has.iter().copied().collect()))
        .collect();
    let names: BTreeSet<_> = found.keys().chain(read.keys()).collect();
    let differs = |name: &&&String| found.get(**name) != read.get(**name);
    let tell = |name: &String| format!("{name}! has {:?}, {:?} were read", found.get(name), read.get(name));
    names.iter().filter(differs).map(|name| tell(name)).collect()
}

/// Macros that make functions or implementations, and the code that they name.
fn found(sources: &[Source]) -> BTreeMap<String, BTreeSet<&'static str>> {
    let codes = |words: BTreeSet<String>| words.iter().filter_map(|word| code(word)).collect();
    let words = words(sources).into_iter();
    words.map(|(name, words)| (name, codes(words))).collect()
}

/// Those macros, and the identifiers in them and in their uses.
fn words(sources: &[Source]) -> BTreeMap<String, BTreeSet<String>> {
    let (mut made, mut used) = (BTreeMap::<_, BTreeSet<_>>::new(), Vec::new());
    for source in sources {
        walk(&source.items, &mut |item| {
            let Item::Macro(item) = item else { return };
            let tokens = idents(item.mac.tokens.clone());
            match &item.ident {
                Some(name) if tokens.contains("impl") || tokens.contains("fn") => {
                    let name = format!("{}::{name}", source.module);
                    made.entry(name).or_default().extend(tokens);
                }
                Some(_) => {}
                None => {
                    let last = item.mac.path.segments.last().expect("a path has a name");
                    used.push((format!("{}::{}", source.module, last.ident), tokens));
                }
            }
        });
    }
    for (name, tokens) in used {
        // None of another module's are used.
        if let Some(all) = made.get_mut(&name) {
            all.extend(tokens);
        }
    }
    made
}

fn code(token: &str) -> Option<&'static str> {
    match codes::meaning(token)? {
        Meaning::Called(code) => Some(code),
        Meaning::Harmless => None,
    }
}

fn idents(tokens: TokenStream) -> BTreeSet<String> {
    let of = |token| match token {
        TokenTree::Group(group) => idents(group.stream()),
        TokenTree::Ident(ident) => BTreeSet::from([ident.to_string()]),
        _ => BTreeSet::new(),
    };
    tokens.into_iter().flat_map(of).collect()
}
