//! Compares this library with gevent. Every scenario in the folder `gevent_parity` is written twice, as a Python script
//! and as its port to Rust, and the port must print what the script printed under gevent. See README.md there.
//!
//! Each port runs in a process of its own, on its main thread. So it has the default loop, as the script has, and a
//! port that crashes or hangs does not disturb the others.

#[allow(dead_code)] // each test takes from it what it needs
mod common;
mod gevent_parity {
    pub(crate) mod asyncresult_exception;
    pub(crate) mod asyncresult_getters;
    pub(crate) mod asyncresult_link_target;
    pub(crate) mod asyncresult_set_twice;
    pub(crate) mod asyncresult_timeouts;
    pub(crate) mod blocking_in_hub;
    pub(crate) mod blocking_switch_out;
    pub(crate) mod callback_batch;
    pub(crate) mod callback_errors;
    pub(crate) mod callback_states;
    pub(crate) mod callbacks_timers_spawn;
    pub(crate) mod channel_in_hub;
    pub(crate) mod channel_kill;
    pub(crate) mod channel_order;
    pub(crate) mod channel_ping_pong;
    pub(crate) mod channel_timeout;
    mod common;
    mod common_files;
    mod common_sockets;
    #[cfg(feature = "ssl")]
    mod common_ssl;
    #[cfg(feature = "pywsgi")]
    mod common_wsgi;
    pub(crate) mod datagram_errors;
    pub(crate) mod datagram_order;
    pub(crate) mod datagram_sendto;
    pub(crate) mod error_contexts;
    pub(crate) mod error_handle;
    pub(crate) mod error_hook;
    pub(crate) mod error_reports;
    pub(crate) mod event_and_callbacks;
    pub(crate) mod event_iwait;
    pub(crate) mod event_killed_waiter;
    pub(crate) mod event_late_waiter;
    pub(crate) mod event_link_kept;
    pub(crate) mod event_links;
    pub(crate) mod event_links_renewed;
    pub(crate) mod event_ping_pong;
    pub(crate) mod event_set_then_clear;
    pub(crate) mod event_timeouts;
    pub(crate) mod event_unlinked_notifier;
    pub(crate) mod event_wait_values;
    pub(crate) mod event_wait_while_notifying;
    pub(crate) mod events_blocked;
    pub(crate) mod events_subscribers;
    pub(crate) mod executor_futures;
    pub(crate) mod file_buffering;
    pub(crate) mod file_close_reader;
    pub(crate) mod file_end;
    pub(crate) mod file_lines;
    pub(crate) mod file_order;
    pub(crate) mod file_peek;
    pub(crate) mod file_thread;
    pub(crate) mod greenlet_exc_info;
    pub(crate) mod greenlet_exit;
    pub(crate) mod greenlet_get;
    pub(crate) mod greenlet_get_raises;
    pub(crate) mod greenlet_join_each_other;
    pub(crate) mod greenlet_join_many;
    pub(crate) mod greenlet_join_order;
    pub(crate) mod greenlet_join_timeout;
    pub(crate) mod greenlet_kill_current;
    pub(crate) mod greenlet_kill_each_other;
    pub(crate) mod greenlet_kill_exception;
    pub(crate) mod greenlet_kill_finished;
    pub(crate) mod greenlet_kill_ignored;
    pub(crate) mod greenlet_kill_interrupted;
    pub(crate) mod greenlet_kill_joining;
    pub(crate) mod greenlet_kill_order;
    pub(crate) mod greenlet_kill_self;
    pub(crate) mod greenlet_kill_stale;
    pub(crate) mod greenlet_kill_timeout;
    pub(crate) mod greenlet_kill_twice;
    pub(crate) mod greenlet_kill_unstarted;
    pub(crate) mod greenlet_kill_woken;
    pub(crate) mod greenlet_kill_yielding;
    pub(crate) mod greenlet_link_blocks;
    pub(crate) mod greenlet_link_changes;
    pub(crate) mod greenlet_link_error;
    pub(crate) mod greenlet_link_kept;
    pub(crate) mod greenlet_link_kinds;
    pub(crate) mod greenlet_link_late;
    pub(crate) mod greenlet_link_order;
    pub(crate) mod greenlet_link_other;
    pub(crate) mod greenlet_link_unlink;
    pub(crate) mod greenlet_link_unlink_first;
    pub(crate) mod greenlet_many_getters;
    pub(crate) mod greenlet_names;
    pub(crate) mod greenlet_phases;
    pub(crate) mod greenlet_phases_failed;
    pub(crate) mod greenlet_run_self;
    pub(crate) mod greenlet_spawn_callbacks;
    pub(crate) mod greenlet_spawn_order;
    pub(crate) mod greenlet_spawn_tree;
    pub(crate) mod greenlet_spawn_tree_locals;
    pub(crate) mod greenlet_start_corners;
    pub(crate) mod greenlet_start_later;
    pub(crate) mod greenlet_switch_by_hand;
    pub(crate) mod greenlet_throw;
    pub(crate) mod greenlet_unlink_joiner;
    pub(crate) mod group_join;
    pub(crate) mod hub_callbacks_spawn;
    pub(crate) mod hub_cancel_wait;
    pub(crate) mod hub_cancel_wait_close;
    pub(crate) mod hub_cancel_waits_close;
    pub(crate) mod hub_destroy;
    pub(crate) mod hub_destroy_default;
    pub(crate) mod hub_join;
    pub(crate) mod hub_join_busy;
    pub(crate) mod hub_join_not_main;
    pub(crate) mod hub_not_error;
    pub(crate) mod hub_switch;
    pub(crate) mod hub_switch_out;
    pub(crate) mod hub_thread;
    pub(crate) mod hub_wait;
    pub(crate) mod hub_wait_on_watcher;
    pub(crate) mod idle_order;
    pub(crate) mod invalid_switch;
    pub(crate) mod io_and_callbacks;
    pub(crate) mod io_timeout;
    pub(crate) mod io_wait;
    pub(crate) mod iwait_corners;
    pub(crate) mod iwait_count_timeout;
    pub(crate) mod iwait_early_exit;
    pub(crate) mod iwait_killed;
    pub(crate) mod iwait_order;
    pub(crate) mod join_nested_timeouts;
    pub(crate) mod joinable_results;
    pub(crate) mod joinall_count_timeout;
    pub(crate) mod joinall_order;
    pub(crate) mod joinall_raise_error;
    pub(crate) mod joinall_results;
    pub(crate) mod kill_forms;
    pub(crate) mod kill_function;
    pub(crate) mod kill_raw;
    pub(crate) mod kill_with_exception_class;
    pub(crate) mod killall_nonblocking;
    pub(crate) mod killall_order;
    pub(crate) mod killall_raw;
    pub(crate) mod killall_timeout;
    pub(crate) mod links_that_block;
    pub(crate) mod local_values;
    pub(crate) mod lock_barrier;
    pub(crate) mod lock_condition;
    pub(crate) mod lock_fair;
    pub(crate) mod lock_generic;
    pub(crate) mod lock_rlock;
    pub(crate) mod loop_exit;
    pub(crate) mod loop_exit_after_work;
    pub(crate) mod loop_exit_again;
    pub(crate) mod loop_iteration;
    pub(crate) mod loop_priorities;
    pub(crate) mod loop_threadsafe;
    pub(crate) mod loop_timer_stops_timer;
    pub(crate) mod monitor_blocking;
    pub(crate) mod monitor_functions;
    pub(crate) mod monitor_sleep_time;
    pub(crate) mod negative_times;
    pub(crate) mod os_fork_callback;
    pub(crate) mod os_pipe;
    pub(crate) mod os_posix_spawn;
    pub(crate) mod os_waitpid;
    pub(crate) mod os_waitpid_killed;
    pub(crate) mod poll_events;
    pub(crate) mod poll_greenlets;
    pub(crate) mod pool_apply;
    pub(crate) mod pool_errors;
    pub(crate) mod pool_imap;
    pub(crate) mod pool_imap_maxsize;
    pub(crate) mod pool_join_raises;
    pub(crate) mod pool_kill;
    pub(crate) mod pool_map;
    pub(crate) mod pool_sizes;
    pub(crate) mod pool_spawn;
    pub(crate) mod pool_starts;
    pub(crate) mod program_philosophers;
    pub(crate) mod program_pubsub;
    pub(crate) mod program_rate_limiter;
    pub(crate) mod program_retries;
    pub(crate) mod program_single_flight;
    pub(crate) mod program_supervisor;
    pub(crate) mod queue_both_wait;
    pub(crate) mod queue_handover;
    pub(crate) mod queue_in_hub;
    pub(crate) mod queue_iterate;
    pub(crate) mod queue_join;
    pub(crate) mod queue_kill;
    pub(crate) mod queue_maxsize;
    pub(crate) mod queue_orders;
    pub(crate) mod queue_overtaken;
    pub(crate) mod queue_peek;
    pub(crate) mod queue_racing;
    pub(crate) mod queue_shutdown;
    pub(crate) mod queue_tasks;
    pub(crate) mod queue_timeout;
    pub(crate) mod raw_blocks;
    pub(crate) mod raw_parent;
    pub(crate) mod raw_spawner;
    pub(crate) mod raw_switch;
    pub(crate) mod raw_throw;
    pub(crate) mod resolver_errors;
    pub(crate) mod resolver_interrupted;
    pub(crate) mod resolver_numbers;
    pub(crate) mod resolver_order;
    pub(crate) mod resolver_own;
    pub(crate) mod select_errors;
    pub(crate) mod select_ready;
    pub(crate) mod select_waits;
    pub(crate) mod selector_events;
    pub(crate) mod selector_greenlets;
    pub(crate) mod selector_keys;
    pub(crate) mod semaphore_bounded;
    pub(crate) mod semaphore_burst;
    pub(crate) mod semaphore_killed_waiter;
    pub(crate) mod semaphore_links;
    pub(crate) mod semaphore_order;
    pub(crate) mod semaphore_overtaking;
    pub(crate) mod semaphore_racing;
    pub(crate) mod semaphore_wait;
    pub(crate) mod server_accept_order;
    pub(crate) mod server_delays;
    pub(crate) mod server_do_handle;
    pub(crate) mod server_full_pool;
    pub(crate) mod server_handler_errors;
    pub(crate) mod server_members;
    pub(crate) mod server_restart;
    pub(crate) mod server_serve_forever;
    pub(crate) mod server_set_handle;
    pub(crate) mod server_set_spawn;
    pub(crate) mod server_stop_no_pool;
    pub(crate) mod server_stop_pool;
    pub(crate) mod signal_getcurrent;
    pub(crate) mod signal_handler;
    pub(crate) mod signal_restore;
    pub(crate) mod signal_sigchld;
    pub(crate) mod sleep0_interleaving;
    pub(crate) mod sleep_negative;
    pub(crate) mod sleep_wakes_in_order;
    pub(crate) mod sleep_without_ref;
    pub(crate) mod socket_acceptors;
    pub(crate) mod socket_cancel_wait;
    pub(crate) mod socket_close_accept;
    pub(crate) mod socket_close_connect;
    pub(crate) mod socket_close_recv;
    pub(crate) mod socket_close_send;
    pub(crate) mod socket_closed;
    pub(crate) mod socket_connect_refused;
    pub(crate) mod socket_create_connection;
    pub(crate) mod socket_create_server;
    pub(crate) mod socket_detach;
    pub(crate) mod socket_dup;
    pub(crate) mod socket_half_close;
    pub(crate) mod socket_into;
    pub(crate) mod socket_kill;
    pub(crate) mod socket_makefile;
    pub(crate) mod socket_makefile_lines;
    pub(crate) mod socket_makefile_timeout;
    pub(crate) mod socket_pairs;
    pub(crate) mod socket_peek;
    pub(crate) mod socket_reset;
    pub(crate) mod socket_sendall;
    pub(crate) mod socket_shutdown;
    pub(crate) mod socket_states;
    pub(crate) mod socket_timeout_changed;
    pub(crate) mod socket_timeout_objects;
    pub(crate) mod socket_timeout_zero;
    pub(crate) mod socket_timeouts;
    pub(crate) mod socket_two_users;
    pub(crate) mod socket_udp;
    pub(crate) mod socket_unix;
    pub(crate) mod socket_unix_datagram;
    pub(crate) mod socket_wake_order;
    pub(crate) mod spawn_in_finally;
    pub(crate) mod spawn_later_get;
    pub(crate) mod spawn_many_order;
    pub(crate) mod spawn_raw;
    pub(crate) mod spawn_raw_tree;
    pub(crate) mod spawn_tree_names;
    #[cfg(feature = "ssl")]
    pub(crate) mod ssl_alpn;
    #[cfg(feature = "ssl")]
    pub(crate) mod ssl_certificates;
    #[cfg(feature = "ssl")]
    pub(crate) mod ssl_echo;
    #[cfg(feature = "ssl")]
    pub(crate) mod ssl_ends;
    #[cfg(feature = "ssl")]
    pub(crate) mod ssl_greenlets;
    #[cfg(feature = "ssl")]
    pub(crate) mod ssl_not_tls;
    #[cfg(feature = "ssl")]
    pub(crate) mod ssl_server;
    #[cfg(feature = "ssl")]
    pub(crate) mod ssl_sni;
    #[cfg(feature = "ssl")]
    pub(crate) mod ssl_timeouts;
    #[cfg(feature = "ssl")]
    pub(crate) mod ssl_unwrap;
    #[cfg(feature = "ssl")]
    pub(crate) mod ssl_versions;
    pub(crate) mod subprocess_check;
    pub(crate) mod subprocess_communicate;
    pub(crate) mod subprocess_errors;
    pub(crate) mod subprocess_getoutput;
    pub(crate) mod subprocess_kill_communicate;
    pub(crate) mod subprocess_kill_waiter;
    pub(crate) mod subprocess_links;
    pub(crate) mod subprocess_pipes;
    pub(crate) mod subprocess_run;
    pub(crate) mod subprocess_timeout;
    pub(crate) mod subprocess_wait;
    pub(crate) mod subprocess_with;
    pub(crate) mod switch_out_hook_changes;
    pub(crate) mod system_errors_everywhere;
    pub(crate) mod system_exit;
    pub(crate) mod system_exit_twice;
    pub(crate) mod threadpool_apply;
    pub(crate) mod threadpool_tasks;
    pub(crate) mod throw_by_hand;
    pub(crate) mod timeout_exception;
    pub(crate) mod timeout_given;
    pub(crate) mod timeout_in_hub;
    pub(crate) mod timeout_joining;
    pub(crate) mod timeout_nesting;
    pub(crate) mod timeout_none;
    pub(crate) mod timeout_of_the_killed;
    pub(crate) mod timeout_ref_priority;
    pub(crate) mod timeout_restart;
    pub(crate) mod timeout_same_iteration;
    pub(crate) mod timeout_silent;
    pub(crate) mod timeout_silent_again;
    pub(crate) mod timeout_states;
    pub(crate) mod timeout_str;
    pub(crate) mod timeout_tie;
    pub(crate) mod timeout_two_greenlets;
    pub(crate) mod timeout_uncaught;
    pub(crate) mod timeout_with;
    pub(crate) mod timeout_with_timeout;
    pub(crate) mod timeout_zero;
    pub(crate) mod timer_order;
    pub(crate) mod util_assert_switches;
    pub(crate) mod util_assert_switches_nested;
    pub(crate) mod util_run_info;
    pub(crate) mod util_tree;
    pub(crate) mod util_tree_details;
    pub(crate) mod wait_mixed;
    pub(crate) mod wait_timeout_exc;
    pub(crate) mod waiter_after_get;
    pub(crate) mod waiter_before_get;
    pub(crate) mod waiter_getter_fails;
    pub(crate) mod waiter_killed_getter;
    pub(crate) mod waiter_link;
    pub(crate) mod waiter_multiple;
    pub(crate) mod waiter_multiple_members;
    pub(crate) mod waiter_not_in_hub;
    pub(crate) mod waiter_second_getter;
    pub(crate) mod waiter_states;
    pub(crate) mod watcher_async;
    pub(crate) mod watcher_errors;
    pub(crate) mod watcher_states;
    #[cfg(feature = "pywsgi")]
    pub(crate) mod wsgi_answers;
    #[cfg(feature = "pywsgi")]
    pub(crate) mod wsgi_bad_requests;
    #[cfg(feature = "pywsgi")]
    pub(crate) mod wsgi_bodies;
    #[cfg(feature = "pywsgi")]
    pub(crate) mod wsgi_chunks;
    #[cfg(feature = "pywsgi")]
    pub(crate) mod wsgi_concurrent;
    #[cfg(feature = "pywsgi")]
    pub(crate) mod wsgi_continue;
    #[cfg(feature = "pywsgi")]
    pub(crate) mod wsgi_environ;
    #[cfg(feature = "pywsgi")]
    pub(crate) mod wsgi_errors;
    #[cfg(feature = "pywsgi")]
    pub(crate) mod wsgi_head;
    #[cfg(feature = "pywsgi")]
    pub(crate) mod wsgi_headers;
    #[cfg(feature = "pywsgi")]
    pub(crate) mod wsgi_input;
    #[cfg(feature = "pywsgi")]
    pub(crate) mod wsgi_input_ends;
    #[cfg(feature = "pywsgi")]
    pub(crate) mod wsgi_log;
    #[cfg(feature = "pywsgi")]
    pub(crate) mod wsgi_persistence;
    #[cfg(feature = "pywsgi")]
    pub(crate) mod wsgi_pipelining;
    #[cfg(feature = "pywsgi")]
    pub(crate) mod wsgi_refused;
    #[cfg(feature = "pywsgi")]
    pub(crate) mod wsgi_set_application;
    #[cfg(feature = "pywsgi")]
    pub(crate) mod wsgi_splitting;
    #[cfg(all(feature = "pywsgi", feature = "ssl"))]
    pub(crate) mod wsgi_ssl;
    #[cfg(feature = "pywsgi")]
    pub(crate) mod wsgi_start_response;
    #[cfg(feature = "pywsgi")]
    pub(crate) mod wsgi_stop;
    #[cfg(feature = "pywsgi")]
    pub(crate) mod wsgi_upgrade;
    #[cfg(feature = "pywsgi")]
    pub(crate) mod wsgi_upload;
    #[cfg(feature = "pywsgi")]
    pub(crate) mod wsgi_write;
}

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use common::Result;
use common::process::Process;

