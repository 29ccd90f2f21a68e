/* Sends: those that come before the loop looks are one. */
#include "parity.h"

#include <pthread.h>

static ev_async a, b;
static ev_timer timer;

SCENARIO (asyncs, several_sends_are_one_event)
{
  struct ev_loop *loop = new_loop ();
  ev_async_init (&a, traced_async);
  WATCH (a);
  ev_async_start (loop, &a);
  mark (loop, "started");
  ev_async_send (loop, &a);
  ev_async_send (loop, &a);
  ev_async_send (loop, &a);
  mark (loop, "sent");
  run (loop, EVRUN_ONCE);
  run (loop, EVRUN_NOWAIT);
}

SCENARIO (asyncs, each_watcher_gets_its_own)
{
  struct ev_loop *loop = new_loop ();
  ev_async_init (&a, traced_async);
  ev_async_init (&b, traced_async);
  WATCH (a);
  WATCH (b);
  ev_async_start (loop, &a);
  ev_async_start (loop, &b);
  ev_async_send (loop, &b);
  ev_async_send (loop, &a);
  run (loop, EVRUN_ONCE);
  ev_async_send (loop, &b);
  run (loop, EVRUN_ONCE);
}

static void
send_b (struct ev_loop *loop, ev_timer *w, int revents)
{
  trace (loop, w, revents);
  ev_async_send (loop, &b);
  mark (loop, "sent");
}

SCENARIO (asyncs, sent_from_a_callback)
{
  struct ev_loop *loop = new_loop ();
  ev_timer_init (&timer, send_b, -1., 0.);
  ev_async_init (&b, traced_async);
  WATCH (timer);
  WATCH (b);
  ev_async_start (loop, &b);
  ev_timer_start (loop, &timer);
  run (loop, EVRUN_ONCE);
  run (loop, EVRUN_ONCE);
}

SCENARIO (asyncs, a_stop_forgets_what_was_sent)
{
  struct ev_loop *loop = new_loop ();
  ev_async_init (&a, traced_async);
  WATCH (a);
  ev_async_start (loop, &a);
  ev_async_send (loop, &a);
  mark (loop, "sent");
  ev_async_stop (loop, &a);
  mark (loop, "stopped");
  run (loop, EVRUN_NOWAIT);
  ev_async_start (loop, &a);
  mark (loop, "started again");
  run (loop, EVRUN_NOWAIT);
}

struct sender { struct ev_loop *loop; ev_async *async; };

static void *
send_some (void *argument)
{
  struct sender *sender = argument;
  for (int i = 0; i < 10; ++i)
    ev_async_send (sender->loop, sender->async);
  return NULL;
}

SCENARIO (asyncs, another_threads_sends_are_one_event)
{
  struct ev_loop *loop = new_loop ();
  ev_async_init (&a, traced_async);
  WATCH (a);
  ev_async_start (loop, &a);
  pthread_t thread;
  struct sender sender = { loop, &a };
  pthread_create (&thread, NULL, send_some, &sender);
  value ("thread failed", pthread_join (thread, NULL));
  mark (loop, "sent");
  run (loop, EVRUN_ONCE);
  run (loop, EVRUN_NOWAIT);
}

static void
stop_self (struct ev_loop *loop, ev_async *w, int revents)
{
  trace (loop, w, revents);
  ev_async_stop (loop, w);
}

SCENARIO (asyncs, another_thread_wakes_a_loop_that_waits)
{
  struct ev_loop *loop = new_loop ();
  only_order ();
  ev_async_init (&a, stop_self);
  WATCH (a);
  ev_async_start (loop, &a);
  pthread_t thread;
  struct sender sender = { loop, &a };
  pthread_create (&thread, NULL, send_some, &sender);
  run (loop, 0);
  value ("thread failed", pthread_join (thread, NULL));
}
