//! Masks as runs, in the formats of other programs.

use super::Spot;

/// The counts of COCO's run-length encoding: pixels in columns, first those outside, then those inside, by turns.
#[must_use]
pub fn coco_counts(spot: &Spot, (height_px, width_px): (usize, usize)) -> Vec<usize> {
    let (mut counts, mut end) = (vec![], 0);
    for range in spot.by_columns(height_px) {
        counts.extend([range.start - end, range.len()]);
        end = range.end;
    }
    let n_pixels = height_px * width_px;
    if end < n_pixels {
        counts.push(n_pixels - end);
    }
    counts
}

/// Counts as COCO's text: from the fourth on the difference to the count two before; five bits for each character, the lowest
/// first, in characters from `0` on; the sixth says that more follow.
#[must_use]
pub fn coco_text(counts: &[usize]) -> String {
    let mut text = String::new();
    for (at, count) in counts.iter().enumerate() {
        let before = if at > 2 { counts[at - 2] } else { 0 };
        let mut left = *count as i64 - before as i64;
        loop {
            let bits = (left & 0x1f) as u8;
            left >>= 5;
            let ends = left == if bits & 0x10 == 0 { 0 } else { -1 };
            text.push(char::from(48 + bits + if ends { 0 } else { 0x20 }));
            if ends {
                break;
            }
        }
    }
    text
}

/// Longest run of the brush format.
const LONGEST_RUN: usize = 1 << 16;

/// Label Studio's brush format: the mask as 0 and 255, four times each pixel (red, green, blue, alpha), row by row, in runs of
/// thi.ng's `rle-pack`.
#[must_use]
pub fn brush(spot: &Spot, (height_px, width_px): (usize, usize)) -> Vec<u8> {
    let n_values = 4 * height_px * width_px;
    let mut bits = Bits::default();
    bits.push(n_values as u64, 32);
    // Bits of a value less one; then the bits of the four lengths of runs, each less one.
    bits.push(7, 5);
    [3, 4, 8, 16].into_iter().for_each(|n_bits| bits.push(n_bits - 1, 4));
    let mut end = 0;
    for range in spot.by_rows(width_px) {
        bits.run(0, 4 * (range.start - end));
        bits.run(255, 4 * range.len());
        end = range.end;
    }
    bits.run(0, n_values - 4 * end);
    bits.finish()
}

/// Bits, the highest of a number first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    current: u8,
    n_current: u32,
}

impl Bits {
    fn push(&mut self, number: u64, n_bits: u32) {
        for at in (0..n_bits).rev() {
            self.current = self.current << 1 | (number >> at & 1) as u8;
            self.n_current += 1;
            if self.n_current == 8 {
                self.bytes.push(self.current);
                (self.current, self.n_current) = (0, 0);
            }
        }
    }

    /// So many times the same value; the flag of a run, the size of its length, its length less one, the value.
    fn run(&mut self, value: u64, length: usize) {
        let mut left = length;
        while left > 0 {
            let length = left.min(LONGEST_RUN);
            left -= length;
            let (size, n_bits) = match length {
                0..9 => (0, 3),
                9..17 => (1, 4),
                17..257 => (2, 8),
                _ => (3, 16),
            };
            self.push(1, 1);
            self.push(size, 2);
            self.push(length as u64 - 1, n_bits);
            self.push(value, 8);
        }
    }

