/* A Redis client: hiredis' asynchronous API on its own libev adapter. Nothing here knows whose loop it is. */
#include <ev.h>
#include <hiredis.h>
#include <async.h>
#include <adapters/libev.h>

#include <stdlib.h>

/* As in lib.rs. */
enum { CONNECTED, CONNECT_FAILED, REPLY, ERROR, NO_REPLY, DISCONNECTED };
typedef void (*report) (void *context, int what, const char *text, size_t length);

typedef struct
{
  redisAsyncContext *redis;
  report report;
  void *context;
} client;

client *hiredis_client_new (struct ev_loop *loop, const char *host, int port, report report, void *context);
int hiredis_client_set (client *c, const char *key, const char *value);
int hiredis_client_get (client *c, const char *key);
void hiredis_client_disconnect (client *c);
void hiredis_client_free (client *c);

static void
tell (client *c, int what, const char *text)
{
  size_t length = 0;
  while (text && text[length])
    ++length;
  c->report (c->context, what, text, length);
}

static void
on_connect (const redisAsyncContext *redis, int status)
{
  client *c = redis->data;
  if (status == REDIS_OK)
    tell (c, CONNECTED, NULL);
  else
    {
      /* hiredis frees it when we return. */
      c->redis = NULL;
      tell (c, CONNECT_FAILED, redis->errstr);
    }
}

static void
on_disconnect (const redisAsyncContext *redis, int status)
{
  client *c = redis->data;
  c->redis = NULL;
  tell (c, DISCONNECTED, status == REDIS_OK ? NULL : redis->errstr);
}

static void
on_reply (redisAsyncContext *redis, void *reply, void *data)
{
  client *c = data;
  redisReply *r = reply;
  (void)redis;
  if (!r)
    tell (c, NO_REPLY, NULL);
  else if (r->type == REDIS_REPLY_STRING || r->type == REDIS_REPLY_STATUS)
    c->report (c->context, REPLY, r->str, r->len);
  else
    tell (c, ERROR, r->type == REDIS_REPLY_ERROR ? r->str : "an unexpected type of reply");
}

client *
hiredis_client_new (struct ev_loop *loop, const char *host, int port, report report, void *context)
{
  client *c = malloc (sizeof *c);
  if (!c)
    return NULL;
  c->report = report;
  c->context = context;
  c->redis = redisAsyncConnect (host, port);
  if (!c->redis || c->redis->err)
    {
      if (c->redis)
        redisAsyncFree (c->redis);
      free (c);
      return NULL;
    }
  c->redis->data = c;
  redisLibevAttach (loop, c->redis);
  redisAsyncSetConnectCallback (c->redis, on_connect);
  redisAsyncSetDisconnectCallback (c->redis, on_disconnect);
  return c;
}

int
hiredis_client_set (client *c, const char *key, const char *value)
{
  return c->redis ? redisAsyncCommand (c->redis, on_reply, c, "SET %s %s", key, value) : REDIS_ERR;
}

int
hiredis_client_get (client *c, const char *key)
{
  return c->redis ? redisAsyncCommand (c->redis, on_reply, c, "GET %s", key) : REDIS_ERR;
}

void
hiredis_client_disconnect (client *c)
{
  if (c->redis)
    redisAsyncDisconnect (c->redis);
}

void
hiredis_client_free (client *c)
{
  if (c->redis)
    {
      /* Its callbacks are called with no reply. */
      redisAsyncContext *redis = c->redis;
      redisAsyncFree (redis);
    }
  free (c);
}
