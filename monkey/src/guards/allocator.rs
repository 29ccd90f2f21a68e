//! Inside of an allocator, nobody parks.
