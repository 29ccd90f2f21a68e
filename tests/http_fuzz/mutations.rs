//! Changes of requests.

use crate::Random;

/// What is put in anywhere.
const PIECES: [&[u8]; 26] = [
    b"\r",
    b"\n",
    b"\r\n",
    b"\n\n",
    b"\r\r\n",
    b"\r\n\r\n",
    b"\0",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b"\x0b",
    b"\x0c",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"0",
    b"5",
    b"+",
    b"\"",
    b"\r\n ",
    b"HTTP/1.1",
    b"HTTP/2.0",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
];

/// Changes the input in one way.
pub(crate) fn change(random: &mut Random, input: &mut Vec<u8>) {
    if input.is_empty() {
        return;
    }
    let at = place(random, input);
    match random.below(10) {
        0 => input[at] = random.below(256) as u8,
        1 => input[at] ^= 1 << random.below(8),
        2 | 3 => drop(input.splice(at..at, random.pick(&PIECES).iter().copied())),
        4 => {
            let piece = *random.pick(&PIECES);
            drop(input.splice(at..at + 1, piece.iter().copied()));
        }
        5 => drop(input.remove(at)),
        6 => {
            let to = (at + 1 + random.below(20)).min(input.len());
            drop(input.drain(at..to));
        }
        7 => {
            let to = (at + 1 + random.below(20)).min(input.len());
            let copied = input[at..to].to_vec();
            drop(input.splice(at..at, copied));
        }
        8 => swap_lines(random, input),
        _ => input.truncate(at),
    }
}

/// A place in the input. Beside line ends and signs a change does most.
fn place(random: &mut Random, input: &[u8]) -> usize {
    let at = random.below(input.len());
    match random.one_in(2) {
        true => at,
        false => {
            let special = input[at..].iter().position(|byte| b"\r\n: ;,".contains(byte));
            (at + special.unwrap_or(0)).saturating_sub(random.below(2))
        }
    }
}

fn swap_lines(random: &mut Random, input: &mut Vec<u8>) {
    let mut lines: Vec<&[u8]> = input.split_inclusive(|byte| *byte == b'\n').collect();
    let (one, other) = (random.below(lines.len()), random.below(lines.len()));
    lines.swap(one, other);
    *input = lines.concat();
}
