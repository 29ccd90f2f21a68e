//! Transfers from descriptor to descriptor.
