//! The pieces that scenarios are built from.

use super::Size;
use crate::rules::Profile;
use crate::seq::Seq;
use crate::spec::{Choices, Config, Spec};
use crate::world::{Clocks, HostPlan, IsnPolicy, Plan, Script, Step, When};

/// ISNs near the previous incarnation's: below it, the same, and inside what it used.
pub const MENU: &[i8] = &[-1, 0, 2];

/// A hardened TCP: TIME_WAIT of 2 MSL, everything else for ever, the user reads at once.
pub fn tcp(size: Size) -> Config {
    Config {
        rules: Profile::Hardened.rules(),
        choices: Choices::default(),
        time_wait: two_msl(size.msl()),
        fin_wait_2: None,
        user_timeout: None,
        give_up: None,
        keep_alive: None,
        receive_buffer: 4,
        fixed_window: true,
        no_timer_in: None,
    }
}

/// Ticks that make sure of 2 MSL: a timer of n ticks may start just before a tick and last little more than n - 1.
pub const fn two_msl(msl: u8) -> u8 {
    2 * msl + 1
}

/// A host of one life.
pub fn host(size: Size, base: u32, steps: &[Step]) -> HostPlan<Config> {
    HostPlan {
        tcp: tcp(size),
        lives: vec![Script {
            steps: steps.to_vec(),
            timestamps: false,
        }],
        reads: true,
        isn: IsnPolicy::Menu(MENU),
        aborts: false,
        crashes: 0,
        quiet: 0,
        vanishes: false,
        orphan_timer: false,
        base: Seq::new(base),
    }
}

/// First ISNs, far from each other and from zero.
pub const BASES: [u32; 2] = [1_000, 5_000];

/// A world of two hosts with one life each.
pub fn world(size: Size, a: &[Step], b: &[Step]) -> Plan<Spec> {
    Plan {
        hosts: [host(size, BASES[0], a), host(size, BASES[1], b)],
        lifetime: size.msl(),
        clocks: Clocks::Together,
        rules: Profile::Hardened.rules(),
        saturated: true,
        strays: Vec::new(),
        judged: 0,
    }
}

/// A world of two hosts that do the same and count from the same first ISN: one is the mirror image of the other.
pub fn twins(size: Size, steps: &[Step]) -> Plan<Spec> {
    let both = host(size, BASES[0], steps);
    Plan {
        hosts: [both.clone(), both],
        ..world(size, &[], &[])
    }
}

impl HostPlan<Config> {
    /// Another life.
    pub fn then(&mut self, steps: &[Step]) {
        self.lives.push(Script {
            steps: steps.to_vec(),
            timestamps: false,
        });
    }

    /// Every life offers timestamps.
    pub fn with_timestamps(&mut self) {
        for l in &mut self.lives {
            l.timestamps = true;
        }
    }
}

impl Plan<Spec> {
    /// Changes both hosts.
    pub fn both(mut self, change: impl Fn(&mut HostPlan<Config>)) -> Self {
        for h in &mut self.hosts {
            change(h);
        }
        self
    }
}

/// Opens actively, writes and closes its side when established, reads to the end.
pub fn client(bytes: u8, when: When) -> Vec<Step> {
    vec![
        Step::Connect(when),
        Step::AwaitEstablished,
        Step::Send(bytes),
        Step::Shutdown,
        Step::AwaitEnd,
    ]
}

/// Listens, answers when it has read to the end, closes.
pub fn server(bytes: u8, when: When) -> Vec<Step> {
    vec![
        Step::Listen(when),
        Step::AwaitEnd,
        Step::Send(bytes),
        Step::Close,
    ]
}
