//! The sources, parsed: what is public in them, and where.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::{Attribute, Item, Type, Visibility};

/// A file, by the name that places in it begin with.
pub(crate) struct Source {
    pub(crate) module: String,
    pub(crate) items: Vec<Item>,
}

impl Source {
    pub(crate) fn of(module: String, text: &str) -> Source {
        let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{module}: {error}"));
        let items = parsed.items;
        Source { module, items }
    }
}

/// The crates: a folder, and what names from it begin with.
const CRATES: [(&str, &str); 5] = [
    ("src", ""),
    ("hub/src", "hub::"),
    ("waiter/src", "waiter::"),
    ("greenlet-core/src", "greenlet_core::"),
    ("libev-sys/src", "libev_sys::"),
];

/// All files of all crates.
pub(crate) fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    for (folder, prefix) in CRATES {
        let folder = root.join(folder);
        let mut files = Vec::new();
        collect(&folder, &mut files);
        files.sort();
        for file in files {
            let module = module_of(file.strip_prefix(&folder).expect("it is below"));
            let text = fs::read_to_string(&file).expect("it is a source");
            sources.push(Source::of(format!("{prefix}{module}"), &text));
        }
    }
    sources
}

/// All sources in a folder.
pub(crate) fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder);
    for entry in entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("it is readable").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

/// The first folder or file: `queue` for `queue/base.rs`, `timeout` for `timeout.rs`.
fn module_of(file: &Path) -> String {
    let first = file.components().next().expect("it has a name");
    let first = Path::new(first.as_os_str());
    first.file_stem().expect("it has").display().to_string()
}

/// Every item, those in modules within a file too, without tests.
pub(crate) fn walk<'a>(items: &'a [Item], see: &mut impl FnMut(&'a Item)) {
    for item in items {
        match item {
            Item::Mod(module) if is_test(&module.attrs) => {}
            Item::Mod(module) => {
                if let Some((_, items)) = &module.content {
                    walk(items, see);
                }
            }
            item => see(item),
        }
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|path| path.is_ident("test") || path.is_ident("doctest"))
    })
}

pub(crate) fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// Whether an attribute hides the item from its crate's pages: it is for our own crates.
pub(crate) fn is_hidden(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("doc")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|path| path.is_ident("hidden"))
    })
}

/// The crates' public types and traits, and what stands for other types.
#[derive(Default)]
pub(crate) struct Names {
    /// Each with its module.
    types: BTreeSet<(String, String)>,
    private: BTreeSet<(String, String)>,
    traits: BTreeSet<(String, String)>,
    aliases: BTreeMap<(String, String), Alias>,
}

struct Alias {
    is_public: bool,
    stands_for: Type,
}

impl Names {
    pub(crate) fn of(sources: &[Source]) -> Names {
        let mut names = Names::default();
        for source in sources {
            walk(&source.items, &mut |item| names.note(&source.module, item));
        }
        names
    }

    fn note(&mut self, module: &str, item: &Item) {
        let (visibility, name, known) = match item {
            Item::Struct(item) if is_hidden(&item.attrs) => (&Visibility::Inherited, &item.ident, &mut self.types),
            Item::Struct(item) => (&item.vis, &item.ident, &mut self.types),
            Item::Enum(item) => (&item.vis, &item.ident, &mut self.types),
            Item::Union(item) => (&item.vis, &item.ident, &mut self.types),
            Item::Trait(item) => (&item.vis, &item.ident, &mut self.traits),
            Item::Type(item) => {
                let name = (module.to_owned(), item.ident.to_string());
                let alias = Alias {
                    is_public: is_public(&item.vis),
                    stands_for: (*item.ty).clone(),
                };
                self.aliases.insert(name, alias);
                return;
            }
            _ => return,
        };
        let known = if is_public(visibility) {
            known
        } else {
            &mut self.private
        };
        known.insert((module.to_owned(), name.to_string()));
    }

    /// `module::Type` for the type that a file of this module calls so, if it is public; else nothing, or that it is
    /// none of ours.
    pub(crate) fn type_(&self, module: &str, name: &str) -> Result<Option<String>, NotOurs> {
        let public = find(&self.types, module, name);
        let private = find(&self.private, module, name);
        match (public, private) {
            (Some((near, place)), Some((private, _))) if near <= private => Ok(Some(place)),
            (Some((_, place)), None) => Ok(Some(place)),
            (_, Some(_)) => Ok(None),
            (None, None) => Err(NotOurs),
        }
    }

    /// What a file of this module means by the name of a type, if that stands for another.
    pub(crate) fn alias(&self, module: &str, name: &str) -> Option<&Type> {
        let own = |types: &BTreeSet<_>| types.contains(&(module.to_owned(), name.to_owned()));
        if own(&self.types) || own(&self.private) {
            return None;
        }
        let known = self.aliases.iter().filter(|((_, other), _)| other == name);
        let known = known.map(|((other, _), alias)| (distance(module, other), alias));
        let seen = known.filter(|(distance, alias)| alias.is_public || *distance == 0);
        let nearest = seen.min_by_key(|(distance, _)| *distance);
        nearest.map(|(_, alias)| &alias.stands_for)
    }

    /// The public names of types that stand for others, as `module::Name`.
    pub(crate) fn aliases(&self) -> impl Iterator<Item = (&str, &str)> {
        let public = self.aliases.iter().filter(|(_, alias)| alias.is_public);
        public.map(|((module, name), _)| (&**module, &**name))
    }

    /// `module::Trait`, if the trait is public.
    pub(crate) fn trait_(&self, module: &str, name: &str) -> Option<String> {
        find(&self.traits, module, name).map(|(_, place)| place)
    }
}

pub(crate) struct NotOurs;

/// The one of the module itself, of its crate, or of another; and how far away that is.
fn find(known: &BTreeSet<(String, String)>, module: &str, name: &str) -> Option<(usize, String)> {
    let named = known.iter().filter(|(_, other)| other == name);
    let places = named.map(|(other, _)| (distance(module, other), format!("{other}::{name}")));
    places.min()
}

/// 0: the same module; 1: the same crate; 2.
fn distance(module: &str, other: &str) -> usize {
    let crate_of = |module: &str| module.rsplit_once("::").map(|(of, _)| of.to_owned());
    match () {
        () if other == module => 0,
        () if crate_of(other) == crate_of(module) => 1,
        () => 2,
    }
}
