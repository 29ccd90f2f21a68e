//! This library is empty: the package is for the test in `compile_errors.rs`.
