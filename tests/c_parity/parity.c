#include "parity.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The one thing about a loop that ev.h has no function for: how many references keep it running. libev-sys
 * compiles it into libev. */
int ev_shim_loop_activecnt (struct ev_loop *loop);

void parity_begin (int fd, unsigned int backend);

/* The half runs in a process of its own, so that its state may be static. */
static int trace_fd = -1;
static unsigned int backend_under_test;

void
parity_begin (int fd, unsigned int backend)
{
  trace_fd = fd;
  backend_under_test = backend;
}

static void
fail (const char *what)
{
  dprintf (trace_fd, "C: %s failed: %m\n", what);
  _exit (1);
}

/* ---------------------------------------------------------------------------------------------- loops */

/* What hub::core, as gevent, puts into each loop: a prepare watcher that runs the queue of callbacks, an async
 * watcher for other threads, neither of which counts, and a timer for a queue that was not emptied. */
typedef struct
{
  struct ev_loop *loop;
  ev_prepare prepare;
  ev_async wakeup;
  ev_timer timer0;
  callback *first, **end;
  int running;
} furniture;

enum { MOST_LOOPS = 8, CHECK_COUNT = 50 };
static furniture all_furniture[MOST_LOOPS];
ev_tstamp switch_interval = 0.005;

static furniture *
furniture_of (struct ev_loop *loop)
{
  for (int i = 0; i < MOST_LOOPS; ++i)
    if (all_furniture[i].loop == loop)
      return &all_furniture[i];
  errno = 0;
  fail ("furniture_of");
  return NULL;
}

static void
run_queue (struct ev_loop *loop, furniture *f)
{
  ev_timer_stop (loop, &f->timer0);
  ev_tstamp start = ev_now (loop);
  int count = CHECK_COUNT, expired = 0;
  while (f->first && !expired)
    {
      callback *c = f->first;
      if (!(f->first = c->next))
        f->end = &f->first;
      ev_unref (loop);
      if (!c->is_over)
        c->run (loop, c);
      c->is_over = 1;
      if (!--count)
        {
          count = CHECK_COUNT;
          if (f->first)
            {
              ev_now_update (loop);
              expired = ev_now (loop) >= start + switch_interval;
            }
        }
    }
  if (!expired)
    ev_now_update (loop);
  if (f->first)
    {
      ev_timer_set (&f->timer0, 0., 0.);
      ev_timer_start (loop, &f->timer0);
    }
}

static void
on_prepare (struct ev_loop *loop, ev_prepare *w, int revents)
{
  (void)revents;
  furniture *f = w->data;
  ++f->running;
  run_queue (loop, f);
  --f->running;
}

static void on_wakeup (struct ev_loop *loop, ev_async *w, int revents) { (void)loop, (void)w, (void)revents; }
static void on_timer0 (struct ev_loop *loop, ev_timer *w, int revents) { (void)loop, (void)w, (void)revents; }

struct ev_loop *
furnish (struct ev_loop *loop)
{
  if (!loop)
    fail ("making a loop");
  furniture *f = furniture_of (NULL);
  f->loop = loop;
  f->end = &f->first;
  f->prepare.data = f;
  ev_prepare_init (&f->prepare, on_prepare);
  ev_async_init (&f->wakeup, on_wakeup);
  ev_timer_init (&f->timer0, on_timer0, 0., 0.);
  ev_prepare_start (loop, &f->prepare);
  ev_unref (loop);
  ev_async_start (loop, &f->wakeup);
  ev_unref (loop);
  return loop;
}

struct ev_loop *
new_loop_on (unsigned int backend)
{
  return furnish (ev_loop_new (backend | EVFLAG_NOENV | EVFLAG_FORKCHECK));
}

struct ev_loop *
new_loop_with (unsigned int flags)
{
  return new_loop_on (backend_under_test | flags);
}

struct ev_loop *
new_loop (void)
{
  return new_loop_with (0);
}

struct ev_loop *
default_loop (void)
{
  return furnish (ev_default_loop (backend_under_test | EVFLAG_NOENV | EVFLAG_FORKCHECK));
}

void
unfurnish (struct ev_loop *loop)
{
  furniture *f = furniture_of (loop);
  for (callback *c = f->first; c; c = c->next)
    ev_unref (loop);
  ev_ref (loop);
  ev_prepare_stop (loop, &f->prepare);
  ev_ref (loop);
  ev_async_stop (loop, &f->wakeup);
  ev_timer_stop (loop, &f->timer0);
  memset (f, 0, sizeof *f);
}

void
destroy_loop (struct ev_loop *loop)
{
  unfurnish (loop);
  ev_loop_destroy (loop);
}

