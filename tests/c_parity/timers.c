/* Timers: which fire when, and what is left of their time. Times are past, present or far away, so that no
 * scenario depends on how fast the machine is. */
#include "parity.h"

static ev_timer a, b, c, d;

SCENARIO (timers, equal_ones_fire_together)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&a, traced_timer, 0., 0.);
  ev_timer_init (&b, traced_timer, 0., 0.);
  ev_timer_init (&c, traced_timer, 0., 0.);
  ev_timer_init (&d, traced_timer, 0., 0.);
  WATCH (a);
  WATCH (b);
  WATCH (c);
  WATCH (d);
  ev_timer_start (loop, &c);
  ev_timer_start (loop, &a);
  ev_timer_start (loop, &d);
  ev_timer_start (loop, &b);
  mark (loop, "started");
  run (loop, 0);
  destroy_loop (loop);
}

SCENARIO (timers, the_more_overdue_fires_first)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&a, traced_timer, -1., 0.);
  ev_timer_init (&b, traced_timer, -3., 0.);
  ev_timer_init (&c, traced_timer, 0., 0.);
  ev_timer_init (&d, traced_timer, -2., 0.);
  WATCH (a);
  WATCH (b);
  WATCH (c);
  WATCH (d);
  ev_timer_start (loop, &a);
  ev_timer_start (loop, &b);
  ev_timer_start (loop, &c);
  ev_timer_start (loop, &d);
  run (loop, 0);
  destroy_loop (loop);
}

static int times;

static void
stop_at_third (struct ev_loop *loop, ev_timer *w, int revents)
{
  trace (loop, w, revents);
  if (++times == 3)
    {
      ev_timer_stop (loop, w);
      mark (loop, "stopped");
    }
}

SCENARIO (timers, a_repeating_one_fires_until_stopped)
{
  struct ev_loop *loop = new_loop ();
  only_order ();
  ev_timer_init (&a, stop_at_third, 0.001, 0.001);
  WATCH (a);
  ev_timer_start (loop, &a);
  run (loop, 0);
}

SCENARIO (timers, one_that_is_late_does_not_catch_up)
{
  /* The next times, had they been kept, would be in the past as well; it fires once in each iteration. */
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&a, stop_at_third, -1000., 1e-9);
  WATCH (a);
  ev_timer_start (loop, &a);
  run (loop, EVRUN_NOWAIT);
  run (loop, EVRUN_NOWAIT);
  run (loop, EVRUN_NOWAIT);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (timers, again_starts_one_with_its_repeat_time)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&a, traced_timer, 0., 1000.);
  WATCH (a);
  ev_timer_again (loop, &a);
  mark (loop, "again");
  value ("hundreds left", (ev_timer_remaining (loop, &a) + 50.) / 100.);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (timers, again_puts_an_active_one_off)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&a, traced_timer, -1., 1000.);
  ev_timer_init (&b, traced_timer, -1., 0.);
  WATCH (a);
  WATCH (b);
  ev_timer_start (loop, &a);
  ev_timer_start (loop, &b);
  ev_timer_again (loop, &a);
  mark (loop, "again");
  value ("hundreds left", (ev_timer_remaining (loop, &a) + 50.) / 100.);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (timers, again_stops_one_that_does_not_repeat)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&a, traced_timer, -1., 0.);
  WATCH (a);
  ev_timer_start (loop, &a);
  mark (loop, "started");
  ev_timer_again (loop, &a);
  mark (loop, "again");
  run (loop, 0);
}

SCENARIO (timers, again_does_nothing_to_a_stopped_one_that_does_not_repeat)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&a, traced_timer, 1000., 0.);
  WATCH (a);
  ev_timer_again (loop, &a);
  mark (loop, "again");
  value ("hundreds left", (ev_timer_remaining (loop, &a) + 50.) / 100.);
  ev_timer_start (loop, &a);
  ev_timer_stop (loop, &a);
  ev_timer_again (loop, &a);
  mark (loop, "again after a stop");
  value ("hundreds left", (ev_timer_remaining (loop, &a) + 50.) / 100.);
  ev_feed_event (loop, &a, EV_CUSTOM);
  ev_timer_again (loop, &a);
  mark (loop, "again after a feed");
  run (loop, EVRUN_NOWAIT);
}

static void
put_b_off (struct ev_loop *loop, ev_timer *w, int revents)
{
  trace (loop, w, revents);
  ev_timer_again (loop, &b);
  mark (loop, "b again");
}

