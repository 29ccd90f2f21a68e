//! TODO

pub(in crate::core) mod c_frames;
pub(in crate::core) mod flags;
pub(in crate::core) mod forking;
pub(in crate::core) mod info;
pub(in crate::core) mod loop_;
pub(in crate::core) mod parts;
pub(in crate::core) mod shared_loop;
pub(in crate::core) mod syserr;