void
run_callback (struct ev_loop *loop, callback *c, void (*run) (struct ev_loop *, callback *))
{
  furniture *f = furniture_of (loop);
  c->run = run;
  c->is_over = 0;
  c->next = NULL;
  *f->end = c;
  f->end = &c->next;
  ev_ref (loop);
}

int
is_running_callbacks (struct ev_loop *loop)
{
  return furniture_of (loop)->running > 0;
}

void
stop_callback (callback *c)
{
  c->is_over = 1;
}

/* -------------------------------------------------------------------------------------------- the trace */

enum { MOST_WATCHERS = 64 };
static struct { const ev_watcher *watcher; const char *name; int is_async; } watched[MOST_WATCHERS];
static int watched_count;
static int is_only_order;

void
watch (void *watcher, const char *name, int is_async)
{
  if (watched_count == MOST_WATCHERS)
    fail ("watch");
  watched[watched_count].watcher = watcher;
  watched[watched_count].name = name;
  watched[watched_count++].is_async = is_async;
}

void
only_order (void)
{
  is_only_order = 1;
}

/* A line, which is written in one piece. */
static char text[8192];
static size_t length;

static void
add (const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  int n = vsnprintf (text + length, sizeof text - length, format, arguments);
  va_end (arguments);
  if (n < 0 || (length += n) >= sizeof text)
    fail ("add");
}

static void
end_line (void)
{
  add ("\n");
  if (write (trace_fd, text, length) != (ssize_t)length)
    _exit (1);
  length = 0;
}

static void
add_watchers (void)
{
  for (int i = 0; i < watched_count; ++i)
    {
      const ev_watcher *w = watched[i].watcher;
      int is_pending = watched[i].is_async ? ev_async_pending ((const ev_async *)w) : ev_is_pending (w);
      add (" %s%s%s", watched[i].name, ev_is_active (w) ? "+" : "", is_pending ? "!" : "");
    }
}

static void
add_counts (struct ev_loop *loop)
{
  if (!is_only_order)
    {
      add ("  iteration=%u active=%d pending=%u depth=%u :", ev_iteration (loop), ev_shim_loop_activecnt (loop),
           ev_pending_count (loop), ev_depth (loop));
      add_watchers ();
    }
}

static void
add_event (const void *watcher, int revents)
{
  for (int i = 0; i < watched_count; ++i)
    if (watched[i].watcher == watcher)
      {
        add ("%s(%#x)%s", watched[i].name, (unsigned int)revents, ev_is_active (watched[i].watcher) ? "" : " over");
        return;
      }
  errno = 0;
  fail ("trace of a watcher without a name");
}

void
trace (struct ev_loop *loop, void *watcher, int revents)
{
  add_event (watcher, revents);
  add_counts (loop);
  end_line ();
}

void
trace_alone (void *watcher, int revents)
{
  add_event (watcher, revents);
  add_watchers ();
  end_line ();
}

void
mark (struct ev_loop *loop, const char *event)
{
  add ("%s", event);
  add_counts (loop);
  end_line ();
}

void
value (const char *name, long number)
{
  add ("%s = %ld", name, number);
  end_line ();
}

void
run (struct ev_loop *loop, int flags)
{
  mark (loop, ev_run (loop, flags) ? "run: more to come" : "run: nothing left");
}

#undef TRACED
#define TRACED(type) \
  void traced_##type (struct ev_loop *loop, ev_##type *w, int revents) { trace (loop, w, revents); }
TRACED (io)
TRACED (timer)
TRACED (periodic)
TRACED (signal)
TRACED (child)
TRACED (stat)
TRACED (idle)
TRACED (prepare)
TRACED (check)
TRACED (embed)
TRACED (fork)
TRACED (cleanup)
TRACED (async)

/* -------------------------------------------------------------------------------------------- the system */

static void
make_nonblocking (int ends[2])
{
  for (int i = 0; i < 2; ++i)
    if (fcntl (ends[i], F_SETFL, fcntl (ends[i], F_GETFL) | O_NONBLOCK))
      fail ("fcntl");
}

void
make_pipe (int ends[2])
{
  if (pipe (ends))
    fail ("pipe");
  make_nonblocking (ends);
}

void
make_socketpair (int ends[2])
{
  if (socketpair (AF_UNIX, SOCK_STREAM, 0, ends))
    fail ("socketpair");
  make_nonblocking (ends);
}

void
put (int fd, const char *bytes)
{
  if (write (fd, bytes, strlen (bytes)) != (ssize_t)strlen (bytes))
    fail ("write");
}

long
get (int fd, size_t size)
{
  char bytes[4096];
  return read (fd, bytes, size < sizeof bytes ? size : sizeof bytes);
}

void
join_child (int pid)
{
  int status;
  if (waitpid (pid, &status, 0) != pid)
    fail ("waitpid");
  value ("child's status", status);
}
