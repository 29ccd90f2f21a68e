//! What is done with each crate.

mod crossbeam;
mod parking_lot;
mod process;
pub(crate) mod redis;
mod rusqlite;
mod std_net;
mod std_sync;
mod ureq;

#[cfg(feature = "all")]
mod curl;
#[cfg(feature = "all")]
pub(crate) mod diesel;
#[cfg(feature = "all")]
mod lettre;
#[cfg(feature = "all")]
pub(crate) mod mysql;
#[cfg(feature = "all")]
mod native_tls;
#[cfg(feature = "all")]
pub(crate) mod postgres;
#[cfg(feature = "all")]
mod r2d2;
#[cfg(feature = "all")]
mod rayon;
#[cfg(feature = "all")]
mod reqwest;
#[cfg(feature = "all")]
mod rustls;
#[cfg(feature = "all")]
mod tiny_http;
#[cfg(feature = "all")]
mod tokio;

use crate::{Result, Started};

/// A crate, and what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The name of the case.
    pub name: &'static str,
    /// The package whose version is told; none for std.
    pub package: Option<&'static str>,
    /// Whether plain greenlets may do it: whether nothing of it is in a thread-local over a wait.
    pub greenlets: bool,
    /// How many waits come one after the other, as so many have to share something.
    pub waits: u32,
    /// Starts what it needs. None if a server is not installed.
    pub start: fn() -> Result<Option<Started>>,
}

const fn entry(name: &'static str, package: &'static str, start: fn() -> Result<Option<Started>>) -> Entry {
    Entry {
        name,
        package: Some(package),
        greenlets: false,
        waits: 1,
        start,
    }
}

const fn of_std(name: &'static str, start: fn() -> Result<Option<Started>>) -> Entry {
    Entry {
        package: None,
        ..entry(name, "", start)
    }
}

impl Entry {
    const fn for_greenlets(self) -> Entry {
        Entry {
            greenlets: true,
            ..self
        }
    }

    #[cfg(feature = "all")]
    const fn waits(self, waits: u32) -> Entry {
        Entry { waits, ..self }
    }
}

/// All of them.
pub const ENTRIES: &[Entry] = &[
    of_std("std_net", std_net::start).for_greenlets(),
    of_std("std_sync", std_sync::start),
    of_std("process", process::start).for_greenlets(),
    entry("parking_lot", "parking_lot", parking_lot::start),
    entry("crossbeam_channel", "crossbeam-channel", crossbeam::start),
    entry("redis", "redis", redis::start).for_greenlets(),
    entry("rusqlite", "rusqlite", rusqlite::start),
    entry("ureq", "ureq", ureq::start),
    #[cfg(feature = "all")]
    entry("postgres", "postgres", postgres::start),
    #[cfg(feature = "all")]
    entry("mysql", "mysql", mysql::start),
    #[cfg(feature = "all")]
    entry("diesel", "diesel", diesel::start),
    #[cfg(feature = "all")]
    entry("reqwest_blocking", "reqwest", reqwest::start),
    #[cfg(feature = "all")]
    entry("lettre", "lettre", lettre::start).for_greenlets(),
    #[cfg(feature = "all")]
    entry("native_tls", "native-tls", native_tls::start),
    #[cfg(feature = "all")]
    entry("rustls", "rustls", rustls::start).for_greenlets(),
    #[cfg(feature = "all")]
    entry("curl", "curl", curl::start),
    #[cfg(feature = "all")]
    entry("tiny_http", "tiny_http", tiny_http::start),
    #[cfg(feature = "all")]
    entry("r2d2", "r2d2", r2d2::start).waits(r2d2::WAITS),
    #[cfg(feature = "all")]
    entry("rayon", "rayon", rayon::start),
    #[cfg(feature = "all")]
    entry("tokio", "tokio", tokio::start),
];
