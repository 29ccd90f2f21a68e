//! The linked libev is the one that the header, the package and the pin say.

use libev_sys::*;

#[test]
fn linked_libev_is_the_header_s() {
    // SAFETY: these only return constants.
    let (linked, header) = unsafe {
        (
            (ev_version_major(), ev_version_minor()),
            (ev_shim_header_version_major(), ev_shim_header_version_minor()),
        )
    };
    assert_eq!(linked, header);
    assert_eq!(
        linked,
        (EV_VERSION_MAJOR, EV_VERSION_MINOR),
        "the bindings are for another libev"
    );
}

#[test]
fn package_version_names_the_bindings_libev() {
    let (_, build) = env!("CARGO_PKG_VERSION")
        .split_once('+')
        .expect("the version has a build part");
    assert_eq!(build, format!("{EV_VERSION_MAJOR}.{EV_VERSION_MINOR}"));
}

#[test]
fn pin_names_the_bindings_libev() {
    let pin = include_str!("../../vendor/libev.pin");
    let value = |key: &str| pin.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    assert_eq!(
        value("version "),
        Some(&*format!("{EV_VERSION_MAJOR}.{EV_VERSION_MINOR}"))
    );
    assert_eq!(value("sha256 ").map(str::len), Some(64));
}

#[test]
fn platform_s_backends_are_compiled_in() {
    // SAFETY: only returns a constant.
    let supported = unsafe { ev_supported_backends() };
    let mut expected = EVBACKEND_SELECT | EVBACKEND_POLL;
    if cfg!(any(target_os = "linux", target_os = "android")) {
        expected |= EVBACKEND_EPOLL;
    } else if cfg!(any(
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd"
    )) {
        expected |= EVBACKEND_KQUEUE;
    }
    assert_eq!(supported & expected, expected, "supported: {supported:#x}");
    if cfg!(all(target_os = "linux", target_env = "gnu", not(feature = "system"))) {
        let experimental = EVBACKEND_LINUXAIO | EVBACKEND_IOURING;
        assert_eq!(supported & experimental, experimental, "supported: {supported:#x}");
    }
}

#[test]
fn recommended_backends_are_not_the_experimental_ones() {
    // SAFETY: only returns a constant.
    let recommended = unsafe { ev_recommended_backends() };
    assert_ne!(recommended, 0);
    assert_eq!(recommended & (EVBACKEND_LINUXAIO | EVBACKEND_IOURING), 0);
}

#[test]
fn constants_are_sane() {
    assert_eq!((EV_MINPRI, EV_MAXPRI), (-2, 2));
    // SAFETY: only returns a constant.
    let nsig = unsafe { ev_shim_nsig() };
    assert!(nsig > libc::SIGCHLD && nsig <= 256, "{nsig}");
}

#[test]
fn assertions_are_compiled_in_on_request_only() {
    // SAFETY: only returns a constant.
    let assertions = unsafe { ev_shim_has_assertions() };
    if cfg!(feature = "system") {
        assert_eq!(assertions, -1);
    } else if option_env!("LIBEV_SYS_ASSERTIONS").is_none_or(str::is_empty) {
        assert_eq!(assertions, 0);
    }
}
