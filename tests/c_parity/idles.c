/* Idle watchers: whom they lock out, and that they keep the loop from sleeping. */
#include "parity.h"

static ev_idle low, middle, high;
static ev_timer timer;
static ev_check check;
static int times;

static void
init_three (void)
{
  ev_idle_init (&low, traced_idle);
  ev_idle_init (&middle, traced_idle);
  ev_idle_init (&high, traced_idle);
  ev_set_priority (&low, -1);
  ev_set_priority (&high, 1);
  WATCH (low);
  WATCH (middle);
  WATCH (high);
}

SCENARIO (idles, an_active_one_locks_out_those_of_lower_priority)
{
  struct ev_loop *loop = new_loop ();
  init_three ();
  ev_idle_start (loop, &low);
  ev_idle_start (loop, &middle);
  ev_idle_start (loop, &high);
  run (loop, EVRUN_ONCE);
  ev_idle_stop (loop, &high);
  run (loop, EVRUN_ONCE);
  ev_idle_stop (loop, &middle);
  run (loop, EVRUN_ONCE);
  ev_idle_stop (loop, &low);
  run (loop, 0);
}

SCENARIO (idles, an_event_of_the_same_priority_locks_out)
{
  struct ev_loop *loop = new_loop ();
  init_three ();
  ev_timer_init (&timer, traced_timer, -1., 0.);
  WATCH (timer);
  ev_idle_start (loop, &middle);
  ev_timer_start (loop, &timer);
  run (loop, EVRUN_ONCE);
  run (loop, EVRUN_ONCE);
}

SCENARIO (idles, an_event_of_lower_priority_does_not)
{
  struct ev_loop *loop = new_loop ();
  init_three ();
  ev_timer_init (&timer, traced_timer, -1., 0.);
  WATCH (timer);
  ev_idle_start (loop, &high);
  ev_idle_start (loop, &low);
  ev_timer_start (loop, &timer);
  run (loop, EVRUN_ONCE);
  run (loop, EVRUN_ONCE);
}

SCENARIO (idles, all_of_one_priority_are_called)
{
  struct ev_loop *loop = new_loop ();
  init_three ();
  ev_set_priority (&low, 0);
  ev_set_priority (&high, 0);
  ev_idle_start (loop, &middle);
  ev_idle_start (loop, &low);
  ev_idle_start (loop, &high);
  run (loop, EVRUN_ONCE);
  ev_idle_stop (loop, &low);
  run (loop, EVRUN_ONCE);
}

static void
stop_at_fifth (struct ev_loop *loop, ev_idle *w, int revents)
{
  trace (loop, w, revents);
  if (++times == 5)
    ev_idle_stop (loop, w);
}

SCENARIO (idles, the_loop_does_not_sleep)
{
  struct ev_loop *loop = new_loop ();
  ev_idle_init (&middle, stop_at_fifth);
  WATCH (middle);
  ev_idle_start (loop, &middle);
  run (loop, 0);
}

SCENARIO (idles, a_check_watcher_does_not_count_as_an_event)
{
  struct ev_loop *loop = new_loop ();
  init_three ();
  ev_check_init (&check, traced_check);
  ev_set_priority (&check, 2);
  WATCH (check);
  ev_check_start (loop, &check);
  ev_idle_start (loop, &middle);
  run (loop, EVRUN_ONCE);
}
