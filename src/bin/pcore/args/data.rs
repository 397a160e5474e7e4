//! Settings of simulated data and of weights.

use super::RunArgs;
use super::values::{parse_pixels, parse_positive};
use clap::{Args as ClapArgs, Subcommand};
use pcore::synth::hdmap::Domain;
use pcore::synth::part::PartsPlan;
use std::path::PathBuf;

#[derive(ClapArgs)]
pub(crate) struct DemoArgs {
    /// Folder for data, bundle and report
    #[arg(long, value_name = "DIR", default_value = "pcore-demo")]
    pub(crate) dir: PathBuf,
    /// Normal training maps
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = parse_positive)]
    pub(crate) train: usize,
    /// Test maps, half of them faulty
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = parse_positive)]
    pub(crate) test: usize,
    /// Seed of the simulation and of the fit
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(ClapArgs)]
pub(crate) struct WeightsArgs {
    #[command(subcommand)]
    pub(crate) action: WeightsAction,
    /// Print the answer as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
pub(crate) enum WeightsAction {
    /// List the weights at hand, and the networks whose weights could be added
    List,
    /// Check a weight file (.safetensors, .pth, .pt, .onnx) and keep it under a network's name
    Add {
        /// The file
        file: PathBuf,
        /// Name for --backbone: the network, with a tag after a dot for a second set (wide_resnet50_2.line3)
        #[arg(long = "as", value_name = "NAME")]
        name: String,
    },
    /// Read all weights at hand and compare them with their checksums
    Verify,
    /// Download known weights, check them and keep them
    #[cfg(feature = "fetch")]
    Fetch {
        /// Name, as `pcore weights list` shows it
        name: String,
    },
}

#[derive(ClapArgs)]
pub(crate) struct SynthArgs {
    #[command(subcommand)]
    pub(crate) kind: SynthKind,
}

#[derive(Subcommand)]
pub(crate) enum SynthKind {
    /// Gearbox health data maps: 31 x 95 float TIFF, cold and warm, with fault masks
    Hdmap(HdmapArgs),
    /// Machined plates: large grey images, and some with a small spot
    Plate(PlateArgs),
    /// Textured parts: small colour photographs, some with a stain or a scratch
    Part(PartArgs),
}

#[derive(ClapArgs)]
pub(crate) struct PartArgs {
    /// Folder to write train/, test/ and ground_truth/ into
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Rows and columns of a photograph
    #[arg(long, value_name = "PX", default_value_t = PartsPlan::default().side_px)]
    pub(crate) size: usize,
    /// Normal parts to train on
    #[arg(long, value_name = "N", default_value_t = PartsPlan::default().n_train)]
    pub(crate) train: usize,
    /// Normal parts to test with
    #[arg(long, value_name = "N", default_value_t = PartsPlan::default().n_test_good)]
    pub(crate) good: usize,
    /// Parts with a stain, and as many with a scratch
    #[arg(long, value_name = "N", default_value_t = PartsPlan::default().n_test_each)]
    pub(crate) each: usize,
    /// Seed of all parts
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Print what was written as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(ClapArgs)]
pub(crate) struct PlateArgs {
    /// Folder to write train/, test/ and ground_truth/ into
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Rows and columns of a plate
    #[arg(long, value_name = "HxW", value_parser = parse_pixels, default_value = "3000x4096")]
    pub(crate) size: (usize, usize),
    /// Diameter of a spot, pixels
    #[arg(long, value_name = "PX", default_value_t = 8)]
    pub(crate) spot: usize,
    /// Normal plates to train on
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) train: usize,
    /// Normal plates to test with
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) good: usize,
    /// Plates with a spot
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) spots: usize,
    /// Seed of all plates
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Print what was written as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(ClapArgs)]
pub(crate) struct HdmapArgs {
    /// Folder to write domain_X/ into
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Domain to imitate: A, B, C or D
    #[arg(long, value_name = "X", default_value = "C")]
    pub(crate) domain: Domain,
    /// Normal training maps
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) train: usize,
    /// Normal test maps, the first half cold
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) good: usize,
    /// Faulty test maps, the first half cold
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) fault: usize,
    /// Share of cold maps among the training maps
    #[arg(long, value_name = "SHARE", default_value_t = 0.5)]
    pub(crate) cold_share: f64,
    /// Seed: the machine and all its maps
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Print what was written as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
