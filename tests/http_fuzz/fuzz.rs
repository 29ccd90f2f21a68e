//! Random requests are understood by our server as by hyper, and in the same way however they are cut.
//!
//! `HTTP_FUZZ_REQUESTS` is the number of inputs that both servers get, `HTTP_FUZZ_CUT` that of inputs that are cut at
//! every byte, and `HTTP_FUZZ_SEED` the number of the first one.

use std::collections::BTreeMap;

use gevent::Exception;
use gevent_http_fuzz::differences::{DIFFERENCES, compare};
use gevent_http_fuzz::ours::Ours;
use gevent_http_fuzz::{Random, input, theirs};

/// The inputs have these numbers, or as many others as the environment says.
fn numbers(name: &str, count: u64) -> std::ops::Range<u64> {
    let value = |name: &str| {
        let value = std::env::var(name).ok()?;
        Some(value.parse::<u64>().expect("a number"))
    };
    let first = value("HTTP_FUZZ_SEED").unwrap_or(0) << 32;
    first..first + value(name).unwrap_or(count)
}

#[test]
fn requests_are_understood_as_hyper_does() -> Result<(), Exception> {
    let ours = Ours::new()?;
    let mut found = BTreeMap::new();
    let numbers = numbers("HTTP_FUZZ_REQUESTS", 20_000);
    for number in numbers.clone() {
        let input = input(number);
        let (verdict, _) = ours.serve(&input, &[])?;
        match compare(&input, &verdict, &theirs::serve(&input)) {
            Ok(None) => *found.entry("none").or_insert(0) += 1,
            Ok(Some(kind)) => *found.entry(kind.name).or_insert(0) += 1,
            Err(shown) => panic!("HTTP_FUZZ input {number}: {shown}"),
        }
    }
    println!("{} inputs; differences:", numbers.end - numbers.start);
    for (name, count) in &found {
        println!("{count:9} {name}");
    }
    // The usual inputs have all of them: the list has none that is not needed.
    for difference in &DIFFERENCES {
        let is_few = numbers.end - numbers.start < 20_000;
        assert!(
            is_few || found.contains_key(difference.name),
            "never found: {}",
            difference.name
        );
    }
    Ok(())
}

/// Fails if the server answers otherwise to this input when it comes cut at these places.
fn check_cuts(ours: &Ours, number: u64, input: &[u8], whole: &[Vec<u8>], cuts: &[usize]) -> Result<(), Exception> {
    let (_, answers) = ours.serve(input, cuts)?;
    for (expected, answers) in whole.iter().zip([answers, ours.skip(input, cuts)?]) {
        assert!(
            *expected == answers,
            "HTTP_FUZZ input {number}, cut at {cuts:?}: {}\n\nwhole: {}\n\ncut: {}",
            input.escape_ascii(),
            expected.escape_ascii(),
            answers.escape_ascii()
        );
    }
    Ok(())
}

#[test]
fn answers_do_not_depend_on_the_pieces_of_the_input() -> Result<(), Exception> {
    let ours = Ours::new()?;
    // A few are cut everywhere, and many at some places.
    for (name, count, places) in [("HTTP_FUZZ_CUT", 100, None), ("HTTP_FUZZ_REQUESTS", 3_000, Some(3))] {
        for number in numbers(name, count) {
            let input = input(number);
            // The handler reads the bodies, or leaves them to the server.
            let whole = [ours.serve(&input, &[])?.1, ours.skip(&input, &[])?];
            match places {
                // A long line takes the square of its length.
                None if input.len() > 4096 => {}
                None => {
                    for cut in 1..input.len() {
                        check_cuts(&ours, number, &input, &whole, &[cut])?;
                    }
                    let every: Vec<usize> = (1..input.len()).collect();
                    check_cuts(&ours, number, &input, &whole, &every)?;
                }
                Some(places) if !input.is_empty() => {
                    let mut random = Random::new(number);
                    let mut cuts: Vec<usize> = (0..places).map(|_| random.below(input.len())).collect();
                    cuts.sort_unstable();
                    check_cuts(&ours, number, &input, &whole, &cuts)?;
                }
                Some(_) => {}
            }
        }
    }
    Ok(())
}
