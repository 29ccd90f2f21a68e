/* What the C halves of the scenarios share: loops furnished as hub::core furnishes its own, and the trace.
 * Its counterpart is trace.rs; README.md explains both. */
#ifndef PARITY_H
#define PARITY_H

#include <stddef.h>
#include <ev.h>

/* The C half of the scenario `topic::name`. Its Rust half is the function `name` in topic.rs. */
#define SCENARIO(topic, name)             \
  void parity_##topic##_##name (void);    \
  void parity_##topic##_##name (void)

/* ---------------------------------------------------------------------------------------------- loops */

/* A loop on the backend under test. */
struct ev_loop *new_loop (void);
/* The same, with these flags besides. */
struct ev_loop *new_loop_with (unsigned int flags);
/* A loop on the backend of our choice. */
struct ev_loop *new_loop_on (unsigned int backend);
/* libev's default loop, on the backend under test. */
struct ev_loop *default_loop (void);
/* Takes the furniture out. */
void unfurnish (struct ev_loop *loop);
/* Takes the furniture out, and destroys the loop. */
void destroy_loop (struct ev_loop *loop);
/* The loop, furnished, that somebody has made. */
struct ev_loop *furnish (struct ev_loop *loop);

/* gevent's queue of callbacks on libev: what `run_callback` does. */
typedef struct callback
{
  void (*run) (struct ev_loop *loop, struct callback *self);
  int is_over;
  struct callback *next;
} callback;

void run_callback (struct ev_loop *loop, callback *c, void (*run) (struct ev_loop *, callback *));
/* Nothing is called; the place in the queue stays. */
void stop_callback (callback *c);
/* gevent updates the loop's clock before it starts a timer in one of them. */
int is_running_callbacks (struct ev_loop *loop);
/* For how long a queue of more than 50 is run at once. */
extern ev_tstamp switch_interval;

/* -------------------------------------------------------------------------------------------- the trace */

/* Makes the watcher a part of the trace, under the name of its variable. */
#define WATCH(w) WATCH_AS (w, #w)
#define WATCH_AS(w, name) watch (&(w), name, _Generic (&(w), ev_async *: 1, default: 0))
void watch (void *watcher, const char *name, int is_async);

/* From here on lines show only what a slow machine cannot change: the events and their order. */
void only_order (void);

/* A callback was called. */
void trace (struct ev_loop *loop, void *watcher, int revents);
/* A callback was called, and the loop is not to be asked any more. */
void trace_alone (void *watcher, int revents);
/* The scenario has come to a point. */
void mark (struct ev_loop *loop, const char *event);
/* The scenario has found out a number. */
void value (const char *name, long number);

/* `ev_run`, and what it returned. */
void run (struct ev_loop *loop, int flags);

/* Callbacks that do nothing but trace. */
#define TRACED(type) void traced_##type (struct ev_loop *loop, ev_##type *w, int revents)
TRACED (io);
TRACED (timer);
TRACED (periodic);
TRACED (signal);
TRACED (child);
TRACED (stat);
TRACED (idle);
TRACED (prepare);
TRACED (check);
TRACED (embed);
TRACED (fork);
TRACED (cleanup);
TRACED (async);

/* -------------------------------------------------------------------------------------------- the system */

/* These end the process when they fail: a trace that is cut short differs. */
void make_pipe (int ends[2]);
void make_socketpair (int ends[2]);
void put (int fd, const char *text);
/* Reads at most `size` bytes, and says how many. */
long get (int fd, size_t size);
/* Waits for a child's end and puts its exit status into the trace. */
void join_child (int pid);

#endif
