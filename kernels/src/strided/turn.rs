//! Transposes and short copies.

/// Rows and columns of a block that is turned in registers.
const BLOCK: usize = 4;

/// Writes the transpose of `n_rows` x `n_columns` values, whose rows are `stride` apart, with rows `to_stride` apart.
pub(super) fn turn(
    (values, stride): (&[f32], usize),
    (n_rows, n_columns): (usize, usize),
    (out, to_stride): (&mut [f32], usize),
) {
    let (whole_rows, whole_columns) = (n_rows / BLOCK * BLOCK, n_columns / BLOCK * BLOCK);
    for column in (0..whole_columns).step_by(BLOCK) {
        for row in (0..whole_rows).step_by(BLOCK) {
            let block: [[f32; BLOCK]; BLOCK] = std::array::from_fn(|r| {
                let line = &values[(row + r) * stride + column..][..BLOCK];
                std::array::from_fn(|c| line[c])
            });
            for c in 0..BLOCK {
                let turned: [f32; BLOCK] = std::array::from_fn(|r| block[r][c]);
                out[(column + c) * to_stride + row..][..BLOCK].copy_from_slice(&turned);
            }
        }
    }
    for column in 0..n_columns {
        let first = if column < whole_columns { whole_rows } else { 0 };
        for row in first..n_rows {
            out[column * to_stride + row] = values[row * stride + column];
        }
    }
}

/// Copies as many values as `out` has; those of few channels without a call.
pub(super) fn copy(values: &[f32], out: &mut [f32]) {
    macro_rules! by_length {
        ($($n:literal)*) => {
            match out.len() {
                $($n => {
                    if let (Some(from), Some(to)) = (values.first_chunk::<$n>(), out.first_chunk_mut::<$n>()) {
                        *to = *from;
                    }
                })*
                n => out.copy_from_slice(&values[..n]),
            }
        };
    }
    by_length!(1 2 3 6 16 32);
}
