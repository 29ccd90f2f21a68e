/* gevent's queue of callbacks, which hub::core has inside and the C halves build from a prepare watcher (parity.c). */
#include "parity.h"

static callback first, second, third;
static callback many[120];
static ev_timer timer;
static ev_prepare prepare;
static ev_idle idle;
static int count;

static void mark_first (struct ev_loop *loop, callback *c) { (void)c, mark (loop, "first"); }
static void mark_second (struct ev_loop *loop, callback *c) { (void)c, mark (loop, "second"); }
static void mark_third (struct ev_loop *loop, callback *c) { (void)c, mark (loop, "third"); }

SCENARIO (callbacks, they_run_in_their_order_before_anything_else)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&timer, traced_timer, -1., 0.);
  WATCH (timer);
  ev_timer_start (loop, &timer);
  run_callback (loop, &first, mark_first);
  run_callback (loop, &second, mark_second);
  run_callback (loop, &third, mark_third);
  mark (loop, "queued");
  run (loop, 0);
}

SCENARIO (callbacks, each_keeps_the_loop_running_until_its_turn)
{
  struct ev_loop *loop = new_loop ();
  run_callback (loop, &first, mark_first);
  mark (loop, "one queued");
  run (loop, 0);
  run_callback (loop, &first, mark_first);
  run_callback (loop, &second, mark_second);
  mark (loop, "two queued");
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (callbacks, a_stopped_one_keeps_its_place_and_is_not_called)
{
  struct ev_loop *loop = new_loop ();
  run_callback (loop, &first, mark_first);
  run_callback (loop, &second, mark_second);
  run_callback (loop, &third, mark_third);
  stop_callback (&second);
  mark (loop, "second stopped");
  run (loop, 0);
}

static void
queue_third (struct ev_loop *loop, callback *c)
{
  mark_first (loop, c);
  run_callback (loop, &third, mark_third);
  mark (loop, "third queued");
}

SCENARIO (callbacks, one_queued_by_another_runs_in_the_same_round)
{
  struct ev_loop *loop = new_loop ();
  run_callback (loop, &first, queue_third);
  run_callback (loop, &second, mark_second);
  run (loop, EVRUN_NOWAIT);
}

static void
stop_second (struct ev_loop *loop, callback *c)
{
  mark_first (loop, c);
  stop_callback (&second);
}

SCENARIO (callbacks, one_may_stop_the_next)
{
  struct ev_loop *loop = new_loop ();
  run_callback (loop, &first, stop_second);
  run_callback (loop, &second, mark_second);
  run (loop, 0);
}

static void
start_timer (struct ev_loop *loop, callback *c)
{
  mark_first (loop, c);
  ev_timer_start (loop, &timer);
  mark (loop, "timer started");
}

SCENARIO (callbacks, a_watcher_started_in_one_fires_in_the_same_iteration)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&timer, traced_timer, -1., 0.);
  WATCH (timer);
  run_callback (loop, &first, start_timer);
  run (loop, 0);
}

static void
queue_from_timer (struct ev_loop *loop, ev_timer *w, int revents)
{
  trace (loop, w, revents);
  run_callback (loop, &first, mark_first);
  mark (loop, "queued");
}

SCENARIO (callbacks, one_queued_by_a_watcher_runs_in_the_next_iteration)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&timer, queue_from_timer, -1., 0.);
  WATCH (timer);
  ev_timer_start (loop, &timer);
  run (loop, 0);
}

SCENARIO (callbacks, among_prepare_watchers_priority_decides)
{
  static ev_prepare higher;
  struct ev_loop *loop = new_loop ();
  ev_prepare_init (&prepare, traced_prepare);
  ev_prepare_init (&higher, traced_prepare);
  ev_set_priority (&higher, 1);
  WATCH (prepare);
  WATCH (higher);
  ev_prepare_start (loop, &prepare);
  ev_prepare_start (loop, &higher);
  run_callback (loop, &first, mark_first);
  run (loop, EVRUN_NOWAIT);
}

static void
run_inside (struct ev_loop *loop, callback *c)
{
  mark_first (loop, c);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (callbacks, a_run_inside_one_takes_the_rest)
{
  struct ev_loop *loop = new_loop ();
  run_callback (loop, &first, run_inside);
  run_callback (loop, &second, mark_second);
  run_callback (loop, &third, mark_third);
  run (loop, EVRUN_NOWAIT);
}

static void
count_one (struct ev_loop *loop, callback *c)
{
  (void)loop, (void)c;
  ++count;
}

SCENARIO (callbacks, a_long_queue_lets_watchers_in_after_fifty)
{
  struct ev_loop *loop = new_loop ();
  /* Over at once. */
  switch_interval = 1e-12;
  ev_idle_init (&idle, traced_idle);
  WATCH (idle);
  ev_idle_start (loop, &idle);
  for (int i = 0; i < 120; ++i)
    run_callback (loop, &many[i], count_one);
  for (int i = 0; i < 4; ++i)
    {
      run (loop, EVRUN_NOWAIT);
      value ("called", count);
    }
}

SCENARIO (callbacks, exactly_fifty_are_not_cut)
{
  struct ev_loop *loop = new_loop ();
  switch_interval = 1e-12;
  for (int i = 0; i < 50; ++i)
    run_callback (loop, &many[i], count_one);
  run (loop, EVRUN_NOWAIT);
  value ("called", count);
}

static void
break_loop (struct ev_loop *loop, callback *c)
{
  mark_first (loop, c);
  ev_break (loop, EVBREAK_ONE);
}

SCENARIO (callbacks, a_break_in_one_ends_the_run_after_the_rest)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&timer, traced_timer, -1., 0.);
  WATCH (timer);
  ev_timer_start (loop, &timer);
  run_callback (loop, &first, break_loop);
  run_callback (loop, &second, mark_second);
  run (loop, 0);
}

SCENARIO (callbacks, a_destroyed_loop_forgets_them)
{
  struct ev_loop *loop = new_loop ();
  run_callback (loop, &first, mark_first);
  mark (loop, "queued");
  destroy_loop (loop);
}
