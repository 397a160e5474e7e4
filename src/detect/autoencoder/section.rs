//! Between a bundle's section and the detector.

use super::canvas::{CHANNELS, Range};
use super::fitted::Autoencoders;
use super::judge::Judge;
use super::settings::Settings;
use crate::bundle::{Defect, Manifest, Section, SectionEntry, TensorSpec, Tensors, TensorsOf, require};
use crate::detect::{DetectError, Detector, Opening};
use crate::model::PIXELS;
use crate::model::reconstruction::{Autoencoder, AutoencoderShape, LayerWeights};

fn weight(layer: usize) -> String {
    format!("weight.{layer}")
}

fn bias(layer: usize) -> String {
    format!("bias.{layer}")
}

/// Of each layer, those that halve first, `weight.N` f32 `[n_networks, 4 * 4 * from * to]` and `bias.N` f32 `[n_networks, values]`, see
/// [`LayerWeights`].
pub(super) fn tensors(entry: &SectionEntry, _shared: &Manifest) -> Result<Vec<TensorSpec>, Defect> {
    let settings: Settings = entry.settings()?;
    settings.check()?;
    let shape = settings.shape();
    let features = entry.described()?;
    let (n_rows, n_cols) = (features.descriptor.grid_rows, features.descriptor.grid_cols);
    let name = &features.backbone.name;
    require(name == PIXELS && features.descriptor.dim == CHANNELS, name, || {
        ("backbone".to_owned(), format!("{PIXELS}, {CHANNELS} values each"))
    })?;
    let fits = AutoencoderShape::holding(shape.n_channels, n_rows, n_cols) == Some(shape);
    require(fits, shape.n_levels, || ("n_levels".to_owned(), format!("those of {n_rows} x {n_cols} pixels")))?;
    let is_known = [1, CHANNELS].contains(&shape.n_channels);
    require(is_known, shape.n_channels, || ("n_channels".to_owned(), format!("1 or {CHANNELS}")))?;
    let of_layer = |(layer, (n_weights, n_values))| {
        [
            TensorSpec::numbers(&weight(layer), &[settings.n_networks, n_weights]),
            TensorSpec::numbers(&bias(layer), &[settings.n_networks, n_values]),
        ]
    };
    Ok(shape.lengths().enumerate().flat_map(of_layer).collect())
}

pub(super) fn check(_entry: &SectionEntry, _tensors: TensorsOf<'_>, _shared: &Manifest) -> Result<(), Defect> {
    Ok(())
}

pub(super) fn facts(entry: &SectionEntry, _shared: &Manifest) -> Vec<(String, String)> {
    let Ok(settings) = entry.settings::<Settings>() else { return vec![] };
    let Settings { n_channels, n_networks, steps, loss, low, high, .. } = settings;
    let (side, colour) = (settings.shape().side_px(), if n_channels == 1 { "grey" } else { "colour" });
    vec![
        ("networks".to_owned(), format!("{n_networks} on {side} x {side} {colour} pixels, {steps} steps each")),
        ("loss".to_owned(), format!("{loss:.5} at the end, pixels from {low:.3} to {high:.3}")),
    ]
}

pub(super) fn open(
    section: Section,
    _shared: &Manifest,
    opening: &mut Opening<'_>,
) -> Result<Box<dyn Detector>, DetectError> {
    let features = opening.features(&section.entry)?;
    let settings: Settings = section.entry.settings().map_err(DetectError::defect)?;
    let scoring = settings.scoring()?;
    let judge = judge(&section.tensors, &settings)?;
    Ok(Box::new(Autoencoders { features, scoring, judge, section }))
}

/// The networks that the tensors hold.
pub(super) fn judge(tensors: &Tensors, settings: &Settings) -> Result<Judge, DetectError> {
    let shape = settings.shape();
    let own = |name: &str, network: usize, len: usize| tensors.numbers(name)[network * len..][..len].to_vec();
    let network = |network: usize| {
        let layer = |(layer, (n_weights, n_values))| LayerWeights {
            weight: own(&weight(layer), network, n_weights),
            bias: own(&bias(layer), network, n_values),
        };
        Autoencoder::new(shape, shape.lengths().enumerate().map(layer).collect())
    };
    let networks = (0..settings.n_networks).map(network).collect::<Result<_, _>>()?;
    Ok(Judge { shape, range: Range { low: settings.low, high: settings.high }, networks })
}

/// The tensors of these networks.
pub(super) fn gathered(shape: AutoencoderShape, networks: &[Vec<LayerWeights>]) -> Tensors {
    let all = |layer: usize, of: fn(&LayerWeights) -> &[f32]| -> Vec<f32> {
        networks.iter().flat_map(|network| of(&network[layer]).iter().copied()).collect()
    };
    (0..2 * shape.n_levels).fold(Tensors::default(), |tensors, layer| {
        let tensors = tensors.with_numbers(&weight(layer), all(layer, |own| &own.weight));
        tensors.with_numbers(&bias(layer), all(layer, |own| &own.bias))
    })
}
