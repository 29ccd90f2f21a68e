//! Which code of users the public signatures name: where they have a bound, `impl Trait`, `dyn Trait` or a function.

use std::collections::{BTreeMap, BTreeSet};

use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Fields, FnArg, Generics, Ident, ImplItem, Item, ItemImpl, PathArguments, Signature, Token, TraitBound,
    TraitItem, Type,
};

use super::codes::{self, Meaning};
use super::macros;
use super::source::{Names, Source, is_hidden, is_public, walk};

/// What the signatures name.
#[derive(Default)]
pub(crate) struct Scan {
    /// Places, each with code that it names.
    pub(crate) calls: BTreeSet<(String, String)>,
    /// All public functions, methods, methods of traits and of their implementations, and where types are dropped.
    pub(crate) places: BTreeSet<String>,
    /// The traits that are named, each with one place that does.
    pub(crate) traits: BTreeMap<String, String>,
}

pub(crate) fn scan(sources: &[Source]) -> Scan {
    let names = Names::of(sources);
    let mut scanner = Scanner {
        names: &names,
        module: "",
        found: Scan::default(),
    };
    for source in sources {
        scanner.module = &source.module;
        walk(&source.items, &mut |item| scanner.item(item));
    }
    for (place, code) in macros::calls() {
        scanner.note(&place, code);
    }
    let mut found = scanner.found;
    let of_aliases = names.aliases().flat_map(|(module, name)| {
        // What an alias can do is what the types of its module can.
        let in_module = found.places.iter().filter_map(move |place| {
            let (_, method) = place.strip_prefix(module)?.strip_prefix("::")?.split_once("::")?;
            Some(format!("{module}::{name}::{method}"))
        });
        in_module.collect::<Vec<_>>()
    });
    let of_aliases: Vec<_> = of_aliases.collect();
    found.places.extend(of_aliases);
    found
}

struct Scanner<'a> {
    names: &'a Names,
    /// The module of the file that is looked at.
    module: &'a str,
    found: Scan,
}