/// The time limit of a port. None takes a second, except with a sanitizer on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Makes this program run one scenario and nothing else.
const RUN: &str = "--run";

struct Scenario {
    name: &'static str,
    main: fn() -> std::result::Result<(), gevent::Exception>,
}

macro_rules! scenarios {
    ($($(#[$attribute:meta])* $name:ident)*) => {
        const SCENARIOS: &[Scenario] = &[
            $($(#[$attribute])* Scenario { name: stringify!($name), main: gevent_parity::$name::main }),*
        ];
    };
}

scenarios! {
    asyncresult_exception
    asyncresult_getters
    asyncresult_link_target
    asyncresult_set_twice
    asyncresult_timeouts
    blocking_in_hub
    blocking_switch_out
    callback_batch
    callback_errors
    callback_states
    callbacks_timers_spawn
    channel_in_hub
    channel_kill
    channel_order
    channel_ping_pong
    channel_timeout
    error_contexts
    error_handle
    error_hook
    error_reports
    event_and_callbacks
    event_iwait
    event_killed_waiter
    event_late_waiter
    event_link_kept
    event_links
    event_links_renewed
    event_ping_pong
    event_set_then_clear
    event_timeouts
    event_unlinked_notifier
    event_wait_values
    event_wait_while_notifying
    events_blocked
    events_subscribers
    executor_futures
    file_buffering
    file_close_reader
    file_end
    file_lines
    file_order
    file_peek
    file_thread
    greenlet_exc_info
    greenlet_exit
    greenlet_get
    greenlet_get_raises
    greenlet_join_each_other
    greenlet_join_many
    greenlet_join_order
    greenlet_join_timeout
    greenlet_kill_current
    greenlet_kill_each_other
    greenlet_kill_exception
    greenlet_kill_finished
    greenlet_kill_ignored
    greenlet_kill_interrupted
    greenlet_kill_joining
    greenlet_kill_order
    greenlet_kill_self
    greenlet_kill_stale
    greenlet_kill_timeout
    greenlet_kill_twice
    greenlet_kill_unstarted
    greenlet_kill_woken
    greenlet_kill_yielding
    greenlet_link_blocks
    greenlet_link_changes
    greenlet_link_error
    greenlet_link_kept
    greenlet_link_kinds
    greenlet_link_late
    greenlet_link_order
    greenlet_link_other
    greenlet_link_unlink
    greenlet_link_unlink_first
    greenlet_many_getters
    greenlet_names
    greenlet_phases
    greenlet_phases_failed
    greenlet_run_self
    greenlet_spawn_callbacks
    greenlet_spawn_order
    greenlet_spawn_tree
    greenlet_spawn_tree_locals
    greenlet_start_corners
    greenlet_start_later
    greenlet_switch_by_hand
    greenlet_throw
    greenlet_unlink_joiner
    group_join
    hub_callbacks_spawn
    hub_cancel_wait
    hub_cancel_wait_close
    hub_cancel_waits_close
    hub_destroy
    hub_destroy_default
    hub_join
    hub_join_busy
    hub_join_not_main
    hub_not_error
    hub_switch
    hub_switch_out
    hub_thread
    hub_wait
    hub_wait_on_watcher
    idle_order
    invalid_switch
    io_and_callbacks
    io_timeout
    io_wait
    iwait_corners
    iwait_count_timeout
    iwait_early_exit
    iwait_killed
    iwait_order
    join_nested_timeouts
    joinable_results
    joinall_count_timeout
    joinall_order
    joinall_raise_error
    joinall_results
    kill_forms
    kill_function
    kill_raw
    kill_with_exception_class
    killall_nonblocking
    killall_order
    killall_raw
    killall_timeout
    links_that_block
    local_values
    lock_barrier
    lock_condition
    lock_fair
    lock_generic
    lock_rlock
    loop_exit
    loop_exit_after_work
    loop_exit_again
    loop_iteration
    loop_priorities
    loop_threadsafe
    loop_timer_stops_timer
    monitor_blocking
    monitor_functions
    monitor_sleep_time
    negative_times
    poll_events
    poll_greenlets
    pool_apply
    pool_errors
    pool_imap
    pool_imap_maxsize
    pool_join_raises
    pool_kill
    pool_map
    pool_sizes
    pool_spawn
    pool_starts
    program_philosophers
    program_pubsub
    program_rate_limiter
    program_retries
    program_single_flight
    program_supervisor
    queue_both_wait
    queue_handover
    queue_in_hub
    queue_iterate
    queue_join
    queue_kill
    queue_maxsize
    queue_orders
    queue_overtaken
    queue_peek
    queue_racing
    queue_shutdown
    queue_tasks
    queue_timeout
    raw_blocks
    raw_parent
    raw_spawner
    raw_switch
    raw_throw
    select_errors
    select_ready
    select_waits
    selector_events
    selector_greenlets
    selector_keys
    resolver_errors
    resolver_interrupted
    resolver_numbers
    resolver_order
    resolver_own
    semaphore_bounded
    semaphore_burst
    semaphore_killed_waiter
    semaphore_links
    semaphore_order
    semaphore_overtaking
    semaphore_racing
    semaphore_wait
    server_members
    signal_getcurrent
    datagram_order
    datagram_errors
    datagram_sendto
    server_accept_order
    server_full_pool
    server_stop_pool
    server_stop_no_pool
    server_set_spawn
    server_set_handle
    server_handler_errors
    server_delays
    server_restart
    server_do_handle
    server_serve_forever
    os_fork_callback
    os_pipe
    os_posix_spawn
    os_waitpid
    os_waitpid_killed
    signal_handler
    signal_restore
    signal_sigchld
    sleep0_interleaving
    sleep_negative
    sleep_wakes_in_order
    sleep_without_ref
    socket_acceptors
    socket_cancel_wait
    socket_close_accept
    socket_close_connect
    socket_close_recv
    socket_close_send
    socket_closed
    socket_connect_refused
    socket_create_connection
    socket_create_server
    socket_detach
    socket_dup
    socket_half_close
    socket_into
    socket_kill
    socket_makefile
    socket_makefile_lines
    socket_makefile_timeout
    socket_pairs
    socket_peek
    socket_reset
    socket_sendall
    socket_shutdown
    socket_states
    socket_timeout_changed
    socket_timeout_objects
    socket_timeout_zero
    socket_timeouts
    socket_two_users
    socket_udp
    socket_unix
    socket_unix_datagram
    socket_wake_order
    spawn_in_finally
    spawn_later_get
    spawn_many_order
    spawn_raw
    spawn_raw_tree
    spawn_tree_names
    switch_out_hook_changes
    system_errors_everywhere
    system_exit
    system_exit_twice
    #[cfg(feature = "ssl")]
    ssl_alpn
    #[cfg(feature = "ssl")]
    ssl_certificates
    #[cfg(feature = "ssl")]
    ssl_echo
    #[cfg(feature = "ssl")]
    ssl_ends
    #[cfg(feature = "ssl")]
    ssl_greenlets
    #[cfg(feature = "ssl")]
    ssl_not_tls
    #[cfg(feature = "ssl")]
    ssl_server
    #[cfg(feature = "ssl")]
    ssl_sni
    #[cfg(feature = "ssl")]
    ssl_timeouts
    #[cfg(feature = "ssl")]
    ssl_unwrap
    #[cfg(feature = "ssl")]
    ssl_versions
    subprocess_check
    subprocess_communicate
    subprocess_errors
    subprocess_getoutput
    subprocess_kill_communicate
    subprocess_kill_waiter
    subprocess_links
    subprocess_pipes
    subprocess_run
    subprocess_timeout
    subprocess_wait
    subprocess_with
    threadpool_apply
    threadpool_tasks
    throw_by_hand
    timeout_exception
    timeout_given
    timeout_in_hub
    timeout_joining
    timeout_nesting
    timeout_none
    timeout_of_the_killed
    timeout_ref_priority
    timeout_restart
    timeout_same_iteration
    timeout_silent
    timeout_silent_again
    timeout_states
    timeout_str
    timeout_tie
    timeout_two_greenlets
    timeout_uncaught
    timeout_with
    timeout_with_timeout
    timeout_zero
    timer_order
    util_assert_switches
    util_assert_switches_nested
    util_run_info
    util_tree
    util_tree_details
    wait_mixed
    wait_timeout_exc
    waiter_after_get
    waiter_before_get
    waiter_getter_fails
    waiter_killed_getter
    waiter_link
    waiter_multiple
    waiter_multiple_members
    waiter_not_in_hub
    waiter_second_getter
    waiter_states
    watcher_async
    watcher_errors
    watcher_states
    #[cfg(feature = "pywsgi")]
    wsgi_answers
    #[cfg(feature = "pywsgi")]
    wsgi_bad_requests
    #[cfg(feature = "pywsgi")]
    wsgi_bodies
    #[cfg(feature = "pywsgi")]
    wsgi_chunks
    #[cfg(feature = "pywsgi")]
    wsgi_concurrent
    #[cfg(feature = "pywsgi")]
    wsgi_continue
    #[cfg(feature = "pywsgi")]
    wsgi_environ
    #[cfg(feature = "pywsgi")]
    wsgi_errors
    #[cfg(feature = "pywsgi")]
    wsgi_head
    #[cfg(feature = "pywsgi")]
    wsgi_headers
    #[cfg(feature = "pywsgi")]
    wsgi_input
    #[cfg(feature = "pywsgi")]
    wsgi_input_ends
    #[cfg(feature = "pywsgi")]
    wsgi_log
    #[cfg(feature = "pywsgi")]
    wsgi_persistence
    #[cfg(feature = "pywsgi")]
    wsgi_pipelining
    #[cfg(feature = "pywsgi")]
    wsgi_refused
    #[cfg(feature = "pywsgi")]
    wsgi_set_application
    #[cfg(feature = "pywsgi")]
    wsgi_splitting
    #[cfg(all(feature = "pywsgi", feature = "ssl"))]
    wsgi_ssl
    #[cfg(feature = "pywsgi")]
    wsgi_start_response
    #[cfg(feature = "pywsgi")]
    wsgi_stop
    #[cfg(feature = "pywsgi")]
    wsgi_upgrade
    #[cfg(feature = "pywsgi")]
    wsgi_upload
    #[cfg(feature = "pywsgi")]
    wsgi_write
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [option, name] = &arguments[..]
        && option == RUN
    {
        return run(name);
    }
    let (options, wanted): (Vec<_>, Vec<_>) = arguments.iter().partition(|a| a.starts_with('-'));
    let chosen: Vec<&Scenario> = SCENARIOS
        .iter()
        .filter(|scenario| wanted.is_empty() || wanted.iter().any(|w| scenario.name.contains(*w)))
        .collect();
    if options.iter().any(|option| *option == "--list") {
        chosen.iter().for_each(|s| println!("{}: test", s.name));
        return ExitCode::SUCCESS;
    }

    let mut failed = 0;
    if let Err(problem) = none_is_forgotten() {
        println!("{problem}");
        failed += 1;
    }
    for scenario in &chosen {
        if let Err(problem) = scenario.compare() {
            println!("{}:\n{problem}", scenario.name);
            failed += 1;
        }
    }
    println!("{} scenarios, {failed} failed", chosen.len());
    match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Runs one scenario in this process. An error that the scenario does not handle ends the process, as in Python.
fn run(name: &str) -> ExitCode {
    let Some(scenario) = SCENARIOS.iter().find(|scenario| scenario.name == name) else {
        eprintln!("no scenario is called {name}");
        return ExitCode::FAILURE;
    };
    match (scenario.main)() {
        Ok(()) => ExitCode::SUCCESS,
        Err(exception) => {
            eprintln!("{exception:?}");
            ExitCode::FAILURE
        }
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gevent_parity")
}

/// Checks that every script in the folder has a port, and every port a script.
fn none_is_forgotten() -> Result {
    let scripts: BTreeSet<String> = fs::read_dir(folder())?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|file| Some(file.strip_suffix(".py")?.to_owned()))
        .filter(|name| !name.starts_with("common"))
        .filter(|name| cfg!(feature = "pywsgi") || !name.starts_with("wsgi_"))
        .filter(|name| cfg!(feature = "ssl") || !name.contains("ssl"))
        .collect();
    let ports = SCENARIOS.iter().map(|s| s.name.to_owned()).collect();
    if scripts != ports {
        let difference: Vec<_> = scripts.symmetric_difference(&ports).collect();
        return Err(format!("script without port, or port without script: {difference:?}").into());
    }
    Ok(())
}

impl Scenario {
    fn compare(&self) -> Result {
        let trace = folder().join(self.name).with_extension("trace");
        let recorded =
            fs::read_to_string(&trace).map_err(|error| format!("{}: {error}; see README.md", trace.display()))?;
        let port = Process::spawn(common::this_program::command().args([RUN, self.name]))?;
        let ended = port.wait(LIMIT)?;
        if !ended.status.success() || !ended.stderr.is_empty() {
            return Err(format!("{}\n{}\n{}", ended.status, ended.stdout, ended.stderr).into());
        }
        let (gevent, rust): (Vec<_>, Vec<_>) = (recorded.lines().collect(), ended.stdout.lines().collect());
        if gevent != rust {
            return Err(difference(&gevent, &rust).into());
        }
        Ok(())
    }
}

/// Both traces in one column. Lines that only one of them has are marked.
fn difference(gevent: &[&str], rust: &[&str]) -> String {
    let common = common_lengths(gevent, rust);
    let mut report = String::new();
    let (mut i, mut j) = (0, 0);
    while i < gevent.len() || j < rust.len() {
        let (mark, line);
        if i < gevent.len() && j < rust.len() && gevent[i] == rust[j] {
            (mark, line) = ("", gevent[i]);
            i += 1;
            j += 1;
        } else if j == rust.len() || (i < gevent.len() && common[i + 1][j] >= common[i][j + 1]) {
            (mark, line) = ("gevent", gevent[i]);
            i += 1;
        } else {
            (mark, line) = ("rust", rust[j]);
            j += 1;
        }
        let _ = writeln!(report, "{mark:>8} | {line}");
    }
    report
}

/// The number of lines that the rest of `a` from line `i` and the rest of `b` from line `j` have in common, at
/// `[i][j]`.
fn common_lengths(a: &[&str], b: &[&str]) -> Vec<Vec<usize>> {
    let mut lengths = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            lengths[i][j] = match a[i] == b[j] {
                true => lengths[i + 1][j + 1] + 1,
                false => lengths[i + 1][j].max(lengths[i][j + 1]),
            };
        }
    }
    lengths
}
