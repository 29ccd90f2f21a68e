//! Checks that the names on the pages exist: the functions in the tables of gevent's and of greenlet's tests, of the
//! comparisons, and in the architecture, the packages, tests, examples, features and scripts in every command, and the
//! crates whose types are part of the interface. And that the comparisons are as many as their page says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

#[test]
fn every_function_that_the_pages_name_exists() -> io::Result<()> {
    let mut pages = String::new();
    for page in ["architecture", "gevent-tests", "greenlet-tests", "parity"] {
        pages.push_str(&fs::read_to_string(root().join(format!("docs/{page}.md")))?);
    }
    let mut sources: BTreeMap<&str, String> = BTreeMap::new();
    let mut missing = Vec::new();
    let mut count = 0;
    for (file, name) in pages.split('`').filter_map(|word| word.split_once("::")) {
        if !file.ends_with(".rs") {
            continue;
        }
        count += 1;
        if !sources.contains_key(file) {
            sources.insert(file, fs::read_to_string(root().join(file))?);
        }
        let is_there = |end| sources[file].contains(&format!("fn {name}{end}"));
        if !is_there('(') && !is_there('<') {
            missing.push(format!("{file}::{name}"));
        }
    }
    assert!(count > 100, "{count}");
    assert_eq!(missing, [] as [String; 0]);
    Ok(())
}

#[test]
fn the_comparisons_are_as_many_as_their_page_says() -> io::Result<()> {
    let page = fs::read_to_string(root().join("docs/parity.md"))?;
    let (mut scenarios, mut topics) = (0, 0);
    for text in texts("tests/c_parity", ".c")? {
        let here = starts(&text, "SCENARIO (");
        scenarios += here;
        topics += usize::from(here > 0);
    }
    let traces = texts("tests/gevent_parity", ".trace")?.len();
    let programs = fs::read_to_string(root().join("tests/gevent_programs/programs.txt"))?;
    let random = fs::read_to_string(root().join("tests/core_programs/main.rs"))?;
    let (_, cases) = random.split_once("config.cases = ").expect("the number is set there");
    let (cases, _) = cases.split_once(';').expect("a statement");
    let mut told = vec![
        format!("| {scenarios} scenarios in {topics} topics |"),
        format!("| {cases} random programs a run |"),
        format!("| {traces} recorded traces |"),
        format!("| {} recorded programs |", starts(&programs, "program ")),
    ];
    let meant = fs::read_to_string(root().join("pygevent/judge/differences.py"))?;
    told.push(format!(
        "| {} differences that are meant |",
        starts(&meant, "@difference(")
    ));
    for table in ["gevent-tests", "greenlet-tests"] {
        let table = fs::read_to_string(root().join(format!("docs/{table}.md")))?;
        let rows = |state| {
            table
                .lines()
                .filter(|line| line.split(" | ").nth(1) == Some(state))
                .count()
        };
        let (ported, covered) = (rows("ported"), rows("covered"));
        told.push(format!("| {ported} ported, {covered} covered in another form |"));
    }
    told.retain(|cell| !page.contains(cell.as_str()));
    assert_eq!(told, [] as [String; 0], "the page has to say this");
    Ok(())
}

/// The contents of the files in a folder whose names end like this.
fn texts(folder: &str, end: &str) -> io::Result<Vec<String>> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(root().join(folder))? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(end) {
            texts.push(fs::read_to_string(path)?);
        }
    }
    assert!(!texts.is_empty(), "{folder}: {end}");
    Ok(texts)
}

/// How many lines begin like this.
fn starts(text: &str, begin: &str) -> usize {
    text.lines().filter(|line| line.starts_with(begin)).count()
}

#[test]
fn every_command_in_the_pages_names_what_exists() -> io::Result<()> {
    let packages = packages()?;
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in pages()? {
        for command in commands(&fs::read_to_string(&page)?) {
            count += 1;
            if let Err(what) = check(&command, &packages) {
                wrong.push(format!("{}: {command}: no {what}", page.display()));
            }
        }
    }
    assert!(count > 50, "{count}");
    assert_eq!(wrong, [] as [String; 0]);
    Ok(())
}

#[test]
fn the_architecture_page_names_every_crate_whose_types_the_interface_has() -> io::Result<()> {
    let page = fs::read_to_string(root().join("docs/architecture.md"))?;
    let mut found = BTreeSet::new();
    for listing in fs::read_dir(root().join("docs/api"))? {
        let listing = fs::read_to_string(listing?.path())?;
        let paths = listing.lines().skip(1).take_while(|line| !line.is_empty());
        found.extend(paths.filter_map(|path| Some(path.split_once("::")?.0.to_owned())));
    }
    assert!(found.contains("socket2"), "{found:?}");
    found.retain(|name| !page.contains(&format!("| `{name}::")));
    assert_eq!(found, BTreeSet::new());
    Ok(())
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files that contain commands: all pages, and the examples.
fn pages() -> io::Result<Vec<PathBuf>> {
    let mut pages = Vec::new();
    let folders = [
        "",
        "docs",
        "examples",
        "bench/src",
        "vendor",
        "libev-sys",
        "greenlet-core",
        "waiter",
        "hub",
        "threading",
        "monkey",
        "monkey/examples",
        "tests",
        "tests/c_parity",
        "tests/gevent_parity",
        "tests/gevent_programs",
        "greenlet-core/examples",
    ];
    for folder in folders {
        let is_page = |path: &PathBuf| {
            let name = path.to_string_lossy();
            name.ends_with(".md") || (name.ends_with(".rs") && !folder.is_empty() && !folder.starts_with("tests"))
        };
        for entry in fs::read_dir(root().join(folder))? {
            pages.extend(Some(entry?.path()).filter(is_page));
        }
    }
    Ok(pages)
}

/// The commands of a page: texts in backticks, and lines, that begin like a command, after variables that it sets.
fn commands(page: &str) -> Vec<String> {
    let in_line = page.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let alone = page.lines().map(|line| line.trim_start_matches("//!"));
    in_line
        .chain(alone)
        .map(|text| without_variables(text.split('#').next().unwrap_or_default().trim()))
        .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|command| command.starts_with("cargo ") || is_script(command))
        .collect()
}

