/* The build script preprocesses this file, and never compiles it. The output tells which backends ev.c has after its
 * own checks of the headers, and by the line markers where ev.h is. */
#ifdef LIBEV_SYS_SYSTEM
# include "ev.h"
#else
# include "libev_config.h"
# include "ev.c"
#endif

#undef select
#undef poll
#undef epoll
#undef kqueue
#undef port
#undef linuxaio
#undef iouring

@version EV_VERSION_MAJOR EV_VERSION_MINOR
#ifndef LIBEV_SYS_SYSTEM
@backend select EV_USE_SELECT
@backend poll EV_USE_POLL
@backend epoll EV_USE_EPOLL
@backend kqueue EV_USE_KQUEUE
@backend port EV_USE_PORT
@backend linuxaio EV_USE_LINUXAIO
@backend iouring EV_USE_IOURING
#endif