    /// Filled with zeros to a whole byte, one of its own where there is nothing to fill.
    fn finish(mut self) -> Vec<u8> {
        self.push(0, 8 - self.n_current);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Mask;
    use proptest::prelude::*;

    fn mask(rows: &[&[u8]]) -> Mask {
        let values = rows.iter().flat_map(|row| row.iter().map(|value| *value > 0)).collect();
        Mask { values, height_px: rows.len(), width_px: rows[0].len() }
    }

    /// The only spot of a mask.
    fn spot(mask: &Mask) -> Spot {
        let spots = Spot::all_in(mask);
        assert_eq!(spots.len(), 1);
        spots[0].clone()
    }

    #[test]
    fn the_brush_is_that_of_label_studios_converter() {
        let cases: [(&[&[u8]], &[u8]); 2] = [
            (&[&[0, 255], &[255, 0]], &[0, 0, 0, 16, 57, 27, 252, 96, 19, 255, 198, 0]),
            (&[&[0, 0, 0], &[255, 255, 255]], &[0, 0, 0, 24, 57, 27, 253, 176, 11, 127, 224]),
        ];
        for (rows, expected) in cases {
            let mask = mask(rows);
            assert_eq!(brush(&spot(&mask), (mask.height_px, mask.width_px)), expected);
        }
    }

    #[test]
    fn counts_and_their_text_are_those_of_cocos_tools() {
        let mask = mask(&[&[0, 1, 1], &[0, 0, 1]]);
        assert_eq!(coco_counts(&spot(&mask), (2, 3)), [2, 1, 1, 2]);
        assert_eq!(coco_text(&[2, 1, 1, 2]), "2111");
        assert_eq!(coco_text(&[6, 1, 40, 1000, 7, 3]), "61X1Wo0oNkPO");
    }

    /// Reads the brush format without any code of the writer.
    fn read_brush(bytes: &[u8]) -> Vec<u8> {
        let bit = |at: usize| bytes[at / 8] >> (7 - at % 8) & 1;
        let mut at = 0;
        let mut take = |n: usize| {
            (0..n).fold(0usize, |number, _| {
                at += 1;
                number << 1 | usize::from(bit(at - 1))
            })
        };
        let n_values = take(32);
        let word = take(5) + 1;
        let sizes: Vec<usize> = (0..4).map(|_| take(4) + 1).collect();
        let mut values = vec![];
        while values.len() < n_values {
            let is_run = take(1) == 1;
            let size = sizes[take(2)];
            let length = take(size) + 1;
            if is_run {
                let value = take(word) as u8;
                values.extend(std::iter::repeat_n(value, length));
            } else {
                values.extend((0..length).map(|_| take(word) as u8));
            }
        }
        values
    }

    /// Reads COCO's text without any code of the writer.
    fn read_coco(text: &str, height: usize, width: usize) -> Vec<bool> {
        let mut counts: Vec<i64> = vec![];
        let mut bytes = text.bytes();
        while bytes.len() > 0 {
            let (mut number, mut shift) = (0i64, 0);
            loop {
                let byte = i64::from(bytes.next().unwrap()) - 48;
                number |= (byte & 0x1f) << shift;
                shift += 5;
                if byte & 0x20 == 0 {
                    if byte & 0x10 != 0 {
                        number |= -1 << shift;
                    }
                    break;
                }
            }
            if counts.len() > 2 {
                number += counts[counts.len() - 2];
            }
            counts.push(number);
        }
        assert_eq!(counts.iter().sum::<i64>(), (height * width) as i64);
        let mut columns = vec![];
        for (at, count) in counts.iter().enumerate() {
            columns.extend(std::iter::repeat_n(at % 2 == 1, *count as usize));
        }
        (0..height * width).map(|pixel| columns[pixel % width * height + pixel / width]).collect()
    }

    proptest! {
        #[test]
        fn what_readers_of_their_own_decode_is_the_mask(
            (height_px, width_px) in (1usize..80, 1usize..300),
            boxes in prop::collection::vec((0usize..80, 0usize..300, 1usize..80, 1usize..300), 1..6),
        ) {
            let mut values = vec![false; height_px * width_px];
            for (top, left, height, width) in boxes {
                for row in top..(top + height).min(height_px) {
                    for column in left..(left + width).min(width_px) {
                        values[row * width_px + column] = true;
                    }
                }
            }
            let size = (height_px, width_px);
            for spot in Spot::all_in(&Mask { values, height_px, width_px }) {
                let mut expected = vec![false; height_px * width_px];
                spot.pixels().for_each(|(row, column)| expected[row * width_px + column] = true);
                prop_assert_eq!(&read_coco(&coco_text(&coco_counts(&spot, size)), height_px, width_px), &expected);
                let painted: Vec<bool> = read_brush(&brush(&spot, size)).chunks(4).map(|pixel| {
                    assert!(pixel.iter().all(|value| *value == pixel[0]));
                    pixel[0] == 255
                }).collect();
                prop_assert_eq!(&painted, &expected);
            }
        }
    }

    #[test]
    fn runs_beyond_the_longest_are_split() {
        let mut values = vec![false; 300 * 300];
        values[299 * 300 + 299] = true;
        let mask = Mask { values, height_px: 300, width_px: 300 };
        let painted = read_brush(&brush(&spot(&mask), (300, 300)));
        assert_eq!((painted.len(), painted.iter().filter(|value| **value == 255).count()), (360_000, 4));
    }
}
