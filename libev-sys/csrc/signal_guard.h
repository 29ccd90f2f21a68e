/* Counts the threads that are in libev's signal handler.
 *
 * The handler runs in whatever thread the kernel chooses, and looks at the loop that watches the signal. Another
 * thread must not free that loop meanwhile, so it waits until the count is zero. Only ev.c sees this. */
#ifndef LIBEV_SYS_SIGNAL_GUARD_H
#define LIBEV_SYS_SIGNAL_GUARD_H

#include <pthread.h>
#include <sched.h>
#include <signal.h>

static void ev_sighandler (int signum); /* libev's */

static int ev_shim_in_handler;

static void
ev_shim_counted_handler (int signum)
{
  __atomic_fetch_add (&ev_shim_in_handler, 1, __ATOMIC_SEQ_CST);
  /* The handler counts first, and then looks for the loop. A thread that frees a loop takes it from the table first,
   * and then looks at the count. So at least one of the two sees the other. */
  __atomic_thread_fence (__ATOMIC_SEQ_CST);
  ev_sighandler (signum);
  __atomic_fetch_sub (&ev_shim_in_handler, 1, __ATOMIC_RELEASE);
}

/* Runs in the child of a fork, where there are no other threads; the one that forked was in no handler. */
static void
ev_shim_no_handlers (void)
{
  __atomic_store_n (&ev_shim_in_handler, 0, __ATOMIC_RELAXED);
}

/* Waits until no thread is in a handler that may have seen a loop. The caller has taken the loop from the table, so
 * that later handlers do not see it. */
static void
ev_shim_leave_handlers (void)
{
  __atomic_thread_fence (__ATOMIC_SEQ_CST);
  while (__atomic_load_n (&ev_shim_in_handler, __ATOMIC_ACQUIRE))
    sched_yield ();
}

/* libev installs its handler by this function. */
static int
ev_shim_sigaction (int signum, const struct sigaction *action, struct sigaction *old)
{
  static int watched;
  struct sigaction counted;

  if (action && action->sa_handler == ev_sighandler)
    {
      if (!__atomic_exchange_n (&watched, 1, __ATOMIC_RELAXED))
        pthread_atfork (0, 0, ev_shim_no_handlers);
      counted = *action;
      counted.sa_handler = ev_shim_counted_handler;
      action = &counted;
    }
  return sigaction (signum, action, old);
}

#define sigaction(signum, action, old) ev_shim_sigaction (signum, action, old)

#endif
