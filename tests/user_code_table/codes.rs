//! What each trait in a public signature means: whose functions are called from inside ours.

pub(crate) enum Meaning {
    /// They are; the table's name of that.
    Called(&'static str),
    /// They are not, or by nothing that could be half-done then.
    Harmless,
}

pub(crate) fn meaning(name: &str) -> Option<Meaning> {
    let called = CALLED.iter().find(|(_, names)| names.contains(&name));
    if let Some((code, _)) = called {
        return Some(Meaning::Called(code));
    }
    let harmless = HARMLESS.iter().any(|(names, _)| names.contains(&name));
    harmless.then_some(Meaning::Harmless)
}

/// Those whose functions are not called.
pub(crate) fn harmless() -> impl Iterator<Item = &'static str> {
    HARMLESS.iter().flat_map(|(names, _)| *names).copied()
}

/// What the table calls them, and what no signature names.
pub(crate) fn words() -> impl Iterator<Item = &'static str> {
    let called = CALLED.iter().map(|(word, _)| *word);
    called.chain(["Drop", "Into"])
}

/// The table's word for traits, and the traits.
const CALLED: &[(&str, &[&str])] = &[
    ("AsGreenlet", &["AsGreenlet"]),
    ("Clone", &["Clone"]),
    ("Data", &["Data"]),
    ("Debug", &["Debug", "Object"]),
    ("Default", &["Default"]),
    ("Display", &["Display", "ToString"]),
    ("Error", &["Error"]),
    ("ErrorHandler", &["ErrorHandler"]),
    ("Fn", &["Fn"]),
    ("FnMut", &["FnMut"]),
    ("FnOnce", &["FnOnce"]),
    ("Future", &["Future", "IntoFuture"]),
    ("Gets", &["Gets"]),
    ("Hash", &["BuildHasher", "Hash", "Hasher"]),
    (
        "Iterator",
        &["DoubleEndedIterator", "ExactSizeIterator", "IntoIterator", "Iterator"],
    ),
    ("Killable", &["Killable"]),
    ("Label", &["Label"]),
    ("Linkable", &["Linkable"]),
    ("LoopRelease", &["LoopRelease"]),
    ("Notify", &["Notify", "NotifyThreadsafe"]),
    ("Ord", &["Ord", "PartialOrd"]),
    ("PartialEq", &["PartialEq", "Eq"]),
    ("Read", &["Read"]),
    ("Resolver", &["Resolver"]),
    ("Source", &["Source"]),
    ("Storage", &["Storage"]),
    ("Ticketed", &["Ticketed"]),
    ("WaitHub", &["WaitHub"]),
    ("Waitable", &["Waitable"]),
    ("WebStream", &["WebStream"]),
    ("Write", &["Write"]),
];

/// Traits, and why no place that asks for them is in the table.
const HARMLESS: &[(&[&str], &str)] = &[
    (
        &["Any", "Copy", "Plain", "Send", "Sized", "Sync"],
        "have no functions that could be anybody's",
    ),
    (
        &[
            "Awaitable",
            "DatagramSocket",
            "Descriptor",
            "Kind",
            "Listener",
            "PollRead",
            "PollWrite",
            "PolledKind",
            "Pollable",
            "ServerSocket",
            "Sleep",
            "Stream",
            "WebListener",
            "WrapSocket",
        ],
        "can be implemented by our types only",
    ),
    (
        &["AsRawFd", "AsRef", "Borrow", "From", "Into", "TryInto"],
        "convert an argument, before anything else is done",
    ),
    (
        &["Input", "IntoCommand"],
        "can be implemented by our types and std's only",
    ),
    (
        &[
            "Address",
            "AsLink",
            "IntoFlags",
            "IntoTimeout",
            "Seconds",
            "WaitTimeout",
        ],
        "convert an argument, before anything else is done",
    ),
    (
        &["CallbackResult", "LinkResult", "LinkSource", "Outcome"],
        "convert what a function is given or has returned, as a part of its call",
    ),
];

/// What a derived trait calls of the parameters' own.
pub(crate) fn derived(name: &str) -> Option<(&'static str, &'static str)> {
    match name {
        "Clone" => Some(("clone", "Clone")),
        "Debug" => Some(("fmt", "Debug")),
        "PartialEq" => Some(("eq", "PartialEq")),
        "Hash" => Some(("hash", "Hash")),
        "PartialOrd" => Some(("partial_cmp", "Ord")),
        "Ord" => Some(("cmp", "Ord")),
        "Default" => Some(("default", "Default")),
        _ => None,
    }
}
