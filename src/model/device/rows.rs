//! Rows of a bank on a device, where it looks for those near a query.

use super::opened::OpenDevice;
use crate::kernel::{Groups, PreparedRows, Scout, Scouted};
use burn::tensor::{DType, Device, Tensor, TensorData};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

impl OpenDevice {
    /// Helps to search these rows from now on, with the same answers; tells whether it does: not a CPU, which does better on
    /// its own, nor where the device fails (too little memory, say).
    ///
    /// Whatever precision its networks compute in, products of rows are computed in `f32`.
    pub fn help<R: AsRef<[f32]> + Sync>(&self, rows: &mut PreparedRows<R>) -> bool {
        self.is_gpu() && rows.help(|rows| scout(&self.device, rows))
    }
}

fn scout(device: &Device, rows: Scouted<'_>) -> Option<Arc<dyn Scout>> {
    let scout: Arc<dyn Scout> = Arc::new(DeviceRows::new(device, rows)?);
    Some(scout)
}

/// The rows, in blocks that every device can bind.
struct DeviceRows {
    blocks: Vec<Block>,
    dim: usize,
    groups: Groups,
    device: Device,
    /// One search at a time: two would need twice the memory, and a device that is at work gains nothing by a second.
    turn: Mutex<()>,
}

struct Block {
    /// `[dim, rows]`, transposed only in name.
    rows: Tensor<2>,
    /// `[1, rows]`.
    offsets: Tensor<2>,
}

impl fmt::Debug for DeviceRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceRows").field("dim", &self.dim).field("groups", &self.groups).finish_non_exhaustive()
    }
}

impl DeviceRows {
    fn new(device: &Device, Scouted { rows, offsets, groups }: Scouted<'_>) -> Option<Self> {
        let dim = rows.len() / groups.n_rows;
        let make = || {
            let of_block = |(rows, offsets): (&[f32], &[f32])| Block {
                rows: tensor(rows, [groups.block, dim], device).transpose(),
                offsets: tensor(offsets, [1, groups.block], device),
            };
            rows.chunks(groups.block * dim).zip(offsets.chunks(groups.block)).map(of_block).collect()
        };
        let blocks = catch_unwind(AssertUnwindSafe(make)).ok()?;
        Some(Self { blocks, dim, groups, device: device.clone(), turn: Mutex::new(()) })
    }

    fn compute(&self, queries: &[f32], offsets: Option<&[f32]>) -> Option<Vec<f32>> {
        let n = queries.len() / self.dim;
        let queries = tensor(queries, [n, self.dim], &self.device);
        let blocks = self.blocks.iter().enumerate().map(|(b, block)| {
            let offsets = match offsets {
                Some(all) => {
                    tensor(&all[b * self.groups.block..][..self.groups.block], [1, self.groups.block], &self.device)
                }
                None => block.offsets.clone(),
            };
            let values = queries.clone().matmul(block.rows.clone()) + offsets;
            let of_groups: Tensor<3> = values.reshape([n, self.groups.size, self.groups.per_block()]);
            of_groups.min_dim(1).reshape([n, self.groups.per_block()])
        });
        let least: Tensor<2> = Tensor::cat(blocks.collect(), 1);
        least.try_into_data().ok()?.try_to_vec().ok()
    }
}

impl Scout for DeviceRows {
    fn least(&self, queries: &[f32], offsets: Option<&[f32]>) -> Option<Vec<f32>> {
        // The lock guards no data that a panic could leave half changed.
        let _turn = self.turn.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        catch_unwind(AssertUnwindSafe(|| self.compute(queries, offsets))).ok()?
    }
}

/// `values`, and zeros where there are fewer than the shape says.
fn tensor(values: &[f32], shape: [usize; 2], device: &Device) -> Tensor<2> {
    let mut padded = Vec::with_capacity(shape[0] * shape[1]);
    padded.extend_from_slice(values);
    padded.resize(shape[0] * shape[1], 0.0);
    Tensor::from_data(TensorData::new(padded, shape), (device, DType::F32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Metric;

    #[test]
    fn a_device_finds_what_the_cpu_finds_bit_for_bit() {
        let value = |i: usize| ((i as u32 + 1).wrapping_mul(2_654_435_761) >> 8) as f32 / 1e7;
        for (n, dim) in [(5, 7), (1000, 40), (17_001, 3)] {
            let rows: Vec<f32> = (0..n * dim).map(value).collect();
            let queries: Vec<f32> = (0..30 * dim).map(|i| value(i * 7 + 3)).collect();
            for metric in [Metric::Euclidean, Metric::Cosine] {
                let mut prepared = PreparedRows::new(&rows[..], dim, metric).unwrap();
                let is_searched = |row: usize| row % 3 != 1;
                let expected = prepared.nearest(&queries, 2).unwrap();
                let among = prepared.nearest_among(&queries, 2, &is_searched).unwrap();
                assert!(prepared.help(|rows| scout(&Device::flex(), rows)), "{n} rows of {dim}");
                assert_eq!(prepared.nearest(&queries, 2).unwrap(), expected);
                assert_eq!(prepared.nearest_among(&queries, 2, &is_searched).unwrap(), among);
            }
        }
    }

    #[test]
    fn a_cpu_is_left_to_its_own_search() {
        let mut prepared = PreparedRows::new(vec![0.5; 60], 3, Metric::Euclidean).unwrap();
        assert!(!OpenDevice::cpu().help(&mut prepared));
    }
}
