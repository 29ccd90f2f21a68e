/* Paths: made, changed, removed. A callback makes the next change, so that no two can become one. */
#include "parity.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static ev_stat a, b;
static ev_timer timer;
static char folder[] = "/tmp/c_parity.XXXXXX";
static char path[sizeof folder + sizeof "/file"];
static int times;

static void
make_folder (void)
{
  if (!mkdtemp (folder))
    _exit (1);
  snprintf (path, sizeof path, "%s/file", folder);
}

static void
write_file (const char *text)
{
  int fd = open (path, O_WRONLY | O_CREAT | O_APPEND, 0600);
  put (fd, text);
  close (fd);
}

static void
describe (ev_stat *w)
{
  value ("was there", w->prev.st_nlink != 0);
  value ("is there", w->attr.st_nlink != 0);
  value ("size", w->attr.st_nlink ? w->attr.st_size : -1);
}

static void
next_change (struct ev_loop *loop, ev_stat *w, int revents)
{
  trace (loop, w, revents);
  describe (w);
  if (++times == 1)
    write_file ("de");
  else if (times == 2)
    unlink (path);
  else if (times == 3)
    write_file ("f");
  else
    {
      ev_stat_stop (loop, w);
      unlink (path);
      rmdir (folder);
    }
}

static void
create (struct ev_loop *loop, ev_timer *w, int revents)
{
  trace (loop, w, revents);
  write_file ("abc");
}

static void
from_creation_to_removal (struct ev_loop *loop)
{
  make_folder ();
  only_order ();
  ev_stat_init (&a, next_change, path, 0.11);
  ev_timer_init (&timer, create, -1., 0.);
  WATCH (a);
  WATCH (timer);
  ev_stat_start (loop, &a);
  describe (&a);
  ev_timer_start (loop, &timer);
  run (loop, 0);
}

SCENARIO (stats, a_file_from_creation_to_removal)
{
  from_creation_to_removal (new_loop ());
}

SCENARIO (stats, the_same_without_inotify)
{
  from_creation_to_removal (new_loop_with (EVFLAG_NOINOTIFY));
}

static void
describe_and_stop (struct ev_loop *loop, ev_stat *w, int revents)
{
  trace (loop, w, revents);
  describe (w);
  ev_stat_stop (loop, w);
}

SCENARIO (stats, one_watcher_after_another)
{
  make_folder ();
  write_file ("abc");
  struct ev_loop *loop = new_loop ();
  only_order ();
  ev_stat_init (&a, describe_and_stop, path, 0.11);
  ev_stat_init (&b, describe_and_stop, path, 0.11);
  ev_set_priority (&b, 2);
  WATCH (a);
  ev_stat_start (loop, &a);
  describe (&a);
  unlink (path);
  run (loop, 0);
  WATCH (b);
  ev_stat_start (loop, &b);
  describe (&b);
  write_file ("abcd");
  run (loop, 0);
  unlink (path);
  rmdir (folder);
}

SCENARIO (stats, a_start_looks_at_the_path)
{
  make_folder ();
  struct ev_loop *loop = new_loop ();
  ev_stat_init (&a, traced_stat, path, 1000.);
  WATCH (a);
  ev_stat_start (loop, &a);
  mark (loop, "started");
  describe (&a);
  ev_stat_stop (loop, &a);
  mark (loop, "stopped");
  write_file ("abc");
  ev_stat_start (loop, &a);
  describe (&a);
  run (loop, EVRUN_NOWAIT);
  ev_stat_stop (loop, &a);
  unlink (path);
  rmdir (folder);
}
