/* libev's macros and internals as functions: see shim.h.
 *
 * The vendored libev is part of this file, so that its internals can be read. With LIBEV_SYS_SYSTEM defined, only
 * libev's header is, and functions that would need the internals return EV_SHIM_UNAVAILABLE. */

#include "system.h"
#ifdef LIBEV_SYS_SYSTEM
# include "shim.h"
#else
# include "libev_config.h"
# include "fork_check.h"
# include "signal_guard.h"
# include "epoll_guard.h"
# include "wakeup_guard.h"
# include "reaper.h"
# include "ev.c"
# include "shim.h"
# include "epoll_guard.c"
#endif

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#if EV_VERSION_MAJOR != 4 || EV_VERSION_MINOR < 33
# error "libev-sys needs libev 4.33 or a later 4.x"
#endif

#ifndef EV_NSIG /* only ev.c knows libev's own; this is what it deduces on every current system */
# ifdef NSIG
#  define EV_NSIG NSIG
# else
#  define EV_NSIG _NSIG
# endif
#endif

/* ------------------------------------------------------------------------------------------- constants */

int ev_shim_nsig (void) { return EV_NSIG; }
int ev_shim_header_version_major (void) { return EV_VERSION_MAJOR; }
int ev_shim_header_version_minor (void) { return EV_VERSION_MINOR; }

int
ev_shim_has_internals (void)
{
#ifdef LIBEV_SYS_SYSTEM
  return 0;
#else
  return 1;
#endif
}

int
ev_shim_has_assertions (void)
{
#if defined LIBEV_SYS_SYSTEM
  return -1;
#elif defined NDEBUG
  return 0;
#else
  return 1;
#endif
}

/* --------------------------------------------------------------------------- the C library's functions */

