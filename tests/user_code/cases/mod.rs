//! The cases, by the modules whose places they are about.

mod abstract_linkable;
mod backdoor;
mod fileobject;
mod future;
mod greenlet;
mod heap;
mod identity;
mod local;
mod lock;
mod many;
mod maps;
mod monitor;
mod os;
mod pool;
mod priority;
#[cfg(feature = "pywsgi")]
mod pywsgi;
mod queue;
mod results;
mod scope;
mod selectors;
mod servers;
mod socket;
#[cfg(feature = "ssl")]
mod ssl;
mod subprocess;
mod threadpool;
mod threadsafe;
mod util;
