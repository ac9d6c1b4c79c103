//! How much memory the process has and may have, as far as the system tells.

use std::fs;

/// Bytes resident in memory, of this whole process; none where the system does not tell.
pub fn resident() -> Option<u64> {
    kibibytes(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")
}

/// Bytes that could still be had without swapping, within the control group's bound if there is one; none
/// where the system does not tell.
pub fn available() -> Option<u64> {
    let machine = kibibytes(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")?;
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let group = number("/sys/fs/cgroup/memory.max")
        .zip(number("/sys/fs/cgroup/memory.current"))
        .map(|(most, now)| most.saturating_sub(now));
    Some(group.map_or(machine, |left| left.min(machine)))
}

/// The bytes of a line such as `VmRSS:   1234 kB`.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let count: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    count.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_and_scaled() {
        let text = "VmPeak:\t 9 kB\nVmRSS:\t    1234 kB\nThreads:\t1\n";
        assert_eq!(kibibytes(text, "VmRSS:"), Some(1234 * 1024));
        assert_eq!(kibibytes(text, "VmSwap:"), None);
        assert_eq!(kibibytes(text, "Threads:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_allocated_becomes_resident() {
        let before = resident().expect("Linux tells");
        let held = vec![1u8; 256 << 20];
        let after = resident().expect("Linux tells");
        assert!(after > before + (100 << 20), "{before} -> {after}");
        assert_eq!(
            held.iter()
                .step_by(4096)
                .map(|&x| u64::from(x))
                .sum::<u64>(),
            65_536
        );
        assert!(available().is_some());
    }
}
