/* Runs: inside one another, broken off, without waiting, once. */
#include "parity.h"

static ev_timer outer, inner, late;
static ev_prepare prepare;
static ev_check check;
static ev_idle idle;
static ev_io io;
static int how, levels;

static void
break_run (struct ev_loop *loop, ev_timer *w, int revents)
{
  trace (loop, w, revents);
  ev_break (loop, how);
  mark (loop, "broken");
}

static void
run_inside (struct ev_loop *loop, ev_timer *w, int revents)
{
  trace (loop, w, revents);
  ev_timer_start (loop, &inner);
  run (loop, 0);
  mark (loop, "inside is over");
}

static void
nest (struct ev_loop *loop, int break_how)
{
  how = break_how;
  ev_timer_init (&outer, run_inside, -2., 0.);
  ev_timer_init (&inner, break_run, -1., 0.);
  ev_timer_init (&late, traced_timer, 1000., 0.);
  WATCH (outer);
  WATCH (inner);
  WATCH (late);
  ev_timer_start (loop, &outer);
  ev_timer_start (loop, &late);
}

SCENARIO (runs, break_one_ends_the_inner_run)
{
  struct ev_loop *loop = new_loop ();
  nest (loop, EVBREAK_ONE);
  run (loop, EVRUN_ONCE);
}

SCENARIO (runs, break_all_ends_both_runs)
{
  struct ev_loop *loop = new_loop ();
  nest (loop, EVBREAK_ALL);
  run (loop, 0);
}

SCENARIO (runs, a_break_by_any_other_number_ends_both_runs)
{
  struct ev_loop *loop = new_loop ();
  nest (loop, 7);
  run (loop, 0);
}

static void
break_and_think_better_of_it (struct ev_loop *loop, ev_timer *w, int revents)
{
  trace (loop, w, revents);
  ev_break (loop, EVBREAK_ALL);
  ev_break (loop, EVBREAK_CANCEL);
  mark (loop, "not broken");
}

SCENARIO (runs, a_break_can_be_taken_back)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&outer, break_and_think_better_of_it, -1., 0.);
  ev_timer_init (&late, traced_timer, 0.001, 0.);
  WATCH (outer);
  WATCH (late);
  only_order ();
  ev_timer_start (loop, &outer);
  ev_timer_start (loop, &late);
  run (loop, 0);
}

SCENARIO (runs, a_break_lets_pending_callbacks_run)
{
  struct ev_loop *loop = new_loop ();
  how = EVBREAK_ONE;
  ev_timer_init (&outer, break_run, -2., 0.);
  ev_timer_init (&inner, traced_timer, -1., 0.);
  ev_timer_init (&late, traced_timer, 1000., 0.);
  WATCH (outer);
  WATCH (inner);
  WATCH (late);
  ev_timer_start (loop, &outer);
  ev_timer_start (loop, &inner);
  ev_timer_start (loop, &late);
  run (loop, 0);
}

SCENARIO (runs, a_break_before_the_run_is_forgotten)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&outer, traced_timer, -1., 0.);
  WATCH (outer);
  ev_timer_start (loop, &outer);
  ev_break (loop, EVBREAK_ALL);
  run (loop, 0);
}

static void
break_in_prepare (struct ev_loop *loop, ev_prepare *w, int revents)
{
  trace (loop, w, revents);
  ev_break (loop, EVBREAK_ONE);
}

SCENARIO (runs, a_break_before_the_wait_leaves_the_rest_undone)
{
  struct ev_loop *loop = new_loop ();
  ev_prepare_init (&prepare, break_in_prepare);
  ev_check_init (&check, traced_check);
  ev_timer_init (&outer, traced_timer, -1., 0.);
  WATCH (prepare);
  WATCH (check);
  WATCH (outer);
  ev_prepare_start (loop, &prepare);
  ev_check_start (loop, &check);
  ev_timer_start (loop, &outer);
  run (loop, 0);
  ev_prepare_stop (loop, &prepare);
  run (loop, EVRUN_NOWAIT);
}

static void
deeper (struct ev_loop *loop, ev_timer *w, int revents)
{
  trace (loop, w, revents);
  if (++levels < 4)
    {
      ev_timer_set (&inner, -1., 0.);
      ev_timer_start (loop, &inner);
      run (loop, 0);
    }
}

