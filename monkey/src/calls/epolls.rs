//! Waits for an epoll(7).
