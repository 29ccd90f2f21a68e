//! While a mutex of the C library's is held, nobody parks.
