//! Only the test is of interest: see `compile_errors.rs`.