SCENARIO (runs, four_runs_inside_one_another)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&inner, deeper, -1., 0.);
  WATCH (inner);
  ev_timer_start (loop, &inner);
  run (loop, 0);
}

static void
run_with_others_pending (struct ev_loop *loop, ev_timer *w, int revents)
{
  trace (loop, w, revents);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (runs, the_inner_run_begins_with_what_is_pending_outside)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&outer, run_with_others_pending, -3., 0.);
  ev_timer_init (&inner, traced_timer, -2., 0.);
  ev_timer_init (&late, traced_timer, -1., 0.);
  ev_check_init (&check, traced_check);
  WATCH (outer);
  WATCH (inner);
  WATCH (late);
  WATCH (check);
  ev_check_start (loop, &check);
  ev_timer_start (loop, &late);
  ev_timer_start (loop, &inner);
  ev_timer_start (loop, &outer);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (runs, nowait_handles_what_is_ready_and_returns)
{
  int ends[2];
  make_pipe (ends);
  struct ev_loop *loop = new_loop ();
  ev_io_init (&io, traced_io, ends[0], EV_READ);
  ev_timer_init (&late, traced_timer, 1000., 0.);
  WATCH (io);
  WATCH (late);
  ev_timer_start (loop, &late);
  run (loop, EVRUN_NOWAIT);
  put (ends[1], "x");
  ev_io_start (loop, &io);
  run (loop, EVRUN_NOWAIT);
  get (ends[0], 1);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (runs, nowait_and_once_together_do_not_wait)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&inner, traced_timer, -1., 0.);
  ev_timer_init (&late, traced_timer, 1000., 0.);
  WATCH (inner);
  WATCH (late);
  ev_timer_start (loop, &late);
  run (loop, EVRUN_NOWAIT | EVRUN_ONCE);
  ev_timer_start (loop, &inner);
  run (loop, EVRUN_NOWAIT | EVRUN_ONCE);
  run (loop, EVRUN_NOWAIT | EVRUN_ONCE);
}

static int fd_to_write;

static void
write_late (struct ev_loop *loop, ev_timer *w, int revents)
{
  trace (loop, w, revents);
  put (fd_to_write, "x");
}

SCENARIO (runs, once_waits_for_the_first_event_only)
{
  int ends[2];
  make_pipe (ends);
  fd_to_write = ends[1];
  struct ev_loop *loop = new_loop ();
  only_order ();
  ev_io_init (&io, traced_io, ends[0], EV_READ);
  ev_timer_init (&inner, write_late, 0.01, 0.);
  ev_timer_init (&late, traced_timer, 1000., 0.);
  WATCH (io);
  WATCH (inner);
  WATCH (late);
  ev_io_start (loop, &io);
  ev_timer_start (loop, &inner);
  ev_timer_start (loop, &late);
  while (ev_is_active (&inner))
    ev_run (loop, EVRUN_ONCE);
  mark (loop, "written");
  run (loop, EVRUN_ONCE);
}

SCENARIO (runs, each_wait_is_an_iteration)
{
  struct ev_loop *loop = new_loop ();
  ev_idle_init (&idle, traced_idle);
  ev_prepare_init (&prepare, traced_prepare);
  ev_check_init (&check, traced_check);
  WATCH (idle);
  WATCH (prepare);
  WATCH (check);
  ev_idle_start (loop, &idle);
  ev_prepare_start (loop, &prepare);
  ev_check_start (loop, &check);
  run (loop, EVRUN_ONCE);
  run (loop, EVRUN_NOWAIT);
  run (loop, EVRUN_ONCE);
}

static struct ev_loop *other_loop;

static void
run_other (struct ev_loop *loop, ev_timer *w, int revents)
{
  trace (loop, w, revents);
  run (other_loop, 0);
}

SCENARIO (runs, another_loop_runs_inside_a_callback)
{
  struct ev_loop *loop = new_loop ();
  other_loop = new_loop ();
  ev_timer_init (&outer, run_other, -1., 0.);
  ev_timer_init (&inner, traced_timer, -1., 0.);
  WATCH (outer);
  WATCH (inner);
  ev_timer_start (loop, &outer);
  ev_timer_start (other_loop, &inner);
  run (loop, 0);
}