impl Scanner<'_> {
    fn item(&mut self, item: &Item) {
        let module = self.module;
        match item {
            Item::Fn(item) if is_public(&item.vis) => {
                self.signature(format!("{module}::{}", item.sig.ident), &[], &item.sig);
            }
            Item::Struct(item) if is_public(&item.vis) && !is_hidden(&item.attrs) => {
                self.type_(&item.ident, &item.generics, &item.attrs);
                self.fields(&format!("{module}::{}", item.ident), &item.fields, is_public);
            }
            Item::Enum(item) if is_public(&item.vis) => {
                self.type_(&item.ident, &item.generics, &item.attrs);
                for variant in &item.variants {
                    let place = format!("{module}::{}::{}", item.ident, variant.ident);
                    self.fields(&place, &variant.fields, |_| true);
                }
            }
            Item::Trait(item) if is_public(&item.vis) => {
                for method in &item.items {
                    if let TraitItem::Fn(method) = method {
                        let place = format!("{module}::{}::{}", item.ident, method.sig.ident);
                        self.signature(place, &[&item.generics], &method.sig);
                    }
                }
            }
            Item::Impl(item) => self.impl_(item),
            _ => {}
        }
    }

    /// A type's parameters are stored, so they are dropped; and what is derived for it calls theirs.
    fn type_(&mut self, name: &Ident, generics: &Generics, attributes: &[Attribute]) {
        let type_ = format!("{}::{name}", self.module);
        let place = format!("{type_}::drop");
        let stores = generics.type_params().next().is_some();
        if stores {
            self.note(&place, "Drop");
        }
        self.generics(&place, generics);
        self.found.places.insert(place);
        for derived in derives(attributes) {
            if let Some((method, code)) = codes::derived(&derived) {
                let place = format!("{type_}::{method}");
                if stores {
                    self.note(&place, code);
                }
                self.found.places.insert(place);
            }
        }
    }

    /// What users put into a type themselves.
    fn fields(&mut self, place: &str, fields: &Fields, counts: fn(&syn::Visibility) -> bool) {
        for field in fields.iter().filter(|field| counts(&field.vis)) {
            let place = match &field.ident {
                Some(name) => format!("{place}::{name}"),
                None => place.to_owned(),
            };
            Look::of(self, &place).visit_type(&field.ty);
        }
    }

    fn impl_(&mut self, item: &ItemImpl) {
        let Some(owner) = self.owner(item) else {
            return;
        };
        for method in &item.items {
            if let ImplItem::Fn(method) = method
                && (item.trait_.is_some() || is_public(&method.vis))
            {
                let place = format!("{owner}::{}", method.sig.ident);
                self.signature(place, &[&item.generics], &method.sig);
            }
        }
    }

    /// What the places in an `impl` belong to: its type; or its trait, if that is for types of others.
    fn owner(&self, item: &ItemImpl) -> Option<String> {
        if let Type::Path(path) = &*item.self_ty
            && let Some(last) = path.path.segments.last()
        {
            let name = last.ident.to_string();
            match (self.names.type_(self.module, &name), &item.trait_) {
                (Ok(owner), _) => return owner,
                // A macro has made it: others' types have no methods of ours.
                (Err(_), None) => return Some(format!("{}::{name}", self.module)),
                (Err(_), Some(_)) => {}
            }
        }
        let (path, _) = item.trait_.as_ref()?;
        let name = path.segments.last()?.ident.to_string();
        self.names.trait_(self.module, &name)
    }

    fn signature(&mut self, place: String, outer: &[&Generics], signature: &Signature) {
        for generics in outer {
            self.generics(&place, generics);
        }
        self.generics(&place, &signature.generics);
        let mut look = Look::of(self, &place);
        for input in &signature.inputs {
            if let FnArg::Typed(input) = input {
                look.visit_type(&input.ty);
            }
        }
        self.found.places.insert(place);
    }

    fn generics(&mut self, place: &str, generics: &Generics) {
        Look::of(self, place).visit_generics(generics);
    }

    fn note(&mut self, place: &str, code: &str) {
        self.found.places.insert(place.to_owned());
        self.found.calls.insert((place.to_owned(), code.to_owned()));
    }

    /// A trait that a place asks for.
    fn asks_for(&mut self, place: &str, name: &str) {
        let known = self.found.traits.entry(name.to_owned());
        known.or_insert_with(|| place.to_owned());
        if let Some(Meaning::Called(code)) = codes::meaning(name) {
            self.note(place, code);
        }
    }
}

fn derives(attributes: &[Attribute]) -> Vec<String> {
    let lists = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("derive"));
    let paths = lists.flat_map(|list| {
        let paths = list.parse_args_with(Punctuated::<syn::Path, Token![,]>::parse_terminated);
        paths.expect("a list of traits")
    });
    paths
        .filter_map(|path| Some(path.segments.last()?.ident.to_string()))
        .collect()
}

/// Finds the traits and functions in a part of a signature.
struct Look<'a, 'b> {
    scanner: &'a mut Scanner<'b>,
    place: &'a str,
}

impl<'a, 'b> Look<'a, 'b> {
    fn of(scanner: &'a mut Scanner<'b>, place: &'a str) -> Self {
        Look { scanner, place }
    }
}

impl<'ast> Visit<'ast> for Look<'_, '_> {
    fn visit_trait_bound(&mut self, bound: &'ast TraitBound) {
        // `?Sized` asks for nothing.
        if bound.maybe.is_some() {
            return;
        }
        let last = bound.path.segments.last().expect("a path has a name");
        self.scanner.asks_for(self.place, &last.ident.to_string());
        // What a function is given is ours.
        if !matches!(last.arguments, PathArguments::Parenthesized(_)) {
            visit::visit_path(self, &bound.path);
        }
    }

    fn visit_type_fn_ptr(&mut self, function: &'ast syn::TypeFnPtr) {
        // Others have C's rules.
        if function.unsafety.is_none() {
            self.scanner.asks_for(self.place, "Fn");
        }
    }

    fn visit_type_path(&mut self, path: &'ast syn::TypePath) {
        let last = path.path.segments.last().expect("a path has a name");
        let alias = self.scanner.names.alias(self.scanner.module, &last.ident.to_string());
        if let Some(meant) = alias {
            Look::of(self.scanner, self.place).visit_type(meant);
        }
        visit::visit_type_path(self, path);
    }
}