fn without_variables(text: &str) -> &str {
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    match text.split_once('=') {
        Some((name, _)) if is_name(name) => text.find(" cargo ").map_or("", |at| &text[at + 1..]),
        _ => text,
    }
}

fn is_script(command: &str) -> bool {
    let program = command.split(' ').next().unwrap_or_default();
    program.starts_with(".ci/") || program == "vendor/fetch" || program.ends_with("/record")
}

/// The folder of each package of ours.
fn packages() -> io::Result<BTreeMap<String, PathBuf>> {
    let workspace = fs::read_to_string(root().join("Cargo.toml"))?;
    let members = workspace.lines().find_map(|line| line.strip_prefix("members = ["));
    let members = members
        .and_then(|members| members.strip_suffix(']'))
        .expect("the members are in one line");
    let mut packages = BTreeMap::new();
    for folder in members.split(", ").map(|folder| folder.trim_matches('"')).chain([""]) {
        let folder = root().join(folder);
        let manifest = fs::read_to_string(folder.join("Cargo.toml"))?;
        let name = manifest.lines().find_map(|line| line.strip_prefix("name = \""));
        let name = name
            .and_then(|rest| rest.strip_suffix('"'))
            .expect("a package has a name");
        packages.insert(name.to_owned(), folder);
    }
    Ok(packages)
}

/// Returns an error that names the part of the command which does not exist.
fn check(command: &str, packages: &BTreeMap<String, PathBuf>) -> Result<(), String> {
    let (words, _) = command.split_once(" -- ").unwrap_or((command, ""));
    let mut words = words.split(' ').peekable();
    if is_script(command) {
        let script = words.next().unwrap_or_default();
        return root()
            .join(script)
            .is_file()
            .then_some(())
            .ok_or_else(|| script.to_owned());
    }
    let mut options = Vec::new();
    while let Some(word) = words.next() {
        if matches!(word, "-p" | "--test" | "--example" | "--features") && words.peek().is_some() {
            options.push((word, words.next().unwrap_or_default()));
        }
    }
    let package = options
        .iter()
        .find(|(option, _)| *option == "-p")
        .map_or("gevent", |(_, name)| name);
    let folder = packages.get(package).ok_or_else(|| format!("package {package}"))?;
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).map_err(|error| error.to_string())?;
    for (option, name) in options {
        let there = |file: String| folder.join(file).is_file();
        let found = match option {
            "--test" => there(format!("tests/{name}.rs")) || there(format!("tests/{name}/main.rs")),
            "--example" => there(format!("examples/{name}.rs")),
            "--features" => manifest.contains(&format!("\n{name} = [")),
            _ => true,
        };
        if !found {
            return Err(format!("{option} {name} in {package}"));
        }
    }
    Ok(())
}

#[test]
fn comments_and_pages_are_no_wider_than_the_code() -> io::Result<()> {
    let settings = fs::read_to_string(root().join("rustfmt.toml"))?;
    let width = settings.lines().find_map(|line| line.strip_prefix("max_width = "));
    let width: usize = width
        .and_then(|width| width.parse().ok())
        .expect("rustfmt.toml has a width");
    let editors = fs::read_to_string(root().join(".editorconfig"))?;
    assert!(editors.contains(&format!("max_line_length = {width}\n")));
    let mut wide = Vec::new();
    let mut count = 0;
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let (path, kind) = entry.map(|entry| (entry.path(), entry.file_type()))?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if kind?.is_dir() {
                if !name.starts_with('.') && !["target", "vendor"].contains(&&*name) {
                    folders.push(path);
                }
            } else if name.ends_with(".md") || name.ends_with(".rs") && name != "bindings.rs" {
                count += 1;
                let text = fs::read_to_string(&path)?;
                let lines = text
                    .lines()
                    .enumerate()
                    .filter(|(_, line)| line.chars().count() > width);
                let prose = lines.filter(|(_, line)| is_prose(line, name.ends_with(".md")));
                wide.extend(prose.map(|(at, _)| format!("{}:{}", path.display(), at + 1)));
            }
        }
    }
    assert!(count > 400, "{count}");
    assert_eq!(wide, [] as [String; 0]);
    Ok(())
}

/// A comment or a paragraph that can be broken: no code, and no row of a table.
fn is_prose(line: &str, page: bool) -> bool {
    let text = line.trim_start();
    let text = text
        .strip_prefix("//")
        .map(|text| text.trim_start_matches(['/', '!', ' ']));
    match text {
        Some(comment) => !comment.starts_with('|'),
        None => page && !line.starts_with("    ") && !line.trim_start().starts_with('|'),
    }
}
