/* The end of a loop: cleanup watchers, and watchers that are still active. libev stops nothing by itself; hub::core
 * stops everything first, as libev's manual advises, and the C halves do the same by hand. */
#include "parity.h"

#include <signal.h>
#include <unistd.h>

static ev_cleanup first, second, third;
static ev_io io;
static ev_timer timer;
static ev_signal usr1;
static ev_async async;
static ev_idle idle;
static ev_fork forked;
static ev_stat stat_;

static void
alone (struct ev_loop *loop, ev_cleanup *w, int revents)
{
  (void)loop;
  trace_alone (w, revents);
}

SCENARIO (ends, cleanup_watchers_are_called)
{
  struct ev_loop *loop = new_loop ();
  ev_cleanup_init (&first, alone);
  WATCH (first);
  ev_cleanup_start (loop, &first);
  mark (loop, "started");
  run (loop, 0);
  destroy_loop (loop);
}

SCENARIO (ends, cleanup_watchers_by_priority)
{
  struct ev_loop *loop = new_loop ();
  ev_cleanup_init (&first, alone);
  ev_cleanup_init (&second, alone);
  ev_cleanup_init (&third, alone);
  ev_set_priority (&third, 1);
  WATCH (first);
  WATCH (second);
  WATCH (third);
  ev_cleanup_start (loop, &first);
  ev_cleanup_start (loop, &second);
  ev_cleanup_start (loop, &third);
  destroy_loop (loop);
}

SCENARIO (ends, a_stopped_cleanup_watcher_is_not_called)
{
  struct ev_loop *loop = new_loop ();
  ev_cleanup_init (&first, alone);
  ev_cleanup_init (&second, alone);
  WATCH (first);
  WATCH (second);
  ev_cleanup_start (loop, &first);
  ev_cleanup_start (loop, &second);
  ev_cleanup_stop (loop, &first);
  mark (loop, "stopped");
  destroy_loop (loop);
}

SCENARIO (ends, a_fed_cleanup_watcher_is_called_at_once)
{
  struct ev_loop *loop = new_loop ();
  ev_cleanup_init (&first, traced_cleanup);
  WATCH (first);
  ev_feed_event (loop, &first, EV_CUSTOM);
  run (loop, 0);
  destroy_loop (loop);
}

static void
start_all (struct ev_loop *loop)
{
  int ends[2];
  make_pipe (ends);
  put (ends[1], "x");
  ev_io_init (&io, traced_io, ends[0], EV_READ);
  ev_timer_init (&timer, traced_timer, 1000., 0.);
  ev_signal_init (&usr1, traced_signal, SIGUSR1);
  ev_async_init (&async, traced_async);
  ev_idle_init (&idle, traced_idle);
  ev_fork_init (&forked, traced_fork);
  ev_stat_init (&stat_, traced_stat, "/", 0.);
  ev_cleanup_init (&first, alone);
  WATCH (io);
  WATCH (timer);
  WATCH (usr1);
  WATCH (async);
  WATCH (idle);
  WATCH (forked);
  WATCH (stat_);
  WATCH (first);
  ev_io_start (loop, &io);
  ev_timer_start (loop, &timer);
  ev_signal_start (loop, &usr1);
  ev_async_start (loop, &async);
  ev_idle_start (loop, &idle);
  ev_fork_start (loop, &forked);
  ev_stat_start (loop, &stat_);
  ev_cleanup_start (loop, &first);
}

static void
destroy_all (struct ev_loop *loop)
{
  ev_io_stop (loop, &io);
  ev_timer_stop (loop, &timer);
  ev_signal_stop (loop, &usr1);
  ev_async_stop (loop, &async);
  ev_idle_stop (loop, &idle);
  ev_fork_stop (loop, &forked);
  ev_stat_stop (loop, &stat_);
  destroy_loop (loop);
  /* libev goes without marking it as stopped, which hub::core makes good. */
  ev_cleanup_init (&first, alone);
}

SCENARIO (ends, active_watchers_are_stopped)
{
  struct ev_loop *loop = new_loop ();
  start_all (loop);
  run (loop, EVRUN_NOWAIT);
  destroy_all (loop);
  /* The signal is free for another loop, and has its default action until then. */
  loop = new_loop ();
  ev_signal_start (loop, &usr1);
  raise (SIGUSR1);
  run (loop, EVRUN_ONCE);
}

SCENARIO (ends, pending_events_are_forgotten)
{
  struct ev_loop *loop = new_loop ();
  start_all (loop);
  ev_feed_event (loop, &timer, EV_CUSTOM);
  ev_feed_event (loop, &io, EV_CUSTOM);
  mark (loop, "fed");
  destroy_all (loop);
  value ("active", ev_is_active (&timer));
  value ("pending", ev_is_pending (&timer));
}

SCENARIO (ends, the_default_loop_can_be_made_anew)
{
  struct ev_loop *loop = default_loop ();
  start_all (loop);
  run (loop, EVRUN_NOWAIT);
  destroy_all (loop);
  loop = default_loop ();
  mark (loop, "made anew");
  ev_timer_set (&timer, -1., 0.);
  ev_timer_start (loop, &timer);
  run (loop, 0);
}

SCENARIO (ends, nothing_of_a_loop_is_left_open)
{
  int before[2], after[2];
  make_pipe (before);
  struct ev_loop *loop = new_loop ();
  start_all (loop);
  run (loop, EVRUN_NOWAIT);
  destroy_all (loop);
  make_pipe (after);
  value ("first free descriptor has moved by", after[0] - before[0]);
}
