/* What bindgen reads. */
#include "ev.h"
#include "shim.h"
