//! Who has spawned whom: the counterpart of `TestTree`.

use gevent::util::{Details, GreenletTree};
use gevent::{
    AnyGreenlet, Exception, Greenlet, RawGreenlet, SpawnTreeLocals, Value, get_hub, getcurrent, joinall, sleep, spawn,
};

use crate::support::{TestResult, bounded};

/// The lines of a tree without addresses and places.
fn normalized(lines: &[String]) -> Vec<String> {
    let mut normal = Vec::new();
    for line in lines {
        let mut text = String::new();
        let mut rest = line.as_str();
        while let Some(at) = rest.find("0x") {
            text.push_str(&rest[..at]);
            text.push('X');
            rest = rest[at + 2..].trim_start_matches(|c: char| c.is_ascii_hexdigit());
        }
        text.push_str(rest);
        if let Some(at) = text.find(": spawned at ") {
            let end = text[at..].find('>').map_or(text.len(), |end| at + end);
            text.replace_range(at..end, "");
        }
        if let (Some(at), Some(end)) = (text.find("<Hub"), text.rfind('>')) {
            text.replace_range(at..=end, "<HUB>");
        }
        if let Some(at) = text.find(") at tests/") {
            text.truncate(at + 1);
        }
        if !text.contains("Age:") && !text.contains("Waiting at:") {
            normal.push(text);
        }
    }
    normal
}

/// A greenlet of that name, which spawns `child` and then waits.
fn spawner(name: &'static str, child: impl FnOnce() + 'static) -> Greenlet<()> {
    let greenlet = Greenlet::builder().name(name).build(move || {
        child();
        sleep(100)
    });
    greenlet.start().expect("there is a hub");
    greenlet
}

#[test]
fn test_tree() -> TestResult {
    gevent::run(tree)
}

fn tree() -> TestResult {
    let _bounded = bounded();
    let hub = get_hub();
    let first = spawner("t2", || drop(spawner("t1", || ())));
    // This one ends, but what it has spawned goes on.
    let ended = Greenlet::builder().name("ended").spawn(|| spawner("left", || ()));
    let failed = Greenlet::builder().name("fails").build(|| {
        spawner("also left", || ());
        Err::<(), _>(Exception::msg("on purpose"))
    });
    hub.set_not_error(|_| true);
    failed.start()?;
    let third = spawner("t3", || {
        SpawnTreeLocals::current().set("stl", "STL");
        spawner("t4", || drop(spawner("t5", || ())));
    });
    let asks = Greenlet::builder().name("asks").build(|| {
        sleep(0)?;
        sleep(0)?;
        sleep(0)?;
        Ok::<_, Exception>(GreenletTree::current_tree())
    });
    asks.start()?;
    asks.join()?;
    // The tree has a handle of the greenlet, which must not keep the tree.
    let tree = asks.take().expect("it has ended well");
    assert!(tree.root() && tree.is_current_tree());
    assert_eq!(tree.greenlet(), &getcurrent());
    let details = Details {
        running_stacks: false,
        spawning_stacks: false,
        ..Details::default()
    };
    let expected = r#"<greenlet at X current main>
 :    Parent: None
 +--- <HUB>
 :          Parent: <greenlet at X current main>
 +--- <Greenlet "t2" at X>
 :          Parent: <HUB>
 |    +--- <Greenlet "t1" at X>
 :                Parent: <HUB>
 +--- <Greenlet "ended" at X>; finished
 :          Parent: <HUB>
 |    +--- <Greenlet "left" at X>
 :                Parent: <HUB>
 +--- <Greenlet "fails" at X>; finished with exception Message("on purpose")
 :          Parent: <HUB>
 |    +--- <Greenlet "also left" at X>
 :                Parent: <HUB>
 +--- <Greenlet "t3" at X>
 :          Parent: <HUB>
 :          Spawn Tree Locals
 :          {"stl"}
 |    +--- <Greenlet "t4" at X>
 :                Parent: <HUB>
 |         +--- <Greenlet "t5" at X>
 :                      Parent: <HUB>
 +--- <Greenlet "asks" at X>; finished
            Parent: <HUB>"#;
    assert_eq!(normalized(&tree.format_lines(details)).join("\n"), expected);
    // The simple output.
    let plain = tree.to_string();
    assert_eq!(plain.lines().count(), 12);
    assert!(!plain.contains("Parent"), "{plain}");
    drop((first, ended, third));
    Ok(())
}

/// Raw greenlets are below the root, whatever their parents are, and before the others.
#[test]
fn test_forest_fake_parent() -> TestResult {
    gevent::run(forest_fake_parent)
}

fn forest_fake_parent() -> TestResult {
    let main = getcurrent();
    let raw = RawGreenlet::new(move |_| {
        let tree = GreenletTree::forest().remove(0);
        main.switch(Value::new(tree.to_string()))
    });
    let before = spawn(|| sleep(100));
    let below = RawGreenlet::builder().parent(&raw).build(|_| Ok(Value::None));
    let text = raw.switch(())?.downcast::<String>().expect("it is the text");
    let lines = normalized(&text.lines().map(str::to_owned).collect::<Vec<_>>());
    let expected = [
        "<greenlet at X suspended main>",
        " +--- <HUB>; not running",
        " +--- <greenlet at X current>",
        " +--- <greenlet at X pending>; not running",
        " +--- <Greenlet at X>",
    ];
    let mut found = lines;
    // The hub is older or younger than the raw greenlet, as it is made on first use.
    found[1..4].sort();
    let mut wanted = expected.map(str::to_owned);
    wanted[1..4].sort();
    assert_eq!(found, wanted);
    drop((before, below));
    Ok(())
}

#[test]
fn test_a_tree_of_any_depth_and_size_is_printed_in_part() -> TestResult {
    gevent::run(a_tree_of_any_depth_and_size_is_printed_in_part)
}

fn a_tree_of_any_depth_and_size_is_printed_in_part() -> TestResult {
    let _bounded = bounded();
    fn descend(n: usize) -> TestResult {
        if n > 0 {
            spawn(move || descend(n - 1));
        }
        sleep(100)
    }
    let deepest = 20_000;
    let first = spawn(move || descend(deepest));
    while gevent::greenlet_core::live_greenlets() < deepest + 2 {
        sleep(0)?;
    }
    let tree = GreenletTree::current_tree();
    let lines = tree.format_lines(false);
    // The main greenlet, the hub, and those of the depths 1 to 49.
    assert_eq!(lines.len(), 1 + 1 + 49 + 1, "{lines:#?}");
    assert_eq!(lines.last().unwrap(), &format!(" ... and {} more", deepest + 1 - 49));
    let two = tree.format_lines(Details {
        max_greenlets: 2,
        ..Details::from(false)
    });
    assert_eq!(two.len(), 3);
    drop((tree, first));
    Ok(())
}

#[test]
fn test_the_tree_keeps_its_greenlets_and_lets_them_go() -> TestResult {
    let greenlet = spawn(|| 1);
    let weak = greenlet.raw().downgrade();
    let tree = GreenletTree::current_tree();
    joinall([&greenlet])?;
    drop(greenlet);
    sleep(0)?;
    let kept = tree.child_trees().find_map(|child| AnyGreenlet::of(child.greenlet()));
    assert!(kept.is_some_and(|kept| kept.ready()));
    assert!(tree.to_string().contains("; finished"));
    drop(tree);
    assert!(weak.upgrade().is_none());
    Ok(())
}
