/* In the place of client.c where hiredis is not installed: nobody connects. */
#include <stddef.h>

void *hiredis_client_new (void *loop, const char *host, int port, void *report, void *context);
int hiredis_client_set (void *c, const char *key, const char *value);
int hiredis_client_get (void *c, const char *key);
void hiredis_client_disconnect (void *c);
void hiredis_client_free (void *c);

void *
hiredis_client_new (void *loop, const char *host, int port, void *report, void *context)
{
  (void)loop, (void)host, (void)port, (void)report, (void)context;
  return NULL;
}

int hiredis_client_set (void *c, const char *key, const char *value) { return (void)c, (void)key, (void)value, -1; }
int hiredis_client_get (void *c, const char *key) { return (void)c, (void)key, -1; }
void hiredis_client_disconnect (void *c) { (void)c; }
void hiredis_client_free (void *c) { (void)c; }
