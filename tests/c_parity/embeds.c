/* One loop inside another. The inner one is always on epoll, which can be embedded; the outer one is on the backend
 * under test. */
#include "parity.h"

static ev_embed embed;
static ev_io io;
static ev_timer timer;
static ev_prepare prepare;
static ev_fork forked;
static struct ev_loop *inner;

static void
sweep (struct ev_loop *loop, ev_embed *w, int revents)
{
  trace (loop, w, revents);
  run (inner, EVRUN_NOWAIT);
}

static void
watch_pipe_inside (int is_ready)
{
  int ends[2];
  make_pipe (ends);
  if (is_ready)
    put (ends[1], "x");
  ev_io_init (&io, traced_io, ends[0], EV_READ);
  WATCH (io);
  ev_io_start (inner, &io);
}

SCENARIO (embeds, the_inner_loop_runs_when_it_has_something_to_do)
{
  struct ev_loop *loop = new_loop ();
  inner = new_loop_on (EVBACKEND_EPOLL);
  watch_pipe_inside (1);
  ev_embed_init (&embed, sweep, inner);
  WATCH (embed);
  ev_embed_start (loop, &embed);
  mark (loop, "started");
  run (loop, EVRUN_ONCE);
  run (loop, EVRUN_ONCE);
}

SCENARIO (embeds, nothing_happens_inside)
{
  struct ev_loop *loop = new_loop ();
  inner = new_loop_on (EVBACKEND_EPOLL);
  watch_pipe_inside (0);
  ev_embed_init (&embed, sweep, inner);
  WATCH (embed);
  ev_embed_start (loop, &embed);
  run (loop, EVRUN_NOWAIT);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (embeds, after_a_stop_the_inner_loop_is_on_its_own)
{
  struct ev_loop *loop = new_loop ();
  inner = new_loop_on (EVBACKEND_EPOLL);
  watch_pipe_inside (1);
  ev_embed_init (&embed, sweep, inner);
  WATCH (embed);
  ev_embed_start (loop, &embed);
  run (loop, EVRUN_ONCE);
  ev_embed_stop (loop, &embed);
  mark (loop, "stopped");
  run (loop, EVRUN_NOWAIT);
  run (inner, EVRUN_NOWAIT);
}

SCENARIO (embeds, with_a_priority)
{
  struct ev_loop *loop = new_loop ();
  inner = new_loop_on (EVBACKEND_EPOLL);
  watch_pipe_inside (1);
  ev_embed_init (&embed, sweep, inner);
  ev_timer_init (&timer, traced_timer, -1., 0.);
  ev_set_priority (&embed, -1);
  WATCH (embed);
  WATCH (timer);
  ev_embed_start (loop, &embed);
  ev_timer_start (loop, &timer);
  run (loop, EVRUN_ONCE);
}

SCENARIO (embeds, the_inner_loop_is_told_of_its_changes_by_the_outer)
{
  /* The outer loop's prepare watcher has the inner one tell the kernel. */
  struct ev_loop *loop = new_loop ();
  inner = new_loop_on (EVBACKEND_EPOLL);
  ev_embed_init (&embed, sweep, inner);
  ev_prepare_init (&prepare, traced_prepare);
  WATCH (embed);
  WATCH (prepare);
  ev_embed_start (loop, &embed);
  ev_prepare_start (loop, &prepare);
  run (loop, EVRUN_NOWAIT);
  watch_pipe_inside (1);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (embeds, destroying_the_inner_loop_ends_it)
{
  struct ev_loop *loop = new_loop ();
  inner = new_loop_on (EVBACKEND_EPOLL);
  ev_embed_init (&embed, sweep, inner);
  WATCH (embed);
  ev_embed_start (loop, &embed);
  mark (loop, "started");
  /* What libev leaves to its user. */
  ev_embed_stop (loop, &embed);
  destroy_loop (inner);
  mark (loop, "destroyed");
  run (loop, 0);
}

SCENARIO (embeds, the_inner_loop_follows_a_fork_of_the_outer)
{
  struct ev_loop *loop = new_loop ();
  inner = new_loop_on (EVBACKEND_EPOLL);
  watch_pipe_inside (1);
  ev_fork_init (&forked, traced_fork);
  WATCH (forked);
  ev_fork_start (inner, &forked);
  ev_embed_init (&embed, sweep, inner);
  WATCH (embed);
  ev_embed_start (loop, &embed);
  run (loop, EVRUN_ONCE);
  ev_loop_fork (loop);
  run (loop, EVRUN_ONCE);
  mark (inner, "inside");
  run (loop, EVRUN_ONCE);
}
