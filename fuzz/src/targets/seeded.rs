//! Fuzzing without libFuzzer: bytes from a seeded generator, and seed corpora with a few bytes changed.

use std::path::Path;

use super::body;

/// SplitMix64: the same bytes from the same seed, everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `n`; 0 for 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.next().checked_rem(n as u64).unwrap_or(0) as usize
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        // All of one kind now and then: small ones, or the edges.
        let kind = self.below(4);
        (0..len)
            .map(|_| match kind {
                0 => self.below(8) as u8,
                1 if self.below(2) == 0 => [0, 1, 0x7f, 0x80, 0xfe, 0xff][self.below(6)],
                _ => self.next() as u8,
            })
            .collect()
    }

    /// A few bytes changed, put in, taken out, or cut off.
    fn mutate(&mut self, data: &mut Vec<u8>) {
        for _ in 0..=self.below(6) {
            let at = self.below(data.len() + 1);
            let value = self.next() as u8;
            match self.below(6) {
                0 => data.insert(at, value),
                1 => drop(data.drain(at..(at + 1 + self.below(4)).min(data.len()))),
                2 => data.truncate(at),
                3 => {
                    let more = self.below(64);
                    data.extend(self.bytes(more));
                }
                4 => data
                    .iter_mut()
                    .skip(at)
                    .take(1)
                    .for_each(|b| *b ^= 1 << (value % 8)),
                _ => data.iter_mut().skip(at).take(1).for_each(|b| *b = value),
            }
        }
    }
}

/// The seed corpus of a target, by name of file.
///
/// # Errors
///
/// It cannot be read.
pub fn corpus(target: &str) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        files.push((name, std::fs::read(entry.path())?));
    }
    files.sort();
    Ok(files)
}

/// Inputs that depend on `seed` and the seed corpus only: half of them random, half of them changed seeds.
pub fn inputs(target: &str, seed: u64) -> impl Iterator<Item = Vec<u8>> {
    let seeds = corpus(target).unwrap_or_default();
    let mut random = Random(seed);
    std::iter::repeat_with(move || {
        let most = [16, 64, 300, 1_000][random.below(4)];
        let len = random.below(most);
        let mut data = random.bytes(len);
        if random.below(2) == 0
            && let Some((_, seed)) = seeds.get(random.below(seeds.len()))
        {
            data.clone_from(seed);
            random.mutate(&mut data);
        }
        data
    })
}

/// Random bytes that depend on `seed` only, as long as a script that does something needs them.
pub fn random(seed: u64) -> impl Iterator<Item = Vec<u8>> {
    let mut random = Random(seed);
    std::iter::repeat_with(move || {
        let len = 80 + random.below(900);
        (0..len).map(|_| random.next() as u8).collect()
    })
}

/// Runs a target on that many of its [`inputs`].
///
/// # Panics
///
/// If there is no such target, and where the target does.
pub fn seeded(target: &str, seed: u64, runs: usize) {
    let run = body(target).unwrap_or_else(|| panic!("no target {target}"));
    inputs(target, seed).take(runs).for_each(|data| run(&data));
}
