//! The committed bindings are what bindgen makes of the headers today.

#![cfg(feature = "bindgen")]

#[test]
fn committed_bindings_equal_fresh_ones() {
    let committed = include_str!("../../src/bindings.rs");
    let fresh = include_str!(concat!(env!("OUT_DIR"), "/bindings.rs"));
    for (number, (old, new)) in committed.lines().zip(fresh.lines()).enumerate() {
        assert_eq!(
            old,
            new,
            "src/bindings.rs line {}: see \"Bindings\" in README.md",
            number + 1
        );
    }
    assert!(committed == fresh, "one is longer: see \"Bindings\" in README.md");
}
