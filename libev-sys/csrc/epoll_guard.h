/* Corrects what libev does when epoll_ctl fails.
 *
 * libev stops all watchers of the descriptor and feeds them EV_ERROR. This has two faults:
 *
 * - libev waits for other events first, for a minute if there are none.
 * - It stops its own watchers as well (for other threads' wake-ups, signals, inotify). None of them starts again, so
 *   their events are lost, and each gives up a reference to the loop that it never had.
 *
 * With these functions, the loop does not wait while an error is to be delivered. Its own descriptors are looked at in
 * each iteration until epoll takes them, as libev does it for files, with which epoll cannot be used.
 *
 * It also counts the descriptors that are made, so that who waits for a loop's descriptor can tell when it is another one.
 *
 * Only ev.c sees this. The code that needs its types is in epoll_guard.c, which comes after it. */
#ifndef LIBEV_SYS_EPOLL_GUARD_H
#define LIBEV_SYS_EPOLL_GUARD_H

#if defined __linux__

#include <errno.h>
#include <sys/epoll.h>

struct ev_loop;

static int ev_shim_epoll_ctl (struct ev_loop *loop, int epoll, int operation, int fd, struct epoll_event *event);
static int ev_shim_epoll_wait (struct ev_loop *loop, int epoll, struct epoll_event *events, int most, int timeout);

/* How many descriptors of epoll this thread's loops have got. */
static __thread unsigned int ev_shim_epolls;

static int
ev_shim_count_epoll (int fd)
{
  ++ev_shim_epolls;
  return fd;
}

#define epoll_create1(flags) ev_shim_count_epoll (epoll_create1 (flags))
#define epoll_create(size) ev_shim_count_epoll (epoll_create (size))
/* ev.c calls these where it has a variable `loop`. */
#define epoll_ctl(epoll, operation, fd, event) ev_shim_epoll_ctl (loop, epoll, operation, fd, event)
#define epoll_wait(epoll, events, most, timeout) ev_shim_epoll_wait (loop, epoll, events, most, timeout)

#endif
#endif