int
ev_shim_set_system (const char *name, void *function)
{
#define SET(of) \
  if (!strcmp (name, #of)) \
    { \
      __typeof__ (ev_shim_system.of) as_declared; \
      memcpy (&as_declared, &function, sizeof function); \
      __atomic_store_n (&ev_shim_system.of, as_declared, __ATOMIC_RELAXED); \
      return 1; \
    }
  EV_SHIM_SYSTEM_FUNCTIONS (SET)
#undef SET
  return 0;
}

/* ------------------------------------------------------------------------------------------ any watcher */

#define CB(type) void (*cb) (struct ev_loop *, ev_ ## type *, int)

void ev_shim_init (ev_watcher *w, CB (watcher)) { ev_init (w, cb); }
int ev_shim_is_active (const void *w) { return ev_is_active (w); }
int ev_shim_is_pending (const void *w) { return ev_is_pending (w); }
int ev_shim_priority (const void *w) { return ev_priority (w); }
void ev_shim_set_priority (void *w, int priority) { ev_set_priority (w, priority); }
void ev_shim_set_cb (void *w, CB (watcher)) { ev_set_cb ((ev_watcher *)w, cb); }

void
(*ev_shim_cb (const void *w)) (struct ev_loop *, ev_watcher *, int)
{
  return ((const ev_watcher *)w)->cb;
}

/* --------------------------------------------------------------------------------- each type of watcher */

void ev_shim_io_init (ev_io *w, CB (io), int fd, int events) { ev_io_init (w, cb, fd, events); }
void ev_shim_io_set (ev_io *w, int fd, int events) { ev_io_set (w, fd, events); }
void ev_shim_io_modify (ev_io *w, int events) { ev_io_modify (w, events); }

void ev_shim_timer_init (ev_timer *w, CB (timer), ev_tstamp after, ev_tstamp repeat_) { ev_timer_init (w, cb, after, repeat_); }
void ev_shim_timer_set (ev_timer *w, ev_tstamp after, ev_tstamp repeat_) { ev_timer_set (w, after, repeat_); }

#define RESCHEDULE ev_tstamp (*reschedule) (ev_periodic *, ev_tstamp)
void
ev_shim_periodic_init (ev_periodic *w, CB (periodic), ev_tstamp ofs, ev_tstamp ival, RESCHEDULE)
{
  ev_periodic_init (w, cb, ofs, ival, reschedule);
}
void ev_shim_periodic_set (ev_periodic *w, ev_tstamp ofs, ev_tstamp ival, RESCHEDULE) { ev_periodic_set (w, ofs, ival, reschedule); }
ev_tstamp ev_shim_periodic_at (const ev_periodic *w) { return ev_periodic_at (w); }

void ev_shim_signal_init (ev_signal *w, CB (signal), int signum_) { ev_signal_init (w, cb, signum_); }
void ev_shim_signal_set (ev_signal *w, int signum_) { ev_signal_set (w, signum_); }

void ev_shim_child_init (ev_child *w, CB (child), int pid_, int trace) { ev_child_init (w, cb, pid_, trace); }
void ev_shim_child_set (ev_child *w, int pid_, int trace) { ev_child_set (w, pid_, trace); }

void ev_shim_stat_init (ev_stat *w, CB (stat), const char *path_, ev_tstamp interval_) { ev_stat_init (w, cb, path_, interval_); }
void ev_shim_stat_set (ev_stat *w, const char *path_, ev_tstamp interval_) { ev_stat_set (w, path_, interval_); }

void ev_shim_idle_init (ev_idle *w, CB (idle)) { ev_idle_init (w, cb); }
void ev_shim_idle_set (ev_idle *w) { (void)w; ev_idle_set (w); }

void ev_shim_prepare_init (ev_prepare *w, CB (prepare)) { ev_prepare_init (w, cb); }
void ev_shim_prepare_set (ev_prepare *w) { (void)w; ev_prepare_set (w); }

void ev_shim_check_init (ev_check *w, CB (check)) { ev_check_init (w, cb); }
void ev_shim_check_set (ev_check *w) { (void)w; ev_check_set (w); }

void ev_shim_embed_init (ev_embed *w, CB (embed), struct ev_loop *other_) { ev_embed_init (w, cb, other_); }
void ev_shim_embed_set (ev_embed *w, struct ev_loop *other_) { ev_embed_set (w, other_); }

void ev_shim_fork_init (ev_fork *w, CB (fork)) { ev_fork_init (w, cb); }
void ev_shim_fork_set (ev_fork *w) { (void)w; ev_fork_set (w); }

void ev_shim_cleanup_init (ev_cleanup *w, CB (cleanup)) { ev_cleanup_init (w, cb); }
void ev_shim_cleanup_set (ev_cleanup *w) { (void)w; ev_cleanup_set (w); }

void ev_shim_async_init (ev_async *w, CB (async)) { ev_async_init (w, cb); }
void ev_shim_async_set (ev_async *w) { (void)w; ev_async_set (w); }
int ev_shim_async_pending (const ev_async *w) { return (int)ev_async_pending (w); }

/* -------------------------------------------------------------------------------------- inside the loop */

#ifdef LIBEV_SYS_SYSTEM
# define INTERNAL(expression) EV_SHIM_UNAVAILABLE
#else
# define INTERNAL(expression) (expression)
#endif
#define LOOP_INT(name, expression) \
  int ev_shim_loop_ ## name (struct ev_loop *loop) { (void)loop; return (int)INTERNAL (expression); }

#ifdef LIBEV_SYS_SYSTEM
int ev_shim_fd_error (void) { return 0; }
unsigned int ev_shim_epoll_count (void) { return 0; }
#endif

LOOP_INT (activecnt, loop->activecnt)
LOOP_INT (sig_pending, loop->sig_pending)
LOOP_INT (backend_fd, loop->backend_fd)
LOOP_INT (postfork, loop->postfork)
LOOP_INT (fdchangecnt, loop->fdchangecnt)
LOOP_INT (timercnt, loop->timercnt)
LOOP_INT (periodiccnt, loop->periodiccnt)
LOOP_INT (idlecnt, loop->idleall)
LOOP_INT (preparecnt, loop->preparecnt)
LOOP_INT (checkcnt, loop->checkcnt)
LOOP_INT (forkcnt, loop->forkcnt)
LOOP_INT (cleanupcnt, loop->cleanupcnt)
LOOP_INT (asynccnt, loop->asynccnt)

const ev_shim_pending *
ev_shim_loop_pendings (struct ev_loop *loop, int *count)
{
#ifdef LIBEV_SYS_SYSTEM
  (void)loop;
#else
  typedef char same_size [sizeof (ev_shim_pending) == sizeof (ANPENDING) ? 1 : -1];
  typedef char same_place [offsetof (ev_shim_pending, w) == offsetof (ANPENDING, w) ? 1 : -1];
  /* The priority is beyond the last one when nothing is being delivered. */
  int pri = loop->pendingpri;
  if (pri >= 0 && pri < NUMPRI)
    {
      *count = loop->pendingcnt [pri];
      return (const ev_shim_pending *)loop->pendings [pri];
    }
#endif
  *count = 0;
  return NULL;
}

void
ev_shim_loop_fork_now (struct ev_loop *loop)
{
#ifdef LIBEV_SYS_SYSTEM
  (void)loop;
#else
  loop_fork (loop);
#endif
}

int
ev_shim_do_not_wait (struct ev_loop *loop)
{
#ifdef LIBEV_SYS_SYSTEM
  (void)loop;
  return 0;
#else
  loop->pipe_write_skipped = 1;
  return 1;
#endif
}

void
ev_shim_loop_fork (struct ev_loop *loop)
{
  ev_loop_fork (loop);
#ifndef LIBEV_SYS_SYSTEM
  if (loop->sig_pending || loop->async_pending)
    ev_shim_do_not_wait (loop);
#endif
}

ev_tstamp
ev_shim_loop_begin_wait (struct ev_loop *loop)
{
#ifdef LIBEV_SYS_SYSTEM
  (void)loop;
  return EV_SHIM_UNAVAILABLE;
#else
  ev_tstamp wait = -1., to;
  struct pollfd backend;
  int pri, i;

  /* After a fork, the descriptors are made anew first. */
  if (loop->postfork || (loop->curpid && getpid () != loop->curpid))
    return 0.;

  fd_reify (loop);
  time_update (loop, EV_TS_CONST (EV_TSTAMP_HUGE));

  loop->pipe_write_wanted = 1;
  ECB_MEMORY_FENCE; /* A thread that does not see this is seen below. */
  if (loop->pipe_write_skipped || loop->idleall || ev_shim_epoll_lacks (loop))
    return 0.;
  /* The event of a watcher that was stopped since counts, but calls nothing. */
  for (pri = NUMPRI; pri--; )
    for (i = loop->pendingcnt [pri]; i--; )
      if (loop->pendings [pri][i].w != (W)&loop->pending_w)
        return 0.;

  if (loop->timercnt)
    wait = ANHE_at (loop->timers [HEAP0]) - loop->mn_now;
  if (loop->timercnt && wait <= 0.)
    return 0.;
  if (loop->periodiccnt)
    {
      to = ANHE_at (loop->periodics [HEAP0]) - ev_now (loop);
      if (to <= 0.)
        return 0.;
      /* Without a timerfd, a jump of the clock is only noticed by looking. */
      if (ev_shim_loop_timerfd (loop) < 0 && to > EV_TS_CONST (MAX_BLOCKTIME))
        to = EV_TS_CONST (MAX_BLOCKTIME);
      if (wait < 0. || to < wait)
        wait = to;
    }

  /* What was ready when its watcher was started, or still is, may make no further event. */
  backend.fd = loop->backend_fd;
  backend.events = POLLIN;
  return poll (&backend, 1, 0) == 0 ? wait : 0.;
#endif
}

#if EV_USE_SIGNALFD
LOOP_INT (sigfd, loop->sigfd)
#else
LOOP_INT (sigfd, -1)
#endif
#if EV_USE_TIMERFD
LOOP_INT (timerfd, loop->timerfd)
#else
LOOP_INT (timerfd, -1)
#endif

unsigned int ev_shim_loop_origflags (struct ev_loop *loop) { (void)loop; return (unsigned int)INTERNAL (loop->origflags); }

struct ev_loop *
ev_shim_signal_loop (int signum_)
{
#ifndef LIBEV_SYS_SYSTEM
  if (signum_ > 0 && signum_ < EV_NSIG)
    return signals [signum_ - 1].loop;
#endif
  (void)signum_;
  return 0;
}

void
ev_shim_handle_signal (int signum_)
{
#ifndef LIBEV_SYS_SYSTEM
  ev_shim_counted_handler (signum_);
#else
  ev_feed_signal (signum_);
#endif
}

void
ev_shim_forget_signal (int signum_)
{
#ifndef LIBEV_SYS_SYSTEM
  if (signum_ > 0 && signum_ < EV_NSIG)
    {
      /* The handler, which may interrupt this, looks for the loop first. */
      signals [signum_ - 1].loop = 0;
      ECB_MEMORY_FENCE_RELEASE;
      signals [signum_ - 1].pending = 0;
      signals [signum_ - 1].head = 0;
    }
#endif
  (void)signum_;
}

/* ------------------------------------------------------------------------------------------ making loops */

int
ev_shim_make_wakeup (struct ev_loop *loop)
{
#ifndef LIBEV_SYS_SYSTEM
  if (ev_is_active (&loop->pipe_w))
    return 0;
  if (ev_shim_reserve () != 0)
    return -1;
  evpipe_init (loop);
  return 0;
#else
  /* The system's libev makes its own later. This tries whether it could, as a failure can only be reported now. */
  int fds [2];
  (void)loop;
  if (pipe (fds) != 0)
    return -1;
  close (fds [0]);
  close (fds [1]);
  return 0;
#endif
}

struct ev_loop *
ev_shim_loop_new (unsigned int flags)
{
  struct ev_loop *loop = ev_loop_new (flags);
  int error;

  if (!loop || ev_shim_make_wakeup (loop) == 0)
    return loop;

  error = errno;
  ev_loop_destroy (loop);
  errno = error;
  return 0;
}

/* ------------------------------------------------------------------------- the default loop and SIGCHLD */

static int sigchld_state;                 /* see ev_shim_sigchld_state */
static struct sigaction sigchld_of_libev; /* the action to install; valid unless the state is 0 */

struct ev_loop *ev_shim_default_loop_ptr (void) { return ev_default_loop_uc_ (); }
int ev_shim_is_default_loop (struct ev_loop *loop) { return ev_is_default_loop (loop); }
int ev_shim_is_default_with_userdata (struct ev_loop *loop) { return ev_is_default_loop (loop) && ev_userdata (loop); }
int ev_shim_sigchld_state (void) { return sigchld_state; }

/* With EVFLAG_SIGNALFD, libev takes SIGCHLD by blocking it and reading a descriptor, not by a handler. This function
 * turns that off and on. It returns 0 when the loop has no signalfd. */
static int
sigchld_by_signalfd (struct ev_loop *loop, int on)
{
#if !defined LIBEV_SYS_SYSTEM && EV_USE_SIGNALFD
  sigset_t chld;

  if (loop->sigfd < 0)
    return 0;

  sigemptyset (&chld);
  sigaddset (&chld, SIGCHLD);
  if (on)
    sigaddset (&loop->sigfd_set, SIGCHLD);
  else
    sigdelset (&loop->sigfd_set, SIGCHLD);
  signalfd (loop->sigfd, &loop->sigfd_set, 0);
  pthread_sigmask (on ? SIG_BLOCK : SIG_UNBLOCK, &chld, 0);
  return 1;
#else
  (void)loop; (void)on;
  return 0;
#endif
}

/* Raises a SIGCHLD again that came while libev's handler was in place for a moment: it was meant for another one. */
static void
sigchld_hand_on (void)
{
#ifndef LIBEV_SYS_SYSTEM
  if (signals [SIGCHLD - 1].pending)
    {
      signals [SIGCHLD - 1].pending = 0;
      raise (SIGCHLD);
    }
#endif
}

#ifndef LIBEV_SYS_SYSTEM
/* libev's reaper takes the status of every child, so it is called only while somebody watches one. */
static void
reap_if_watched (struct ev_loop *loop, ev_signal *w, int revents)
{
  size_t i;

  for (i = 0; i < sizeof childs / sizeof *childs; ++i)
    if (childs [i])
      {
        if (sigchld_state == 3)
          sigchld_state = 2;
        childcb (loop, w, revents);
        return;
      }

  if (sigchld_state == 2)
    sigchld_state = 3;
}
#endif

struct ev_loop *
ev_shim_default_loop (unsigned int flags)
{
  struct sigaction before;
  struct ev_loop *loop;

  if (ev_default_loop_uc_ ())
    return ev_default_loop (flags);

#ifdef LIBEV_SYS_SYSTEM
  flags |= EVFLAG_NOTIMERFD; /* The fault described below can only be corrected in the vendored libev. */
#endif
  sigaction (SIGCHLD, 0, &before);
#ifndef LIBEV_SYS_SYSTEM
  /* libev needs the descriptor for wake-ups at once, for SIGCHLD. */
  if (ev_shim_reserve () != 0)
    return 0;
#endif
  loop = ev_default_loop (flags);
#ifndef LIBEV_SYS_SYSTEM
  ev_shim_unreserve ();
#endif
  if (!loop)
    return 0;

#ifndef LIBEV_SYS_SYSTEM
  ev_set_cb (&childev, reap_if_watched);
#endif
#if !defined LIBEV_SYS_SYSTEM && EV_USE_TIMERFD
  /* A default loop that was destroyed leaves its timerfd's watcher marked as active in the static memory that the
   * next one gets. The next loop would have no timerfd, and after a fork stop a watcher that was never started. */
  loop->timerfd_w.active = 0;
#endif

  if (!sigchld_by_signalfd (loop, 0))
    {
      sigaction (SIGCHLD, &before, &sigchld_of_libev);
      sigchld_hand_on ();
    }
  sigchld_state = 1;
  return loop;
}

void
ev_shim_install_sigchld (void)
{
  struct ev_loop *loop = ev_default_loop_uc_ ();

  if (!loop || sigchld_state != 1)
    return;

  if (!sigchld_by_signalfd (loop, 1))
    sigaction (SIGCHLD, &sigchld_of_libev, 0);
  sigchld_state = 2;
}

void
ev_shim_set_reaper (int (*reaper) (int pid_, int *status, int options))
{
#ifndef LIBEV_SYS_SYSTEM
  __atomic_store_n (&ev_shim_reaper, reaper, __ATOMIC_RELEASE);
#else
  (void)reaper;
#endif
}

void
ev_shim_reset_sigchld (void)
{
  if (sigchld_state >= 2)
    sigchld_state = 1;
}

int
ev_shim_forget_default_loop (void)
{
#ifndef LIBEV_SYS_SYSTEM
  int signum_;

  if (!ev_default_loop_ptr)
    return 0;

  for (signum_ = 1; signum_ < EV_NSIG; ++signum_)
    if (signals [signum_ - 1].loop == ev_default_loop_ptr)
      ev_shim_forget_signal (signum_);
  memset (childs, 0, sizeof childs);
  memset (&childev, 0, sizeof childev);
  memset (&default_loop_struct, 0, sizeof default_loop_struct);
  sigchld_state = 0;
  ev_default_loop_ptr = 0;
  return 0;
#else
  return ev_default_loop_uc_ () ? -1 : 0;
#endif
}

void
ev_shim_release_sigchld (struct ev_loop *loop)
{
#ifndef LIBEV_SYS_SYSTEM
  struct sigaction before;

  if (!loop || !ev_is_default_loop (loop) || !ev_is_active (&childev))
    return;

  sigaction (SIGCHLD, 0, &before);
  ev_ref (loop);
  ev_signal_stop (loop, &childev);
  if (sigchld_state && before.sa_handler != sigchld_of_libev.sa_handler)
    sigaction (SIGCHLD, &before, 0);
  sigchld_state = 0;
#else
  (void)loop;
#endif
}

void
ev_shim_loop_destroy (struct ev_loop *loop)
{
#ifndef LIBEV_SYS_SYSTEM
  ev_shim_release_sigchld (loop);
  ev_shim_leave_handlers ();
  ev_loop_destroy (loop);
#else
  struct sigaction before;
  int is_default = loop && ev_is_default_loop (loop);

  if (!is_default)
    {
      ev_loop_destroy (loop);
      return;
    }

  sigaction (SIGCHLD, 0, &before);
  ev_loop_destroy (loop);
  if (sigchld_state && before.sa_handler != sigchld_of_libev.sa_handler)
    sigaction (SIGCHLD, &before, 0);
  sigchld_state = 0;
#endif
}
