//! Shows two traces side by side.

use std::fmt::Write as _;

/// The lines of both traces in one column. Lines that only C has begin with `C`, those that only Rust has with `Rust`.
pub(crate) fn show(c: &str, rust: &str) -> String {
    let (c, rust): (Vec<&str>, Vec<&str>) = (c.lines().collect(), rust.lines().collect());
    let common = common_lengths(&c, &rust);
    let mut report = String::new();
    let (mut i, mut j) = (0, 0);
    while i < c.len() || j < rust.len() {
        let (mark, line);
        if i < c.len() && j < rust.len() && c[i] == rust[j] {
            (mark, line) = ("    ", c[i]);
            i += 1;
            j += 1;
        } else if j == rust.len() || (i < c.len() && common[i + 1][j] >= common[i][j + 1]) {
            (mark, line) = ("C   ", c[i]);
            i += 1;
        } else {
            (mark, line) = ("Rust", rust[j]);
            j += 1;
        }
        let _ = writeln!(report, "  {mark} | {line}");
    }
    report
}

/// The number of lines that the rests of the traces, from line `i` and from line `j`, have in common, at `[i][j]`.
fn common_lengths(c: &[&str], rust: &[&str]) -> Vec<Vec<usize>> {
    let mut lengths = vec![vec![0; rust.len() + 1]; c.len() + 1];
    for i in (0..c.len()).rev() {
        for j in (0..rust.len()).rev() {
            lengths[i][j] = if c[i] == rust[j] {
                lengths[i + 1][j + 1] + 1
            } else {
                lengths[i + 1][j].max(lengths[i][j + 1])
            };
        }
    }
    lengths
}
