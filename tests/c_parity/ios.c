/* Descriptors: ready, drained, shared, closed, reused, duplicated. What a closed descriptor does differs between
 * backends; on each, it must do the same in both languages. */
#include "parity.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static ev_io a, b, c, d;
static ev_io many[20];
static int fd;

SCENARIO (ios, readable_and_writable)
{
  int ends[2], empty[2];
  make_pipe (ends);
  make_pipe (empty);
  put (ends[1], "x");
  struct ev_loop *loop = new_loop ();
  ev_io_init (&a, traced_io, ends[0], EV_READ);
  ev_io_init (&b, traced_io, ends[1], EV_WRITE);
  ev_io_init (&c, traced_io, empty[0], EV_READ);
  WATCH (a);
  WATCH (b);
  WATCH (c);
  ev_io_start (loop, &a);
  ev_io_start (loop, &b);
  ev_io_start (loop, &c);
  run (loop, EVRUN_NOWAIT);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (ios, watchers_of_one_descriptor_get_what_each_asked_for)
{
  int ends[2];
  make_socketpair (ends);
  put (ends[1], "x");
  struct ev_loop *loop = new_loop ();
  ev_io_init (&a, traced_io, ends[0], EV_READ);
  ev_io_init (&b, traced_io, ends[0], EV_WRITE);
  ev_io_init (&c, traced_io, ends[0], EV_READ | EV_WRITE);
  ev_io_init (&d, traced_io, ends[0], 0);
  WATCH (a);
  WATCH (b);
  WATCH (c);
  WATCH (d);
  ev_io_start (loop, &a);
  ev_io_start (loop, &b);
  ev_io_start (loop, &c);
  ev_io_start (loop, &d);
  run (loop, EVRUN_NOWAIT);
  get (ends[0], 1);
  run (loop, EVRUN_NOWAIT);
  ev_io_stop (loop, &c);
  ev_io_stop (loop, &b);
  mark (loop, "writers stopped");
  run (loop, EVRUN_NOWAIT);
  put (ends[1], "x");
  run (loop, EVRUN_ONCE);
}

static void
take_one (struct ev_loop *loop, ev_io *w, int revents)
{
  trace (loop, w, revents);
  value ("read", get (fd, 1));
}

SCENARIO (ios, one_fires_until_the_descriptor_is_drained)
{
  int ends[2];
  make_pipe (ends);
  fd = ends[0];
  put (ends[1], "abc");
  struct ev_loop *loop = new_loop ();
  ev_io_init (&a, take_one, ends[0], EV_READ);
  WATCH (a);
  ev_io_start (loop, &a);
  for (int i = 0; i < 5; ++i)
    run (loop, EVRUN_NOWAIT);
}

static void
take_to_the_end (struct ev_loop *loop, ev_io *w, int revents)
{
  trace (loop, w, revents);
  long n = get (fd, 100);
  value ("read", n);
  if (!n)
    ev_io_stop (loop, w);
}

SCENARIO (ios, the_end_of_a_stream_is_readable)
{
  int ends[2];
  make_socketpair (ends);
  fd = ends[0];
  put (ends[1], "abc");
  close (ends[1]);
  struct ev_loop *loop = new_loop ();
  ev_io_init (&a, take_to_the_end, ends[0], EV_READ);
  WATCH (a);
  ev_io_start (loop, &a);
  run (loop, 0);
}

SCENARIO (ios, a_pipe_whose_other_end_is_closed)
{
  int first[2], second[2];
  make_pipe (first);
  make_pipe (second);
  struct ev_loop *loop = new_loop ();
  ev_io_init (&a, traced_io, first[0], EV_READ);
  ev_io_init (&b, traced_io, second[1], EV_WRITE);
  WATCH (a);
  WATCH (b);
  ev_io_start (loop, &a);
  run (loop, EVRUN_NOWAIT);
  close (first[1]);
  run (loop, EVRUN_ONCE);
  ev_io_stop (loop, &a);
  close (second[0]);
  ev_io_start (loop, &b);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (ios, a_file_is_always_ready)
{
  int file = open ("/etc/passwd", O_RDONLY);
  struct ev_loop *loop = new_loop ();
  ev_io_init (&a, traced_io, file, EV_READ);
  ev_io_init (&b, traced_io, file, EV_WRITE);
  WATCH (a);
  WATCH (b);
  ev_io_start (loop, &a);
  run (loop, EVRUN_NOWAIT);
  run (loop, EVRUN_NOWAIT);
  ev_io_start (loop, &b);
  run (loop, EVRUN_NOWAIT);
  ev_io_stop (loop, &a);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (ios, priority_decides_between_descriptors)
{
  int first[2], second[2], third[2];
  make_pipe (first);
  make_pipe (second);
  make_pipe (third);
  struct ev_loop *loop = new_loop ();
  ev_io_init (&a, traced_io, first[1], EV_WRITE);
  ev_io_init (&b, traced_io, second[1], EV_WRITE);
  ev_io_init (&c, traced_io, third[1], EV_WRITE);
  ev_set_priority (&a, -1);
  ev_set_priority (&c, 2);
  WATCH (a);
  WATCH (b);
  WATCH (c);
  ev_io_start (loop, &a);
  ev_io_start (loop, &b);
  ev_io_start (loop, &c);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (ios, many_descriptors_at_once)
{
  static const char *const names[] = {
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19"
  };
  struct ev_loop *loop = new_loop ();
  for (int i = 0; i < 20; ++i)
    {
      int ends[2];
      make_pipe (ends);
      if (i % 3)
        put (ends[1], "x");
      ev_io_init (&many[i], traced_io, ends[0], EV_READ);
      WATCH_AS (many[i], names[i]);
      ev_io_start (loop, &many[i]);
    }
  run (loop, EVRUN_NOWAIT);
  for (int i = 0; i < 20; i += 2)
    ev_io_stop (loop, &many[i]);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (ios, changes_before_the_wait_are_told_to_the_kernel_once)
{
  int ends[2];
  make_socketpair (ends);
  put (ends[1], "x");
  struct ev_loop *loop = new_loop ();
  ev_io_init (&a, traced_io, ends[0], EV_READ);
  ev_io_init (&b, traced_io, ends[0], EV_WRITE);
  WATCH (a);
  WATCH (b);
  for (int i = 0; i < 3; ++i)
    {
      ev_io_start (loop, &a);
      ev_io_start (loop, &b);
      ev_io_stop (loop, &a);
    }
  mark (loop, "to and fro");
  run (loop, EVRUN_NOWAIT);
  ev_io_stop (loop, &b);
  ev_io_start (loop, &b);
  run (loop, EVRUN_NOWAIT);
  ev_io_stop (loop, &b);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (ios, other_events_and_another_descriptor_while_stopped)
{
  int first[2], second[2];
  make_socketpair (first);
  make_socketpair (second);
  put (second[1], "x");
  struct ev_loop *loop = new_loop ();
  ev_io_init (&a, traced_io, first[0], EV_READ);
  WATCH (a);
  ev_io_start (loop, &a);
  run (loop, EVRUN_NOWAIT);
  ev_io_stop (loop, &a);
  ev_io_set (&a, first[0], EV_WRITE);
  ev_io_start (loop, &a);
  run (loop, EVRUN_NOWAIT);
  ev_io_stop (loop, &a);
  ev_io_set (&a, second[0], EV_READ);
  ev_io_start (loop, &a);
  run (loop, EVRUN_NOWAIT);
}

static void
drop_b (struct ev_loop *loop, ev_io *w, int revents)
{
  trace (loop, w, revents);
  ev_io_stop (loop, &b);
  mark (loop, "b stopped");
}

SCENARIO (ios, one_stopped_by_another_does_not_fire)
{
  int ends[2];
  make_socketpair (ends);
  put (ends[1], "x");
  struct ev_loop *loop = new_loop ();
  ev_io_init (&a, drop_b, ends[0], EV_READ);
  ev_io_init (&b, traced_io, ends[0], EV_WRITE);
  ev_set_priority (&a, 1);
  WATCH (a);
  WATCH (b);
  ev_io_start (loop, &b);
  ev_io_start (loop, &a);
  run (loop, EVRUN_NOWAIT);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (ios, closed_before_the_first_wait)
{
  int ends[2], other[2];
  make_pipe (ends);
  make_pipe (other);
  put (other[1], "x");
  struct ev_loop *loop = new_loop ();
  ev_io_init (&a, traced_io, ends[0], EV_READ);
  ev_io_init (&b, traced_io, other[0], EV_READ);
  WATCH (a);
  WATCH (b);
  ev_io_start (loop, &a);
  ev_io_start (loop, &b);
  close (ends[0]);
  run (loop, EVRUN_NOWAIT);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (ios, closed_while_watched)
{
  int ends[2], other[2];
  make_pipe (ends);
  make_pipe (other);
  put (other[1], "x");
  struct ev_loop *loop = new_loop ();
  ev_io_init (&a, traced_io, ends[0], EV_READ);
  ev_io_init (&b, traced_io, other[0], EV_READ);
  WATCH (a);
  WATCH (b);
  ev_io_start (loop, &a);
  ev_io_start (loop, &b);
  run (loop, EVRUN_NOWAIT);
  close (ends[0]);
  run (loop, EVRUN_NOWAIT);
  run (loop, EVRUN_NOWAIT);
  mark (loop, "closed");
  ev_io_stop (loop, &a);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (ios, closed_and_then_told_to_the_kernel_again)
{
  int ends[2];
  make_socketpair (ends);
  struct ev_loop *loop = new_loop ();
  ev_io_init (&a, traced_io, ends[0], EV_READ);
  ev_io_init (&b, traced_io, ends[0], EV_READ);
  WATCH (a);
  WATCH (b);
  ev_io_start (loop, &a);
  ev_io_start (loop, &b);
  run (loop, EVRUN_NOWAIT);
  close (ends[0]);
  ev_io_stop (loop, &b);
  ev_io_stop (loop, &a);
  ev_io_start (loop, &a);
  run (loop, EVRUN_NOWAIT);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (ios, the_number_of_a_closed_one_is_reused)
{
  int first[2], second[2];
  make_pipe (first);
  make_pipe (second);
  put (second[1], "x");
  struct ev_loop *loop = new_loop ();
  ev_io_init (&a, traced_io, first[0], EV_READ);
  WATCH (a);
  ev_io_start (loop, &a);
  run (loop, EVRUN_NOWAIT);
  ev_io_stop (loop, &a);
  dup2 (second[0], first[0]);
  ev_io_set (&a, first[0], EV_READ);
  ev_io_start (loop, &a);
  run (loop, EVRUN_NOWAIT);
  get (second[0], 1);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (ios, the_number_is_reused_while_watched)
{
  int first[2], second[2];
  make_pipe (first);
  make_pipe (second);
  put (second[1], "x");
  struct ev_loop *loop = new_loop ();
  ev_io_init (&a, traced_io, first[0], EV_READ);
  ev_io_init (&b, traced_io, first[0], EV_READ);
  WATCH (a);
  WATCH (b);
  ev_io_start (loop, &a);
  run (loop, EVRUN_NOWAIT);
  dup2 (second[0], first[0]);
  run (loop, EVRUN_NOWAIT);
  ev_io_start (loop, &b);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (ios, a_duplicate_is_a_descriptor_of_its_own)
{
  int ends[2];
  make_pipe (ends);
  struct ev_loop *loop = new_loop ();
  int copy = dup (ends[0]);
  ev_io_init (&a, traced_io, ends[0], EV_READ);
  ev_io_init (&b, traced_io, copy, EV_READ);
  WATCH (a);
  WATCH (b);
  ev_io_start (loop, &a);
  ev_io_start (loop, &b);
  put (ends[1], "x");
  run (loop, EVRUN_NOWAIT);
  ev_io_stop (loop, &a);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (ios, the_original_is_closed_and_a_duplicate_is_left)
{
  int ends[2];
  make_pipe (ends);
  struct ev_loop *loop = new_loop ();
  ev_io_init (&a, traced_io, ends[0], EV_READ);
  WATCH (a);
  ev_io_start (loop, &a);
  run (loop, EVRUN_NOWAIT);
  int copy = dup (ends[0]);
  ev_io_init (&b, traced_io, copy, EV_READ);
  WATCH (b);
  ev_io_start (loop, &b);
  ev_io_stop (loop, &a);
  close (ends[0]);
  put (ends[1], "x");
  run (loop, EVRUN_NOWAIT);
  run (loop, EVRUN_NOWAIT);
}

static int
listen_on (struct sockaddr_in *address)
{
  socklen_t size = sizeof *address;
  int listener = socket (AF_INET, SOCK_STREAM, 0);
  memset (address, 0, sizeof *address);
  address->sin_family = AF_INET;
  address->sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  if (bind (listener, (struct sockaddr *)address, size) || listen (listener, 8)
      || getsockname (listener, (struct sockaddr *)address, &size))
    abort ();
  return listener;
}

static int
is_accepted (struct sockaddr_in *address)
{
  int client = socket (AF_INET, SOCK_STREAM, 0);
  int failed = connect (client, (struct sockaddr *)address, sizeof *address);
  close (client);
  return !failed;
}

/* With linux_aio the kernel has a request for a watched descriptor, which keeps the file behind it open: a listener
 * that is closed goes on, until the loop has run again, and a moment longer. A shutdown ends it at once. */
SCENARIO (ios, a_closed_listener)
{
  struct sockaddr_in address;
  int i;
  struct ev_loop *loop = new_loop ();
  for (i = 0; i < 2; ++i)
    {
      fd = listen_on (&address);
      ev_io_init (&a, traced_io, fd, EV_READ);
      ev_io_start (loop, &a);
      ev_run (loop, EVRUN_NOWAIT);
      ev_io_stop (loop, &a);
      if (i)
        shutdown (fd, SHUT_RDWR);
      close (fd);
      value ("accepts when closed", is_accepted (&address));
    }
}
