//! What of the machine the programs that take part may use.

use std::io;

/// The processors that this thread may use.
pub(crate) fn processors() -> io::Result<Vec<usize>> {
    // SAFETY: all bits zero is the empty set; the kernel writes a set of this size.
    let set = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        if libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) != 0 {
            return Err(io::Error::last_os_error());
        }
        set
    };
    // SAFETY: the numbers are within the set.
    let allowed = |cpu: &usize| unsafe { libc::CPU_ISSET(*cpu, &set) };
    Ok((0..libc::CPU_SETSIZE as usize).filter(allowed).collect())
}

/// Keeps this thread, and the processes and threads that it starts, on these processors.
pub(crate) fn run_on(processors: &[usize]) -> io::Result<()> {
    // SAFETY: all bits zero is the empty set. The numbers come from a set, so they are in range. The kernel only reads
    // it.
    let failed = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        for cpu in processors {
            libc::CPU_SET(*cpu, &mut set);
        }
        libc::sched_setaffinity(0, size_of_val(&set), &raw const set) != 0
    };
    if failed {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Raises the limit of open files as far as possible; the servers inherit it.
pub(crate) fn raise_fd_limit() -> io::Result<()> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is writable, and then readable.
    let failed = unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) != 0 || {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) != 0
        }
    };
    if failed {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
