//! The lookup of names and addresses.
