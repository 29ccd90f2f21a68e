/* What keeps a loop running, and when its run returns. hub::core's `ref` flag of a watcher is libev's advice spelt
 * out: `ev_unref` after the start, `ev_ref` before the stop. */
#include "parity.h"

#include <signal.h>

static ev_io io;
static ev_timer timer, other;
static ev_idle idle;
static ev_prepare prepare;
static ev_check check;
static ev_fork forked;
static ev_async async;
static ev_signal usr1;
static ev_stat stat_;
static ev_periodic periodic;
static ev_cleanup cleanup;

SCENARIO (references, a_run_without_watchers_returns_at_once)
{
  struct ev_loop *loop = new_loop ();
  mark (loop, "new");
  run (loop, 0);
  run (loop, EVRUN_ONCE);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (references, every_type_but_cleanup_counts_from_start_to_stop)
{
  int ends[2];
  make_pipe (ends);
  struct ev_loop *loop = new_loop ();
  ev_io_init (&io, traced_io, ends[0], EV_READ);
  ev_timer_init (&timer, traced_timer, 1000., 0.);
  ev_periodic_init (&periodic, traced_periodic, 1e12, 0., 0);
  ev_signal_init (&usr1, traced_signal, SIGUSR1);
  ev_stat_init (&stat_, traced_stat, "/", 0.);
  ev_idle_init (&idle, traced_idle);
  ev_prepare_init (&prepare, traced_prepare);
  ev_check_init (&check, traced_check);
  ev_fork_init (&forked, traced_fork);
  ev_cleanup_init (&cleanup, traced_cleanup);
  ev_async_init (&async, traced_async);
#define EACH(does)                                                                                    \
  does (io, io), does (timer, timer), does (periodic, periodic), does (signal, usr1),                 \
  does (stat, stat_), does (idle, idle), does (prepare, prepare), does (check, check),                \
  does (fork, forked), does (cleanup, cleanup), does (async, async)
#define START(type, w) (WATCH (w), ev_##type##_start (loop, &w), mark (loop, "started"))
#define STOP(type, w) (ev_##type##_stop (loop, &w), mark (loop, "stopped"))
  EACH (START);
  EACH (STOP);
}

SCENARIO (references, a_watcher_without_ref_does_not_keep_the_loop)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&timer, traced_timer, 1000., 0.);
  WATCH (timer);
  ev_timer_start (loop, &timer);
  ev_unref (loop);
  mark (loop, "started");
  run (loop, 0);
  ev_ref (loop);
  ev_timer_stop (loop, &timer);
  mark (loop, "stopped");
}

static void
give_ref_back (struct ev_loop *loop, ev_timer *w, int revents)
{
  trace (loop, w, revents);
  /* It is over: what was taken after the start. */
  ev_ref (loop);
}

SCENARIO (references, a_watcher_without_ref_fires_while_others_keep_the_loop)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&timer, give_ref_back, -1., 0.);
  ev_timer_init (&other, traced_timer, -1., 0.);
  ev_set_priority (&timer, 1);
  WATCH (timer);
  WATCH (other);
  ev_timer_start (loop, &timer);
  ev_unref (loop);
  ev_timer_start (loop, &other);
  run (loop, 0);
}

SCENARIO (references, ref_changed_while_active_counts_at_once)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&timer, traced_timer, 1000., 0.);
  WATCH (timer);
  ev_timer_start (loop, &timer);
  mark (loop, "started");
  ev_unref (loop);
  mark (loop, "without");
  mark (loop, "still without");
  ev_ref (loop);
  mark (loop, "with");
  ev_unref (loop);
  mark (loop, "without again");
  ev_ref (loop);
  ev_timer_stop (loop, &timer);
  mark (loop, "stopped");
}

static void
unref_loop (struct ev_loop *loop, ev_timer *w, int revents)
{
  trace (loop, w, revents);
  ev_unref (loop);
  mark (loop, "reference given back");
}

SCENARIO (references, the_loops_own_count_keeps_it_running)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&timer, unref_loop, -1., 0.);
  WATCH (timer);
  ev_ref (loop);
  mark (loop, "reference taken");
  run (loop, EVRUN_NOWAIT);
  ev_timer_start (loop, &timer);
  run (loop, 0);
}

static void
stop_other (struct ev_loop *loop, ev_timer *w, int revents)
{
  trace (loop, w, revents);
  ev_timer_stop (loop, &other);
  mark (loop, "other stopped");
}

SCENARIO (references, a_run_ends_when_the_last_watcher_is_stopped)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&timer, stop_other, -1., 0.);
  ev_timer_init (&other, traced_timer, 1000., 0.);
  WATCH (timer);
  WATCH (other);
  ev_timer_start (loop, &other);
  ev_timer_start (loop, &timer);
  run (loop, 0);
}

static void
give_feed_ref_back (struct ev_loop *loop, ev_timer *w, int revents)
{
  trace (loop, w, revents);
  ev_ref (loop);
}

SCENARIO (references, feeding_a_watcher_without_ref_follows_the_same_rule)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&timer, give_feed_ref_back, 0., 0.);
  WATCH (timer);
  ev_feed_event (loop, &timer, EV_CUSTOM);
  ev_unref (loop);
  mark (loop, "fed");
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (references, again_on_a_watcher_without_ref_follows_the_same_rule)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&timer, traced_timer, 1000., 1000.);
  WATCH (timer);
  ev_timer_again (loop, &timer);
  ev_unref (loop);
  mark (loop, "again");
  ev_timer_again (loop, &timer);
  mark (loop, "and again");
  run (loop, 0);
  ev_ref (loop);
  ev_timer_stop (loop, &timer);
  mark (loop, "stopped");
}
