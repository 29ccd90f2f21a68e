/* Events that did not happen: `ev_feed_event` and `ev_feed_fd_event`. */
#include "parity.h"

static ev_io reading, writing, both, elsewhere;
static ev_timer timer, other;
static ev_prepare prepare;
static int times;

SCENARIO (feeds, an_active_watcher_gets_what_it_is_fed)
{
  int ends[2];
  make_pipe (ends);
  struct ev_loop *loop = new_loop ();
  ev_io_init (&reading, traced_io, ends[0], EV_READ);
  WATCH (reading);
  ev_io_start (loop, &reading);
  ev_feed_event (loop, &reading, EV_WRITE | EV_CUSTOM);
  mark (loop, "fed");
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (feeds, a_watcher_need_not_be_started)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&timer, traced_timer, 1000., 0.);
  WATCH (timer);
  ev_feed_event (loop, &timer, EV_TIMER);
  mark (loop, "fed");
  run (loop, 0);
  run (loop, 0);
}

SCENARIO (feeds, two_feeds_are_one_event)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&timer, traced_timer, 1000., 0.);
  WATCH (timer);
  ev_feed_event (loop, &timer, EV_TIMER);
  ev_feed_event (loop, &timer, EV_CUSTOM);
  mark (loop, "fed");
  run (loop, 0);
}

SCENARIO (feeds, of_one_priority_the_last_fed_comes_first)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&timer, traced_timer, 1000., 0.);
  ev_timer_init (&other, traced_timer, 1000., 0.);
  ev_prepare_init (&prepare, traced_prepare);
  WATCH (timer);
  WATCH (other);
  WATCH (prepare);
  ev_feed_event (loop, &timer, EV_CUSTOM);
  ev_feed_event (loop, &prepare, EV_CUSTOM);
  ev_feed_event (loop, &other, EV_CUSTOM);
  mark (loop, "fed");
  run (loop, 0);
}

SCENARIO (feeds, a_stop_takes_the_event_back)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&timer, traced_timer, 1000., 0.);
  ev_timer_init (&other, traced_timer, 1000., 0.);
  WATCH (timer);
  WATCH (other);
  ev_feed_event (loop, &timer, EV_CUSTOM);
  ev_feed_event (loop, &other, EV_CUSTOM);
  ev_timer_stop (loop, &timer);
  mark (loop, "fed and stopped");
  run (loop, 0);
}

static void
feed_self (struct ev_loop *loop, ev_timer *w, int revents)
{
  trace (loop, w, revents);
  if (++times < 3)
    {
      ev_feed_event (loop, w, EV_CUSTOM);
      mark (loop, "fed again");
    }
}

SCENARIO (feeds, a_watcher_may_feed_itself)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&timer, feed_self, 1000., 0.);
  WATCH (timer);
  ev_feed_event (loop, &timer, EV_TIMER);
  run (loop, 0);
}

SCENARIO (feeds, a_fed_timer_is_still_due)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&timer, traced_timer, -1., 0.);
  WATCH (timer);
  ev_timer_start (loop, &timer);
  ev_feed_event (loop, &timer, EV_CUSTOM);
  mark (loop, "fed");
  run (loop, 0);
}

static void
watch_socketpair (struct ev_loop *loop, int ends[2])
{
  make_socketpair (ends);
  ev_io_init (&reading, traced_io, ends[0], EV_READ);
  ev_io_init (&writing, traced_io, ends[0], EV_WRITE);
  ev_io_init (&both, traced_io, ends[0], EV_READ | EV_WRITE);
  ev_io_init (&elsewhere, traced_io, ends[1], EV_READ);
  WATCH (reading);
  WATCH (writing);
  WATCH (both);
  WATCH (elsewhere);
  ev_io_start (loop, &reading);
  ev_io_start (loop, &writing);
  ev_io_start (loop, &both);
  ev_io_start (loop, &elsewhere);
}

SCENARIO (feeds, closing_a_descriptor_tells_every_watcher_of_it)
{
  int ends[2];
  struct ev_loop *loop = new_loop ();
  watch_socketpair (loop, ends);
  /* Once libev has told the kernel about it; before, the events of a changed descriptor are dropped. */
  run (loop, EVRUN_NOWAIT);
  unsigned int before = ev_pending_count (loop);
  ev_feed_fd_event (loop, ends[0], 0xFFFF);
  value ("somebody watches", ev_pending_count (loop) > before);
  mark (loop, "fed");
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (feeds, a_descriptor_that_nobody_watches)
{
  int ends[2], more[2];
  make_pipe (more);
  struct ev_loop *loop = new_loop ();
  watch_socketpair (loop, ends);
  run (loop, EVRUN_NOWAIT);
  unsigned int before = ev_pending_count (loop);
  ev_feed_fd_event (loop, more[0], 0xFFFF);
  ev_feed_fd_event (loop, 12345, 0xFFFF);
  ev_feed_fd_event (loop, -1, 0xFFFF);
  value ("somebody watches", ev_pending_count (loop) > before);
  mark (loop, "fed");
}

SCENARIO (feeds, closing_a_descriptor_that_was_just_changed)
{
  int ends[2];
  struct ev_loop *loop = new_loop ();
  watch_socketpair (loop, ends);
  unsigned int before = ev_pending_count (loop);
  ev_feed_fd_event (loop, ends[0], 0xFFFF);
  value ("somebody watches", ev_pending_count (loop) > before);
  mark (loop, "fed");
}
