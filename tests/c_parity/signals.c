/* Signals: those that come before the loop looks are one. */
#include "parity.h"

#include <signal.h>

static ev_signal a, b, c;
static ev_timer timer;

SCENARIO (signals, several_are_one_event)
{
  struct ev_loop *loop = new_loop ();
  ev_signal_init (&a, traced_signal, SIGUSR1);
  WATCH (a);
  ev_signal_start (loop, &a);
  raise (SIGUSR1);
  raise (SIGUSR1);
  raise (SIGUSR1);
  mark (loop, "raised");
  run (loop, EVRUN_ONCE);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (signals, all_watchers_of_one_are_called)
{
  struct ev_loop *loop = new_loop ();
  ev_signal_init (&a, traced_signal, SIGUSR1);
  ev_signal_init (&b, traced_signal, SIGUSR1);
  ev_signal_init (&c, traced_signal, SIGUSR2);
  ev_set_priority (&b, 1);
  WATCH (a);
  WATCH (b);
  WATCH (c);
  ev_signal_start (loop, &a);
  ev_signal_start (loop, &b);
  ev_signal_start (loop, &c);
  raise (SIGUSR1);
  run (loop, EVRUN_ONCE);
  ev_signal_stop (loop, &a);
  mark (loop, "a stopped");
  raise (SIGUSR1);
  run (loop, EVRUN_ONCE);
}

SCENARIO (signals, different_ones_in_one_iteration)
{
  struct ev_loop *loop = new_loop ();
  ev_signal_init (&a, traced_signal, SIGUSR1);
  ev_signal_init (&b, traced_signal, SIGUSR2);
  ev_signal_init (&c, traced_signal, SIGHUP);
  WATCH (a);
  WATCH (b);
  WATCH (c);
  ev_signal_start (loop, &a);
  ev_signal_start (loop, &b);
  ev_signal_start (loop, &c);
  raise (SIGUSR2);
  raise (SIGHUP);
  raise (SIGUSR1);
  run (loop, EVRUN_ONCE);
}

static void
raise_usr1 (struct ev_loop *loop, ev_timer *w, int revents)
{
  trace (loop, w, revents);
  raise (SIGUSR1);
  mark (loop, "raised");
}

SCENARIO (signals, raised_in_a_callback)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&timer, raise_usr1, -1., 0.);
  ev_signal_init (&a, traced_signal, SIGUSR1);
  WATCH (timer);
  WATCH (a);
  ev_signal_start (loop, &a);
  ev_timer_start (loop, &timer);
  run (loop, EVRUN_ONCE);
  run (loop, EVRUN_ONCE);
}

static void
is_default (int signum)
{
  struct sigaction action;
  value ("sigaction", sigaction (signum, NULL, &action));
  value ("is the default", action.sa_handler == SIG_DFL);
}

SCENARIO (signals, the_last_stop_restores_the_default_action)
{
  struct ev_loop *loop = new_loop ();
  ev_signal_init (&a, traced_signal, SIGUSR1);
  ev_signal_init (&b, traced_signal, SIGUSR1);
  WATCH (a);
  WATCH (b);
  signal (SIGUSR1, SIG_IGN);
  ev_signal_start (loop, &a);
  ev_signal_start (loop, &b);
  is_default (SIGUSR1);
  ev_signal_stop (loop, &a);
  is_default (SIGUSR1);
  ev_signal_stop (loop, &b);
  is_default (SIGUSR1);
  mark (loop, "stopped");
}

SCENARIO (signals, one_raised_and_stopped_before_the_loop_looks)
{
  struct ev_loop *loop = new_loop ();
  ev_signal_init (&a, traced_signal, SIGUSR1);
  WATCH (a);
  ev_signal_start (loop, &a);
  raise (SIGUSR1);
  ev_signal_stop (loop, &a);
  mark (loop, "raised and stopped");
  run (loop, EVRUN_NOWAIT);
  ev_signal_start (loop, &a);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (signals, received_by_a_descriptor)
{
  struct ev_loop *loop = new_loop_with (EVFLAG_SIGNALFD);
  ev_signal_init (&a, traced_signal, SIGUSR1);
  ev_signal_init (&b, traced_signal, SIGUSR2);
  WATCH (a);
  WATCH (b);
  ev_signal_start (loop, &a);
  ev_signal_start (loop, &b);
  raise (SIGUSR1);
  raise (SIGUSR1);
  raise (SIGUSR2);
  mark (loop, "raised");
  run (loop, EVRUN_ONCE);
  run (loop, EVRUN_NOWAIT);
  ev_signal_stop (loop, &a);
  ev_signal_stop (loop, &b);
  mark (loop, "stopped");
}

SCENARIO (signals, one_loop_after_another)
{
  struct ev_loop *loop = new_loop ();
  struct ev_loop *second = new_loop ();
  ev_signal_init (&a, traced_signal, SIGUSR1);
  ev_signal_init (&b, traced_signal, SIGUSR1);
  WATCH (a);
  WATCH (b);
  ev_signal_start (loop, &a);
  raise (SIGUSR1);
  run (loop, EVRUN_ONCE);
  ev_signal_stop (loop, &a);
  ev_signal_start (second, &b);
  raise (SIGUSR1);
  run (second, EVRUN_ONCE);
  run (loop, EVRUN_NOWAIT);
}
