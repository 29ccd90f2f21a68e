//! Writes to disks and locks of files, by the thread pool if that was asked for.
