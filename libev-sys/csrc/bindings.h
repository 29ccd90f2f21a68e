/* The headers that bindgen reads. */
#include "ev.h"
#include "shim.h"
