/* Child processes: their ends, stops and continuations. On the default loop, the only one that has them. A run waits
 * until the loop has seen what happened; how many iterations that takes is not for the trace. */
#include "parity.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static ev_child a, b, any;

/* A child that ends with `status`, or waits for a signal if that is negative. */
static int
make_child (int status)
{
  int pid = fork ();
  if (pid)
    return pid;
  while (status < 0)
    pause ();
  _exit (status);
}

static void
over (struct ev_loop *loop, ev_child *w, int revents)
{
  trace (loop, w, revents);
  value ("of the one watched", w->rpid == a.pid);
  value ("status", w->rstatus);
  ev_child_stop (loop, w);
}

SCENARIO (children, one_ends_with_a_status)
{
  struct ev_loop *loop = default_loop ();
  only_order ();
  ev_child_init (&a, over, make_child (7), 0);
  WATCH (a);
  ev_child_start (loop, &a);
  run (loop, 0);
}

SCENARIO (children, one_is_killed)
{
  struct ev_loop *loop = default_loop ();
  only_order ();
  int pid = make_child (-1);
  ev_child_init (&a, over, pid, 0);
  WATCH (a);
  ev_child_start (loop, &a);
  kill (pid, SIGTERM);
  run (loop, 0);
}

static void
next_state (struct ev_loop *loop, ev_child *w, int revents)
{
  trace (loop, w, revents);
  value ("status", w->rstatus);
  if (WIFSTOPPED (w->rstatus))
    kill (w->rpid, SIGCONT);
  else if (WIFCONTINUED (w->rstatus))
    kill (w->rpid, SIGKILL);
  else
    ev_child_stop (loop, w);
}

SCENARIO (children, one_is_stopped_continued_and_killed)
{
  struct ev_loop *loop = default_loop ();
  only_order ();
  int pid = make_child (-1);
  ev_child_init (&a, next_state, pid, 1);
  WATCH (a);
  ev_child_start (loop, &a);
  kill (pid, SIGSTOP);
  run (loop, 0);
}

SCENARIO (children, without_trace_only_the_end_counts)
{
  struct ev_loop *loop = default_loop ();
  only_order ();
  int pid = make_child (-1);
  ev_child_init (&a, over, pid, 0);
  ev_child_init (&b, next_state, pid, 1);
  WATCH (a);
  WATCH (b);
  ev_child_start (loop, &a);
  ev_child_start (loop, &b);
  kill (pid, SIGSTOP);
  run (loop, 0);
}

SCENARIO (children, a_watcher_of_any_child_comes_after_that_of_the_one)
{
  struct ev_loop *loop = default_loop ();
  only_order ();
  ev_child_init (&any, over, 0, 0);
  ev_child_init (&a, over, make_child (3), 0);
  WATCH (any);
  WATCH (a);
  ev_child_start (loop, &any);
  ev_child_start (loop, &a);
  run (loop, 0);
}

static int second;

static void
end_second (struct ev_loop *loop, ev_child *w, int revents)
{
  over (loop, w, revents);
  kill (second, SIGKILL);
}

SCENARIO (children, one_after_another)
{
  struct ev_loop *loop = default_loop ();
  only_order ();
  second = make_child (-1);
  ev_child_init (&a, end_second, make_child (1), 0);
  ev_child_init (&b, over, second, 0);
  WATCH (a);
  WATCH (b);
  ev_child_start (loop, &b);
  ev_child_start (loop, &a);
  run (loop, 0);
}

SCENARIO (children, two_that_ended_before_the_loop_looked)
{
  struct ev_loop *loop = default_loop ();
  only_order ();
  ev_child_init (&a, over, make_child (1), 0);
  WATCH (a);
  ev_child_start (loop, &a);
  siginfo_t info;
  waitid (P_PID, a.pid, &info, WEXITED | WNOWAIT);
  second = make_child (2);
  ev_child_init (&b, over, second, 0);
  WATCH (b);
  ev_child_start (loop, &b);
  waitid (P_PID, second, &info, WEXITED | WNOWAIT);
  run (loop, 0);
  value ("left to be waited for", waitpid (-1, NULL, WNOHANG) != -1);
}

SCENARIO (children, a_stopped_watcher_does_not_keep_the_child_from_being_reaped)
{
  struct ev_loop *loop = default_loop ();
  only_order ();
  second = make_child (2);
  ev_child_init (&a, over, make_child (1), 0);
  ev_child_init (&b, over, second, 0);
  WATCH (a);
  WATCH (b);
  ev_child_start (loop, &a);
  ev_child_start (loop, &b);
  ev_child_stop (loop, &b);
  siginfo_t info;
  waitid (P_PID, second, &info, WEXITED | WNOWAIT);
  run (loop, 0);
  value ("left to be waited for", waitpid (second, NULL, WNOHANG) != -1);
}
