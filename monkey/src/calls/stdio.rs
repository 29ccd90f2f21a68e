//! The C library's functions whose own calls cannot be interposed.
