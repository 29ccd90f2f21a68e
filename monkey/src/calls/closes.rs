//! The end of descriptors: whoever waits for one is woken.
