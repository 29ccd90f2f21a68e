/* Makes the descriptor by which other threads wake a loop, before libev asks for one.
 *
 * libev makes an eventfd, or else a pipe, with the first async or signal watcher, and when it cannot, it tries again
 * for ever. Here the descriptor is made first, where a failure can be reported, and is then given to libev. Only ev.c
 * sees this. */
#ifndef LIBEV_SYS_WAKEUP_GUARD_H
#define LIBEV_SYS_WAKEUP_GUARD_H

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#if EV_USE_EVENTFD
# include <sys/eventfd.h>
#endif

/* The two ends of a pipe, or -1 and an eventfd; -1 twice when nothing is reserved. */
static __thread int ev_shim_reserved [2] = { -1, -1 };

static int
ev_shim_reserve (void)
{
#if EV_USE_EVENTFD
  ev_shim_reserved [1] = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (ev_shim_reserved [1] >= 0)
    return 0;
#endif
  if (pipe (ev_shim_reserved) == 0)
    return 0;
  ev_shim_reserved [0] = ev_shim_reserved [1] = -1;
  return -1;
}

/* Closes the descriptors that libev has not taken. */
static void
ev_shim_unreserve (void)
{
  int i;

  for (i = 0; i < 2; ++i)
    {
      if (ev_shim_reserved [i] >= 0)
        close (ev_shim_reserved [i]);
      ev_shim_reserved [i] = -1;
    }
}

#if EV_USE_EVENTFD
static int
ev_shim_eventfd (unsigned int value, int flags)
{
  int fd = ev_shim_reserved [1];

  if (fd < 0)
    return eventfd (value, flags);
  if (ev_shim_reserved [0] >= 0)
    {
      /* A pipe is reserved, because there was no eventfd: on this error, libev asks for a pipe. */
      errno = EMFILE;
      return -1;
    }
  ev_shim_reserved [1] = -1;
  return fd;
}
# define eventfd(value, flags) ev_shim_eventfd (value, flags)
#endif

static int
ev_shim_pipe (int fds [2])
{
  if (ev_shim_reserved [0] < 0)
    return pipe (fds);
  fds [0] = ev_shim_reserved [0];
  fds [1] = ev_shim_reserved [1];
  ev_shim_reserved [0] = ev_shim_reserved [1] = -1;
  return 0;
}
#define pipe(fds) ev_shim_pipe (fds)

#endif
