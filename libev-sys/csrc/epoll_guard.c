/* See epoll_guard.h. A part of shim.c, after ev.c. */

#if defined __linux__

#undef epoll_ctl
#undef epoll_wait
#undef epoll_create1
#undef epoll_create

/* Counts waits after an epoll_ctl that failed: 2 until the next wait, 1 from there until the one after it, while
 * EV_ERROR is delivered, and 0 otherwise. */
static __thread int ev_shim_epoll_failed;
/* The errno of that failure, until the count is 0. */
static __thread int ev_shim_epoll_errno;

/* libev's own watchers; each waits to read. */
#define OWN_WATCHERS 4

static void
ev_shim_own_watchers (struct ev_loop *loop, ev_io *own [OWN_WATCHERS])
{
  own [0] = &loop->pipe_w;
  own [1] = &loop->fs_w;
  own [2] = &loop->sigfd_w;
  own [3] = &loop->timerfd_w;
}

static int
ev_shim_is_own (struct ev_loop *loop, int fd)
{
  ev_io *own [OWN_WATCHERS];
  int i;

  ev_shim_own_watchers (loop, own);
  for (i = 0; i < OWN_WATCHERS; ++i)
    if (ev_is_active (own [i]) && own [i]->fd == fd)
      return 1;
  return 0;
}

static int
ev_shim_epoll_ctl (struct ev_loop *loop, int epoll, int operation, int fd, struct epoll_event *event)
{
  int result = epoll_ctl (epoll, operation, fd, event);

  /* libev deals with these errors itself. */
  if (ecb_expect_true (!result) || errno == ENOENT || errno == EEXIST || errno == EPERM)
    return result;

  if (ev_shim_is_own (loop, fd))
    errno = EPERM; /* On this error, libev looks at the descriptor without epoll. */
  else
    ev_shim_epoll_errno = errno;
  ev_shim_epoll_failed = 2;
  return result;
}

/* Tries again to give libev's own descriptors to epoll. Returns whether that still fails for one of them. */
ecb_cold
static int
ev_shim_epoll_retry (struct ev_loop *loop, int epoll)
{
  ev_io *own [OWN_WATCHERS];
  int i, failing = 0;

  ev_shim_own_watchers (loop, own);
  for (i = 0; i < OWN_WATCHERS; ++i)
    {
      int fd = own [i]->fd;
      struct epoll_event event;

      if (!ev_is_active (own [i]) || fd < 0 || fd >= loop->anfdmax || !(loop->anfds [fd].emask & EV_EMASK_EPERM))
        continue;

      event.events = EPOLLIN;
      event.data.u64 = (uint64_t)(uint32_t)fd | ((uint64_t)(uint32_t)loop->anfds [fd].egen << 32);
      if (!epoll_ctl (epoll, EPOLL_CTL_ADD, fd, &event) || errno == EEXIST)
        loop->anfds [fd].emask = EV_READ; /* libev stops looking at it without epoll in the next iteration. */
      else
        failing = 1;
    }
  return failing;
}

static int
ev_shim_epoll_wait (struct ev_loop *loop, int epoll, struct epoll_event *events, int most, int timeout)
{
  if (ecb_expect_false (ev_shim_epoll_failed))
    {
      if (--ev_shim_epoll_failed)
        timeout = 0;
      else
        ev_shim_epoll_errno = 0;
    }
  else if (ecb_expect_false (loop->epoll_epermcnt) && ev_shim_epoll_retry (loop, epoll) && !timeout)
    timeout = 1; /* Without a pause, it would try again all the time. */
  return EV_SHIM_SYSTEM (epoll_wait) (epoll, events, most, timeout);
}

int ev_shim_fd_error (void) { return ev_shim_epoll_errno; }
unsigned int ev_shim_epoll_count (void) { return ev_shim_epolls; }

/* Whether the loop would look at some descriptors without epoll, which so tells nothing of them. */
static int
ev_shim_epoll_lacks (struct ev_loop *loop)
{
  return loop->backend == EVBACKEND_EPOLL && (ev_shim_epoll_failed || loop->epoll_epermcnt);
}

#else

int ev_shim_fd_error (void) { return 0; }
unsigned int ev_shim_epoll_count (void) { return 0; }
static int ev_shim_epoll_lacks (struct ev_loop *loop) { (void)loop; return 0; }

#endif
