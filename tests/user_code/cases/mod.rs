//! The cases, by the modules whose places they are about.

mod event;
mod greenlet;
mod heap;
mod local;
mod lock;
mod many;
mod pool;
mod priority;
mod queue;
mod scope;
mod socket;
mod threadpool;
mod threadsafe;
