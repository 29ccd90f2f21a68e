//! Inside of the dynamic linker, nobody parks.
