/* The C side of `echo`: a server of plain libev callbacks, the floor for whatever is built on libev. */
#define _GNU_SOURCE /* accept4 */
#include <ev.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int echo_serve (int listener, size_t bytes);
int echo_serve_datagrams (int fd, size_t bytes);

/* All callbacks share one buffer, as each is done with it when it returns. */
static char *buffer;
static size_t buffer_size;

static void
end (struct ev_loop *loop, ev_io *w)
{
  ev_io_stop (loop, w);
  close (w->fd);
  free (w);
}

static int
send_all (int fd, const char *bytes, size_t len)
{
  while (len)
    {
      ssize_t sent = send (fd, bytes, len, MSG_NOSIGNAL);
      if (sent >= 0)
        {
          bytes += sent;
          len -= sent;
        }
      else if (errno == EAGAIN)
        {
          /* So small messages never get here. */
          struct pollfd writable = { fd, POLLOUT, 0 };
          poll (&writable, 1, -1);
        }
      else if (errno != EINTR)
        return -1;
    }
  return 0;
}

static void
on_readable (struct ev_loop *loop, ev_io *w, int revents)
{
  ssize_t got = recv (w->fd, buffer, buffer_size, 0);
  (void)revents;
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (got <= 0 || send_all (w->fd, buffer, got))
    end (loop, w);
}

static void
on_connection (struct ev_loop *loop, ev_io *w, int revents)
{
  int one = 1, fd = accept4 (w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  ev_io *connection;
  (void)revents;
  if (fd < 0)
    return;
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  connection = malloc (sizeof *connection);
  if (!connection)
    {
      close (fd);
      return;
    }
  ev_io_init (connection, on_readable, fd, EV_READ);
  ev_io_start (loop, connection);
}

static void
on_datagram (struct ev_loop *loop, ev_io *w, int revents)
{
  struct sockaddr_storage from;
  socklen_t len = sizeof from;
  ssize_t got = recvfrom (w->fd, buffer, buffer_size, 0, (struct sockaddr *)&from, &len);
  (void)loop, (void)revents;
  if (got >= 0)
    sendto (w->fd, buffer, got, MSG_NOSIGNAL, (struct sockaddr *)&from, len);
}

static int
serve (int fd, size_t bytes, void (*callback) (struct ev_loop *, ev_io *, int))
{
  struct ev_loop *loop = ev_default_loop (0);
  ev_io watcher;
  buffer = malloc (bytes);
  buffer_size = bytes;
  if (!loop || !buffer)
    return -1;
  ev_io_init (&watcher, callback, fd, EV_READ);
  ev_io_start (loop, &watcher);
  ev_run (loop, 0);
  return 0;
}

/* Serves the connections of a non-blocking listener; returns only if there is no loop or no memory. */
int
echo_serve (int listener, size_t bytes)
{
  return serve (listener, bytes, on_connection);
}

/* Serves the datagrams of a non-blocking socket. */
int
echo_serve_datagrams (int fd, size_t bytes)
{
  return serve (fd, bytes, on_datagram);
}
