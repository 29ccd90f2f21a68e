//! The details of a tree that both print: parents, places of spawn, trees with values.

use gevent::util::{Details, GreenletTree};
use gevent::{Greenlet, SpawnTreeLocals, sleep};

use super::common::TestResult;

const BOTH: [&str; 4] = ["Parent:", "Spawned at:", "Spawn Tree Locals", "Greenlet Locals"];

/// The lines, of each greenlet only what it is. The hub has no fixed place.
fn show(lines: Vec<String>) {
    let hub = lines
        .iter()
        .position(|line| line.starts_with(" +--- <Hub"))
        .unwrap_or_default();
    for (number, line) in lines.into_iter().enumerate() {
        if number == hub || number == hub + 1 && line.contains("Parent:") {
            continue;
        }
        let detail = BOTH.into_iter().find(|detail| line.contains(detail));
        if let Some((detail, (before, value))) = detail.and_then(|detail| Some((detail, line.split_once(detail)?))) {
            println!("{before}{detail}{}", kind(value));
        } else if let Some((before, text)) = line.split_once('<')
            && before.trim_matches([' ', '|', ':', '+', '-']).is_empty()
            && ["Greenlet", "Hub", "greenlet"]
                .iter()
                .any(|what| text.starts_with(what))
        {
            println!("{before}{}", kind(&line));
        }
    }
}

fn kind(text: &str) -> String {
    match text.split_once('<') {
        Some((_, text)) if text.starts_with("Hub") => " Hub".to_owned(),
        Some((_, text)) if text.starts_with("Greenlet") => format!(" {}", text.split('"').nth(1).unwrap_or_default()),
        Some(_) => " main".to_owned(),
        None => text.to_owned(),
    }
}

fn child() -> TestResult {
    sleep(100)
}

fn parent(with_values: bool) -> TestResult {
    if with_values {
        SpawnTreeLocals::current().set("request", 7);
    }
    let g = Greenlet::builder().name("child").spawn(child);
    g.join()
}

pub(crate) fn main() -> TestResult {
    let mut greenlets = Vec::new();
    for name in ["with values", "without"] {
        let g = Greenlet::builder()
            .name(name)
            .spawn(move || parent(name == "with values"));
        greenlets.push(g);
        sleep(0)?;
    }
    sleep(0)?;
    let tree = GreenletTree::current_tree();
    let details = Details {
        running_stacks: false,
        ..Details::default()
    };
    show(tree.format_lines(Details {
        spawning_stacks: false,
        ..details
    }));
    println!("with places");
    show(tree.format_lines(details));
    println!("without details");
    show(tree.format_lines(false));
    Ok(())
}
