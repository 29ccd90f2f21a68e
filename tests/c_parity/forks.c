/* Forks: the loop in the child. The parent waits for it, so that their lines do not mix. */
#include "parity.h"

#include <signal.h>
#include <unistd.h>

static ev_fork forked, second;
static ev_io io;
static ev_timer timer;
static ev_async async;
static ev_signal usr1;

SCENARIO (forks, the_child_is_noticed_when_its_loop_runs)
{
  int ends[2];
  make_pipe (ends);
  put (ends[1], "x");
  struct ev_loop *loop = new_loop ();
  ev_fork_init (&forked, traced_fork);
  ev_fork_init (&second, traced_fork);
  ev_io_init (&io, traced_io, ends[0], EV_READ);
  ev_timer_init (&timer, traced_timer, -1., 0.);
  ev_set_priority (&second, 1);
  WATCH (forked);
  WATCH (second);
  WATCH (io);
  WATCH (timer);
  ev_fork_start (loop, &forked);
  ev_fork_start (loop, &second);
  ev_io_start (loop, &io);
  run (loop, EVRUN_NOWAIT);
  int pid = fork ();
  if (!pid)
    {
      mark (loop, "child");
      ev_timer_start (loop, &timer);
      run (loop, EVRUN_NOWAIT);
      run (loop, EVRUN_NOWAIT);
      _exit (3);
    }
  join_child (pid);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (forks, the_child_tells_the_loop)
{
  struct ev_loop *loop = new_loop ();
  ev_fork_init (&forked, traced_fork);
  WATCH (forked);
  ev_fork_start (loop, &forked);
  run (loop, EVRUN_NOWAIT);
  int pid = fork ();
  if (!pid)
    {
      ev_loop_fork (loop);
      mark (loop, "child");
      run (loop, EVRUN_NOWAIT);
      run (loop, EVRUN_NOWAIT);
      _exit (0);
    }
  join_child (pid);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (forks, a_loop_can_be_told_without_a_fork)
{
  int ends[2];
  make_pipe (ends);
  put (ends[1], "x");
  struct ev_loop *loop = new_loop ();
  ev_fork_init (&forked, traced_fork);
  ev_io_init (&io, traced_io, ends[0], EV_READ);
  WATCH (forked);
  WATCH (io);
  ev_fork_start (loop, &forked);
  ev_io_start (loop, &io);
  run (loop, EVRUN_NOWAIT);
  ev_loop_fork (loop);
  run (loop, EVRUN_NOWAIT);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (forks, sends_and_signals_in_the_child_stay_there)
{
  struct ev_loop *loop = new_loop ();
  ev_async_init (&async, traced_async);
  ev_signal_init (&usr1, traced_signal, SIGUSR1);
  WATCH (async);
  WATCH (usr1);
  ev_async_start (loop, &async);
  ev_signal_start (loop, &usr1);
  run (loop, EVRUN_NOWAIT);
  int pid = fork ();
  if (!pid)
    {
      ev_loop_fork (loop);
      run (loop, EVRUN_NOWAIT);
      ev_async_send (loop, &async);
      raise (SIGUSR1);
      run (loop, EVRUN_ONCE);
      _exit (0);
    }
  join_child (pid);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (forks, a_descriptor_becomes_ready_in_both)
{
  int ends[2];
  make_pipe (ends);
  struct ev_loop *loop = new_loop ();
  ev_io_init (&io, traced_io, ends[0], EV_READ);
  WATCH (io);
  ev_io_start (loop, &io);
  run (loop, EVRUN_NOWAIT);
  int pid = fork ();
  if (!pid)
    {
      ev_loop_fork (loop);
      run (loop, EVRUN_NOWAIT);
      put (ends[1], "x");
      run (loop, EVRUN_ONCE);
      _exit (0);
    }
  join_child (pid);
  run (loop, EVRUN_ONCE);
}
