/* The C library's functions that wait, or take what others wait for, as libev and the shim call them.
 *
 * A program may have functions of its own under the C library's names, which have others run before they return. The
 * loop must not end up in there: it is what they wait for. So its calls go through this table, into which such a
 * program puts the C library's own functions. Only shim.c sees this. */
#ifndef LIBEV_SYS_SYSTEM_H
#define LIBEV_SYS_SYSTEM_H

#include <poll.h>
#include <sched.h>
#include <sys/select.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#if defined __linux__
# include <sys/epoll.h>
#endif

#if defined __linux__
# define EV_SHIM_EPOLL_WAIT(each) each (epoll_wait)
#else
# define EV_SHIM_EPOLL_WAIT(each)
#endif
#define EV_SHIM_SYSTEM_FUNCTIONS(each) \
  each (read) each (write) each (poll) each (select) each (nanosleep) each (waitpid) each (sched_yield) \
  EV_SHIM_EPOLL_WAIT (each)

static struct
{
#define DECLARE(name) __typeof__ (&name) name;
  EV_SHIM_SYSTEM_FUNCTIONS (DECLARE)
#undef DECLARE
} ev_shim_system = {
#define FILL(name) name,
  EV_SHIM_SYSTEM_FUNCTIONS (FILL)
#undef FILL
};

/* The function, to be called. */
#define EV_SHIM_SYSTEM(name) __atomic_load_n (&ev_shim_system.name, __ATOMIC_RELAXED)

#define read(fd, data, len) EV_SHIM_SYSTEM (read) (fd, data, len)
#define write(fd, data, len) EV_SHIM_SYSTEM (write) (fd, data, len)
#define poll(fds, count, timeout) EV_SHIM_SYSTEM (poll) (fds, count, timeout)
#define select(count, r, w, e, timeout) EV_SHIM_SYSTEM (select) (count, r, w, e, timeout)
#define nanosleep(time, left) EV_SHIM_SYSTEM (nanosleep) (time, left)
#define sched_yield() EV_SHIM_SYSTEM (sched_yield) ()
/* waitpid and epoll_wait have macros of their own, in reaper.h and epoll_guard.h, which use the table. */

#endif
