/* The C side of `core`: libev, doing what src/core.rs does with hub::core. Each function sets up, does the
 * work `n` times and returns the CPU seconds that took; a negative number is a failure. */
#include <ev.h>

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

double core_cpu_time (void);
double core_timer_start_stop (long n);
double core_io_start_stop (long n);
double core_io_start_stop_told (long n);
double core_callback_round_trip (long n);
double core_callback_batch (long n, long batch);
double core_timers_start (long n, const double *delays);
double core_timers_fire (long n, const double *delays);
double core_ready_pipes (long n, long pipes);

/* CPU time: nothing here waits, and what else the machine does shall not count. */
double
core_cpu_time (void)
{
  struct timespec t;
  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

/* What gevent and hub::core put into each loop: a prepare watcher that runs a queue of callbacks, here as small as it
 * can be. It costs every iteration a look at the clock. */
typedef struct callback { struct callback *next; void (*run) (void *); void *argument; } callback;
typedef struct { ev_prepare prepare; callback *first, **end; } queue;
static queue the_queue;

static void
run_queue (struct ev_loop *loop, ev_prepare *w, int revents)
{
  queue *q = (queue *)w;
  (void)revents;
  while (q->first)
    {
      callback *c = q->first;
      if (!(q->first = c->next))
        q->end = &q->first;
      ev_unref (loop);
      c->run (c->argument);
      free (c);
    }
  ev_now_update (loop);
}

static int
run_callback (struct ev_loop *loop, void (*run) (void *), void *argument)
{
  callback *c = malloc (sizeof *c);
  if (!c)
    return -1;
  c->run = run;
  c->argument = argument;
  c->next = NULL;
  *the_queue.end = c;
  the_queue.end = &c->next;
  ev_ref (loop);
  return 0;
}

static struct ev_loop *
new_loop (void)
{
  struct ev_loop *loop = ev_loop_new (EVBACKEND_EPOLL | EVFLAG_NOENV | EVFLAG_FORKCHECK);
  the_queue.first = NULL;
  the_queue.end = &the_queue.first;
  ev_prepare_init (&the_queue.prepare, run_queue);
  ev_prepare_start (loop, &the_queue.prepare);
  ev_unref (loop);
  return loop;
}

static void
destroy_loop (struct ev_loop *loop)
{
  ev_ref (loop);
  ev_prepare_stop (loop, &the_queue.prepare);
  ev_loop_destroy (loop);
}

static long fired;
static void on_timer (struct ev_loop *loop, ev_timer *w, int revents) { (void)loop, (void)w, (void)revents, ++fired; }
static void on_io (struct ev_loop *loop, ev_io *w, int revents) { (void)loop, (void)w, (void)revents, ++fired; }

double
core_timer_start_stop (long n)
{
  struct ev_loop *loop = new_loop ();
  ev_timer timer;
  ev_timer_init (&timer, on_timer, 1000., 0.);
  double start = core_cpu_time ();
  for (long i = 0; i < n; ++i)
    {
      ev_timer_start (loop, &timer);
      ev_timer_stop (loop, &timer);
    }
  double seconds = core_cpu_time () - start;
  destroy_loop (loop);
  return seconds;
}

/* With `told`, the kernel is told of every change. */
static double
io_start_stop (long n, int told)
{
  int ends[2];
  if (pipe (ends))
    return -1.;
  struct ev_loop *loop = new_loop ();
  ev_io io;
  ev_io_init (&io, on_io, ends[0], EV_READ);
  double start = core_cpu_time ();
  for (long i = 0; i < n; ++i)
    {
      ev_io_start (loop, &io);
      if (told)
        ev_run (loop, EVRUN_NOWAIT);
      ev_io_stop (loop, &io);
      if (told)
        ev_run (loop, EVRUN_NOWAIT);
    }
  double seconds = core_cpu_time () - start;
  destroy_loop (loop);
  close (ends[0]);
  close (ends[1]);
  return seconds;
}

double core_io_start_stop (long n) { return io_start_stop (n, 0); }
double core_io_start_stop_told (long n) { return io_start_stop (n, 1); }

static void count (void *counter) { ++*(long *)counter; }

double
core_callback_batch (long n, long batch)
{
  struct ev_loop *loop = new_loop ();
  long counter = 0;
  double start = core_cpu_time ();
  for (long i = 0; i < n; i += batch)
    {
      for (long j = 0; j < batch; ++j)
        if (run_callback (loop, count, &counter))
          return -1.;
      ev_run (loop, EVRUN_NOWAIT);
    }
  double seconds = core_cpu_time () - start;
  destroy_loop (loop);
  return counter >= n ? seconds : -1.;
}

double core_callback_round_trip (long n) { return core_callback_batch (n, 1); }

/* Starts `n` timers, which are due; with `measured_fire` measures their firing instead. */
static double
many_timers (long n, const double *delays, int measured_fire)
{
  struct ev_loop *loop = new_loop ();
  fired = 0;
  double start = core_cpu_time ();
  ev_timer *timers = calloc (n, sizeof *timers);
  if (!timers)
    return -1.;
  for (long i = 0; i < n; ++i)
    {
      ev_timer_init (&timers[i], on_timer, delays[i], 0.);
      ev_timer_start (loop, &timers[i]);
    }
  double started = core_cpu_time ();
  ev_run (loop, 0);
  double done = core_cpu_time ();
  destroy_loop (loop);
  free (timers);
  return fired < n ? -1. : measured_fire ? done - started : started - start;
}

double core_timers_start (long n, const double *delays) { return many_timers (n, delays, 0); }
double core_timers_fire (long n, const double *delays) { return many_timers (n, delays, 1); }

double
core_ready_pipes (long n, long pipes)
{
  struct ev_loop *loop = new_loop ();
  ev_io *ios = calloc (pipes, sizeof *ios);
  int (*ends)[2] = calloc (pipes, sizeof *ends);
  if (!ios || !ends)
    return -1.;
  for (long i = 0; i < pipes; ++i)
    {
      if (pipe (ends[i]) || write (ends[i][1], "x", 1) != 1)
        return -1.;
      ev_io_init (&ios[i], on_io, ends[i][0], EV_READ);
      ev_io_start (loop, &ios[i]);
    }
  /* libev makes room for more events when it sees that it has too little. */
  for (int i = 0; i < 10; ++i)
    ev_run (loop, EVRUN_NOWAIT);
  fired = 0;
  double start = core_cpu_time ();
  for (long i = 0; i < n; ++i)
    ev_run (loop, EVRUN_NOWAIT);
  double seconds = core_cpu_time () - start;
  for (long i = 0; i < pipes; ++i)
    {
      ev_io_stop (loop, &ios[i]);
      close (ends[i][0]);
      close (ends[i][1]);
    }
  destroy_loop (loop);
  free (ios);
  free (ends);
  return fired == n * pipes ? seconds : -1.;
}
