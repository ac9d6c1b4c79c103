//! What a link does to packets, and what it has done.

use std::time::Duration;

/// Which way a packet goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Direction {
    /// From the device to the stack.
    ToFarewell,
    /// From the stack to the device.
    ToKernel,
}

impl Direction {
    /// Both.
    pub const BOTH: [Direction; 2] = [Direction::ToFarewell, Direction::ToKernel];
}

/// What a link does to packets, each in so many of a thousand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Faults {
    /// Lost.
    pub lose: u16,
    /// Delivered once more, later.
    pub duplicate: u16,
    /// Held back while others pass.
    pub reorder: u16,
    /// Held back, and those behind it wait.
    pub delay: u16,
    /// How long a packet is held back at most.
    pub longest: Duration,
}

impl Faults {
    /// A perfect link.
    pub const NONE: Faults = Faults {
        lose: 0,
        duplicate: 0,
        reorder: 0,
        delay: 0,
        longest: Duration::ZERO,
    };
}

/// How many packets came by, and what befell them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// That entered the link.
    pub packets: u64,
    /// Lost.
    pub lost: u64,
    /// Delivered twice.
    pub duplicated: u64,
    /// Delivered after one that had entered later.
    pub reordered: u64,
    /// Held back in their order.
    pub delayed: u64,
}

impl Counts {
    /// All that befell them.
    pub fn faults(&self) -> u64 {
        self.lost + self.duplicated + self.reordered + self.delayed
    }

    /// Adds others.
    pub fn add(&mut self, other: &Counts) {
        self.packets += other.packets;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.delayed += other.delayed;
    }
}
