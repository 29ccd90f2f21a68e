/* Times of the real-time clock: long past, or far away. */
#include "parity.h"

static ev_periodic a, b, c;
static ev_timer timer;
static int times;

SCENARIO (periodics, a_time_that_has_passed_is_due_at_once)
{
  struct ev_loop *loop = new_loop ();
  ev_periodic_init (&a, traced_periodic, 2000., 0., 0);
  ev_periodic_init (&b, traced_periodic, 1000., 0., 0);
  ev_periodic_init (&c, traced_periodic, 1e12, 0., 0);
  WATCH (a);
  WATCH (b);
  WATCH (c);
  ev_periodic_start (loop, &a);
  ev_periodic_start (loop, &b);
  ev_periodic_start (loop, &c);
  mark (loop, "started");
  run (loop, EVRUN_NOWAIT);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (periodics, an_interval_begins_at_the_next_multiple)
{
  struct ev_loop *loop = new_loop ();
  ev_periodic_init (&a, traced_periodic, 1000., 1e10, 0);
  WATCH (a);
  ev_periodic_start (loop, &a);
  mark (loop, "started");
  value ("at", ev_periodic_at (&a));
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (periodics, they_fire_before_timers)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&timer, traced_timer, -1., 0.);
  ev_periodic_init (&a, traced_periodic, 1000., 0., 0);
  WATCH (timer);
  WATCH (a);
  ev_periodic_start (loop, &a);
  ev_timer_start (loop, &timer);
  run (loop, 0);
}

static void
stop_at_third (struct ev_loop *loop, ev_periodic *w, int revents)
{
  trace (loop, w, revents);
  if (++times == 3)
    ev_periodic_stop (loop, w);
}

SCENARIO (periodics, a_short_interval_fires_again_and_again)
{
  struct ev_loop *loop = new_loop ();
  only_order ();
  ev_periodic_init (&a, stop_at_third, 0., 0.001, 0);
  WATCH (a);
  ev_periodic_start (loop, &a);
  run (loop, 0);
}

static ev_tstamp
at_once_twice_then_never (ev_periodic *w, ev_tstamp now)
{
  (void)w;
  value ("rescheduled", times);
  return times++ < 2 ? now : 1e12;
}

SCENARIO (periodics, a_function_says_when)
{
  struct ev_loop *loop = new_loop ();
  ev_periodic_init (&a, traced_periodic, 0., 0., at_once_twice_then_never);
  WATCH (a);
  ev_periodic_start (loop, &a);
  mark (loop, "started");
  for (int i = 0; i < 4; ++i)
    run (loop, EVRUN_NOWAIT);
  value ("at", ev_periodic_at (&a));
}

static ev_tstamp
far_away (ev_periodic *w, ev_tstamp now)
{
  (void)w, (void)now;
  ++times;
  return 1e12 * times;
}

SCENARIO (periodics, again_asks_the_function_anew)
{
  struct ev_loop *loop = new_loop ();
  ev_periodic_init (&a, traced_periodic, 0., 0., far_away);
  WATCH (a);
  ev_periodic_start (loop, &a);
  mark (loop, "started");
  value ("at", ev_periodic_at (&a));
  ev_periodic_again (loop, &a);
  mark (loop, "again");
  value ("at", ev_periodic_at (&a));
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (periodics, set_while_stopped_changes_the_time)
{
  struct ev_loop *loop = new_loop ();
  ev_periodic_init (&a, traced_periodic, 1e12, 0., 0);
  WATCH (a);
  ev_periodic_start (loop, &a);
  run (loop, EVRUN_NOWAIT);
  ev_periodic_stop (loop, &a);
  mark (loop, "stopped");
  ev_periodic_set (&a, 1000., 0., 0);
  ev_periodic_start (loop, &a);
  run (loop, 0);
}

SCENARIO (periodics, higher_priorities_first)
{
  struct ev_loop *loop = new_loop ();
  ev_periodic_init (&a, traced_periodic, 1000., 0., 0);
  ev_periodic_init (&b, traced_periodic, 2000., 0., 0);
  ev_set_priority (&b, 2);
  WATCH (a);
  WATCH (b);
  ev_periodic_start (loop, &a);
  ev_periodic_start (loop, &b);
  run (loop, 0);
}
