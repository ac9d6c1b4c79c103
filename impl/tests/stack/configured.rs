//! The configuration of a stack is changed while connections are open.

use std::time::Duration;

use farewell::State::{Closed, FinWait1};
use farewell::connection::Indication;
use farewell::stack::StackError;
use farewell::{Config, config::ConfigError};

use super::net::*;

/// What open connections do next goes by it: here the user timeout that their CLOSE starts.
#[test]
fn it_holds_for_open_connections() {
    let mut net = Net::new(config());
    let (a, _) = net.open();
    let user_timeout = Some(Duration::from_secs(3));
    let changed = Config {
        user_timeout,
        ..*net.hosts[A].config()
    };
    net.hosts[A].set_config(changed).unwrap();
    assert_eq!(net.hosts[A].config(), &changed);
    // Nobody hears its FIN.
    let mut room = [0; 2_000];
    net.hosts[A].shutdown(net.now, a).unwrap();
    while net.hosts[A]
        .poll_transmit(net.now, &mut room)
        .unwrap()
        .is_some()
    {}
    assert_eq!(net.hosts[A].state(a), Ok(FinWait1));
    let end = net.now + Duration::from_secs(3);
    while let Some(next) = net.hosts[A].poll_timeout().filter(|next| *next <= end) {
        net.hosts[A].handle_timeout(next);
        while net.hosts[A]
            .poll_transmit(next, &mut room)
            .unwrap()
            .is_some()
        {}
    }
    assert_eq!(net.hosts[A].state(a), Ok(Closed));
    let told = std::iter::from_fn(|| net.hosts[A].poll_event());
    let timeout = farewell::stack::Event::Connection(a, Indication::UserTimeout);
    assert!(told.into_iter().any(|e| e == timeout));
}

/// A configuration that makes no sense changes nothing, nor does one with another TIME_WAIT.
#[test]
fn what_it_does_not_change() {
    let mut net = Net::new(config());
    let before = *net.hosts[A].config();
    let bad = Config { mss: 1, ..before };
    let refused = net.hosts[A].set_config(bad);
    assert_eq!(refused, Err(StackError::Config(ConfigError::Mss(1))));
    assert_eq!(net.hosts[A].config(), &before);

    let time_wait = before.time_wait / 4;
    let shorter = Config {
        time_wait,
        ..before
    };
    let refused = net.hosts[A].set_config(shorter);
    assert_eq!(refused, Err(StackError::TimeWaitChanged));
    assert_eq!(net.hosts[A].config(), &before);
}