SCENARIO (timers, again_takes_back_what_is_pending)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&a, put_b_off, -1., 0.);
  ev_timer_init (&b, traced_timer, -1., 1000.);
  ev_set_priority (&a, 1);
  WATCH (a);
  WATCH (b);
  ev_timer_start (loop, &a);
  ev_timer_start (loop, &b);
  run (loop, EVRUN_NOWAIT);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (timers, stop_and_start_keep_what_is_left)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&a, traced_timer, 1000., 0.);
  WATCH (a);
  value ("hundreds left", (ev_timer_remaining (loop, &a) + 50.) / 100.);
  ev_timer_start (loop, &a);
  value ("hundreds left", (ev_timer_remaining (loop, &a) + 50.) / 100.);
  ev_timer_stop (loop, &a);
  mark (loop, "stopped");
  value ("hundreds left", (ev_timer_remaining (loop, &a) + 50.) / 100.);
  ev_timer_start (loop, &a);
  mark (loop, "started again");
  value ("hundreds left", (ev_timer_remaining (loop, &a) + 50.) / 100.);
}

SCENARIO (timers, one_that_has_fired_has_nothing_left)
{
  struct ev_loop *loop = new_loop ();
  only_order ();
  ev_timer_init (&a, traced_timer, 0.001, 0.);
  WATCH (a);
  ev_timer_start (loop, &a);
  run (loop, 0);
  value ("is over", ev_timer_remaining (loop, &a) <= 0.);
  ev_timer_start (loop, &a);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (timers, set_makes_one_fresh)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&a, traced_timer, -1., 0.);
  WATCH (a);
  ev_timer_start (loop, &a);
  run (loop, 0);
  ev_timer_set (&a, 1000., 0.);
  ev_timer_start (loop, &a);
  value ("hundreds left", (ev_timer_remaining (loop, &a) + 50.) / 100.);
  run (loop, EVRUN_NOWAIT);
}

static void
slow_down (struct ev_loop *loop, ev_timer *w, int revents)
{
  trace (loop, w, revents);
  w->repeat = 1000.;
  if (++times == 2)
    value ("hundreds left", (ev_timer_remaining (loop, w) + 50.) / 100.);
}

SCENARIO (timers, a_new_repeat_time_counts_from_the_next_expiry)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&a, slow_down, -1., 1e-9);
  WATCH (a);
  ev_timer_start (loop, &a);
  run (loop, EVRUN_NOWAIT);
  run (loop, EVRUN_NOWAIT);
  run (loop, EVRUN_NOWAIT);
}

static void
become_a_single_one (struct ev_loop *loop, ev_timer *w, int revents)
{
  trace (loop, w, revents);
  w->repeat = 0.;
}

SCENARIO (timers, without_a_repeat_time_a_repeating_one_ends)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&a, become_a_single_one, -1., 1e-9);
  WATCH (a);
  ev_timer_start (loop, &a);
  run (loop, 0);
}

static void
start_again_once (struct ev_loop *loop, ev_timer *w, int revents)
{
  trace (loop, w, revents);
  if (!times++)
    {
      ev_timer_set (w, -1., 0.);
      ev_timer_start (loop, w);
      mark (loop, "started again");
    }
}

SCENARIO (timers, one_may_start_itself_again)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&a, start_again_once, -1., 0.);
  WATCH (a);
  ev_timer_start (loop, &a);
  run (loop, 0);
}

SCENARIO (timers, starting_an_active_one_changes_nothing)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&a, traced_timer, -1., 0.);
  WATCH (a);
  ev_timer_start (loop, &a);
  ev_timer_start (loop, &a);
  mark (loop, "started twice");
  run (loop, 0);
}

static ev_timer many[600];
static int fired, out_of_order;
static double last;

static void
one_of_many (struct ev_loop *loop, ev_timer *w, int revents)
{
  (void)loop, (void)revents;
  double delay = (double)(size_t)w->data;
  ++fired;
  out_of_order += delay < last;
  last = delay;
}

SCENARIO (timers, hundreds_fire_by_their_times)
{
  struct ev_loop *loop = new_loop ();
  unsigned int seed = 1;
  for (int i = 0; i < 600; ++i)
    {
      seed = seed * 1103515245 + 12345;
      size_t delay = seed >> 16 & 0x7fff;
      ev_timer_init (&many[i], one_of_many, delay - 1e5, 0.);
      many[i].data = (void *)delay;
      ev_timer_start (loop, &many[i]);
    }
  for (int i = 0; i < 600; i += 3)
    ev_timer_stop (loop, &many[i]);
  mark (loop, "started");
  run (loop, 0);
  value ("fired", fired);
  value ("out of order", out_of_order);
}

SCENARIO (timers, suspended_time_does_not_count)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&a, traced_timer, 1000., 0.);
  WATCH (a);
  ev_timer_start (loop, &a);
  ev_suspend (loop);
  ev_resume (loop);
  mark (loop, "resumed");
  value ("hundreds left", (ev_timer_remaining (loop, &a) + 50.) / 100.);
  run (loop, EVRUN_NOWAIT);
}
