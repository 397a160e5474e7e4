//! Ways to damage a file, and to make it hostile.

use super::seeds::{Seed, crc32};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Lengths and offsets that break arithmetic.
const EXTREMES: [u64; 14] =
    [0, 1, 2, 255, 256, 0x7fff, 0xffff, 11_000, 65_536, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_ffff, u64::MAX];
/// Floating point numbers that break arithmetic.
const FLOATS: [f32; 12] = [
    f32::NAN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::MAX,
    f32::MIN,
    3e38,
    -1e15,
    1e-45,
    f32::MIN_POSITIVE,
    -0.0,
    1e10,
    -1.0,
];
/// Longest mutated file, bytes.
const MOST_BYTES: usize = 1 << 20;

/// A source of mutations, the same for the same seed.
pub(crate) struct Mutator(ChaCha8Rng);

impl Mutator {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number below `n`, 0 where that is 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        if n == 0 { 0 } else { self.0.random_range(0..n) }
    }

    /// One to four mutations of a file, one after the other.
    pub(crate) fn mutated(&mut self, seed: &Seed, others: &[Seed]) -> Vec<u8> {
        let mut bytes = seed.bytes.clone();
        for _ in 0..1 + self.below(4) {
            self.mutate(&mut bytes, others);
            bytes.truncate(MOST_BYTES);
        }
        // Otherwise hardly any damage comes past the checksums.
        if seed.format == "png" && self.below(4) > 0 {
            fit_checksums(&mut bytes);
        }
        bytes
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>, others: &[Seed]) {
        let length = bytes.len();
        // What decides is at the front; the rest is mostly pixels.
        let place = if self.below(3) == 0 { self.below(length) } else { self.below(length.min(200)) };
        match self.below(12) {
            0 | 1 if length > 0 => bytes[place] ^= 1 << self.below(8),
            2 if length > 0 => bytes[place] = self.0.random(),
            3 => bytes.truncate(self.below(length + 1)),
            4 => {
                let n = 1 + self.below(64);
                let extra: Vec<u8> = (0..n).map(|_| self.0.random()).collect();
                bytes.splice(place..place, extra);
            }
            5 => self.write_number(bytes, place),
            6 => self.swap_runs(bytes),
            7 => {
                // A right beginning, and noise.
                let kept = self.below(length.min(64) + 1);
                bytes[kept..].iter_mut().for_each(|byte| *byte = self.0.random());
            }
            8 => {
                let value = FLOATS[self.below(FLOATS.len())];
                let four = if self.below(2) == 0 { value.to_le_bytes() } else { value.to_be_bytes() };
                // Samples lie at multiples of four, or at two more.
                let at = (self.below(length) & !3) + 2 * self.below(2);
                overwrite(bytes, at, &four);
            }
            9 => {
                let other = &others[self.below(others.len())].bytes;
                let (cut, from) = (self.below(length + 1), self.below(other.len() + 1));
                bytes.truncate(cut);
                bytes.extend(&other[from..]);
            }
            10 => {
                let n = self.below((length - place).min(64) + 1);
                drop(bytes.drain(place..place + n));
            }
            _ => {
                let n = self.below((length - place).min(256) + 1);
                let run = bytes[place..place + n].to_vec();
                bytes.splice(place..place, run);
            }
        }
    }

    /// Writes an extreme number over 1, 2, 4 or 8 bytes.
    fn write_number(&mut self, bytes: &mut [u8], place: usize) {
        let number = EXTREMES[self.below(EXTREMES.len())];
        let width = 1 << self.below(4);
        let (little, big) = (number.to_le_bytes(), number.to_be_bytes());
        let run = if self.below(2) == 0 { &little[..width] } else { &big[8 - width..] };
        overwrite(bytes, place, run);
    }

    /// Exchanges two runs of bytes of the same length.
    fn swap_runs(&mut self, bytes: &mut [u8]) {
        let n = 1 + self.below(bytes.len().min(128) / 2);
        let (one, other) = (self.below(bytes.len()), self.below(bytes.len()));
        for i in 0..n {
            if one + i < bytes.len() && other + i < bytes.len() {
                bytes.swap(one + i, other + i);
            }
        }
    }
}

fn overwrite(bytes: &mut [u8], place: usize, run: &[u8]) {
    bytes.iter_mut().skip(place).zip(run).for_each(|(byte, new)| *byte = *new);
}

/// Makes the checksum of each whole chunk of a PNG fit.
fn fit_checksums(bytes: &mut [u8]) {
    let mut at = 8;
    // Length, kind, content, checksum.
    while let Some(length) = bytes.get(at..at + 4).and_then(|four| four.first_chunk::<4>()) {
        let end = at + 8 + u32::from_be_bytes(*length) as usize;
        if end + 4 > bytes.len() {
            return;
        }
        let sum = crc32(&bytes[at + 4..end]);
        overwrite(bytes, end, &sum.to_be_bytes());
        at = end + 4;
    }
}
