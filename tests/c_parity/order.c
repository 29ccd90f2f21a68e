/* Who comes first within one iteration: by priority, and by type within one priority. */
#include "parity.h"

#include <signal.h>

static ev_io io;
static ev_timer timer, lowest, low, middle, high, highest;
static ev_periodic periodic;
static ev_signal usr1;
static ev_idle idle;
static ev_prepare prepare, second_prepare;
static ev_check check, second_check;
static ev_async async;

static void
due (ev_timer *w, int priority)
{
  ev_timer_init (w, traced_timer, -1., 0.);
  ev_set_priority (w, priority);
}

SCENARIO (order, higher_priorities_first)
{
  struct ev_loop *loop = new_loop ();
  due (&lowest, EV_MINPRI);
  due (&low, -1);
  due (&middle, 0);
  due (&high, 1);
  due (&highest, EV_MAXPRI);
  WATCH (lowest);
  WATCH (low);
  WATCH (middle);
  WATCH (high);
  WATCH (highest);
  ev_timer_start (loop, &middle);
  ev_timer_start (loop, &lowest);
  ev_timer_start (loop, &highest);
  ev_timer_start (loop, &low);
  ev_timer_start (loop, &high);
  run (loop, 0);
}

SCENARIO (order, priorities_out_of_range_are_brought_in_by_the_start)
{
  struct ev_loop *loop = new_loop ();
  due (&lowest, -100);
  due (&low, EV_MINPRI);
  due (&high, EV_MAXPRI);
  due (&highest, 100);
  WATCH (lowest);
  WATCH (low);
  WATCH (high);
  WATCH (highest);
  value ("before", ev_priority (&lowest));
  value ("before", ev_priority (&highest));
  ev_timer_start (loop, &lowest);
  ev_timer_start (loop, &low);
  ev_timer_start (loop, &high);
  ev_timer_start (loop, &highest);
  value ("after", ev_priority (&lowest));
  value ("after", ev_priority (&highest));
  run (loop, 0);
}

/* Everything that can happen in one iteration, with the priorities that the caller has set. */
static void
everything_at_once (struct ev_loop *loop)
{
  int ends[2];
  make_pipe (ends);
  put (ends[1], "x");
  ev_io_set (&io, ends[0], EV_READ);
  WATCH (io);
  WATCH (timer);
  WATCH (periodic);
  WATCH (usr1);
  WATCH (idle);
  WATCH (prepare);
  WATCH (check);
  WATCH (async);
  ev_io_start (loop, &io);
  ev_timer_start (loop, &timer);
  ev_periodic_start (loop, &periodic);
  ev_signal_start (loop, &usr1);
  ev_idle_start (loop, &idle);
  ev_prepare_start (loop, &prepare);
  ev_check_start (loop, &check);
  ev_async_start (loop, &async);
  mark (loop, "started");
  ev_async_send (loop, &async);
  raise (SIGUSR1);
  mark (loop, "sent and raised");
  run (loop, EVRUN_NOWAIT);
  run (loop, EVRUN_NOWAIT);
}

static void
init_everything (void)
{
  ev_io_init (&io, traced_io, -1, 0);
  ev_timer_init (&timer, traced_timer, -1., 0.);
  ev_periodic_init (&periodic, traced_periodic, 1., 0., 0);
  ev_signal_init (&usr1, traced_signal, SIGUSR1);
  ev_idle_init (&idle, traced_idle);
  ev_prepare_init (&prepare, traced_prepare);
  ev_check_init (&check, traced_check);
  ev_async_init (&async, traced_async);
}

SCENARIO (order, types_within_one_priority)
{
  init_everything ();
  everything_at_once (new_loop ());
}

SCENARIO (order, priority_goes_before_type)
{
  init_everything ();
  ev_set_priority (&io, 1);
  ev_set_priority (&timer, 2);
  ev_set_priority (&periodic, -1);
  ev_set_priority (&usr1, 1);
  ev_set_priority (&idle, 2);
  ev_set_priority (&prepare, -2);
  ev_set_priority (&check, -1);
  ev_set_priority (&async, 2);
  everything_at_once (new_loop ());
}

SCENARIO (order, prepares_and_checks_of_one_priority)
{
  struct ev_loop *loop = new_loop ();
  ev_prepare_init (&prepare, traced_prepare);
  ev_prepare_init (&second_prepare, traced_prepare);
  ev_check_init (&check, traced_check);
  ev_check_init (&second_check, traced_check);
  WATCH (prepare);
  WATCH (second_prepare);
  WATCH (check);
  WATCH (second_check);
  ev_prepare_start (loop, &prepare);
  ev_prepare_start (loop, &second_prepare);
  ev_check_start (loop, &check);
  ev_check_start (loop, &second_check);
  run (loop, EVRUN_NOWAIT);
  ev_prepare_stop (loop, &prepare);
  ev_prepare_start (loop, &prepare);
  ev_check_stop (loop, &check);
  ev_check_start (loop, &check);
  run (loop, EVRUN_NOWAIT);
}

static void
stop_middle (struct ev_loop *loop, ev_timer *w, int revents)
{
  trace (loop, w, revents);
  ev_timer_stop (loop, &middle);
  mark (loop, "middle stopped");
}

SCENARIO (order, a_stop_takes_back_what_is_pending)
{
  struct ev_loop *loop = new_loop ();
  due (&high, 1);
  due (&middle, 0);
  due (&low, -1);
  ev_set_cb (&high, stop_middle);
  WATCH (high);
  WATCH (middle);
  WATCH (low);
  ev_timer_start (loop, &low);
  ev_timer_start (loop, &middle);
  ev_timer_start (loop, &high);
  run (loop, 0);
}

static void
start_high (struct ev_loop *loop, ev_timer *w, int revents)
{
  trace (loop, w, revents);
  ev_timer_start (loop, &high);
  mark (loop, "high started");
}

SCENARIO (order, what_a_callback_starts_has_to_wait_for_the_next_iteration)
{
  struct ev_loop *loop = new_loop ();
  due (&middle, 0);
  due (&low, -1);
  due (&high, 2);
  ev_set_cb (&middle, start_high);
  WATCH (high);
  WATCH (middle);
  WATCH (low);
  ev_timer_start (loop, &middle);
  ev_timer_start (loop, &low);
  run (loop, 0);
}

static void
feed_high (struct ev_loop *loop, ev_timer *w, int revents)
{
  trace (loop, w, revents);
  ev_feed_event (loop, &high, EV_CUSTOM);
  mark (loop, "high fed");
}

SCENARIO (order, what_a_callback_feeds_overtakes_lower_priorities)
{
  struct ev_loop *loop = new_loop ();
  due (&middle, 0);
  due (&low, -1);
  due (&high, 2);
  ev_set_cb (&middle, feed_high);
  WATCH (high);
  WATCH (middle);
  WATCH (low);
  ev_timer_start (loop, &middle);
  ev_timer_start (loop, &low);
  run (loop, 0);
}
