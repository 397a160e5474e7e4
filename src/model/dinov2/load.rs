//! From the tensors of a file to the weights of a DINOv2 transformer, layer scale folded in.

use std::collections::BTreeMap;

use super::config::DinoV2Config;
use super::position::PositionTable;
use crate::model::weights::{self as files, Digest, NamedTensors, Origin, Parameter, WeightsError};

/// Added to the variance in layer normalisation.
pub(super) const EPSILON: f64 = 1e-6;
/// Factor between the length of a token and the hidden layer of the perceptron.
const HIDDEN: usize = 4;

/// The network's own names of all its tensors with where they come from.
pub(crate) struct Names {
    /// Own name to tensors in the file.
    pub(crate) origins: BTreeMap<String, Origin>,
    /// The tensors in the order of the network.
    pub(crate) parameters: Vec<Parameter>,
}

/// Reads the network's tensors one after the other.
struct Loader<'a> {
    tensors: &'a NamedTensors,
    names: &'a Names,
    digest: Digest,
}

/// A linear map.
pub(super) struct Dense {
    /// `[bias.len(), inputs]`.
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

/// A layer normalisation.
pub(super) struct Normed {
    pub(super) gamma: Vec<f32>,
    pub(super) beta: Vec<f32>,
}

/// A transformer block; layer scale is folded into `projection` and `output`.
pub(super) struct BlockWeights {
    pub(super) norm1: Normed,
    /// Queries, keys and values of all heads, `3 * dim` outputs.
    pub(super) qkv: Dense,
    pub(super) projection: Dense,
    pub(super) norm2: Normed,
    pub(super) hidden: Dense,
    pub(super) output: Dense,
}

/// A network up to some block.
pub(super) struct Weights {
    /// From the pixels of a patch, `[3, patch, patch]`.
    pub(super) patches: Dense,
    /// Class token with its position, then the registers: `[1 + n_registers, dim]`.
    pub(super) extra: Vec<f32>,
    pub(super) blocks: Vec<BlockWeights>,
    pub(super) norm: Normed,
}

/// The weights of the first `depth` blocks, the position table and the hash of all of them.
pub(super) fn weights(
    config: &DinoV2Config,
    tensors: &NamedTensors,
    depth: usize,
) -> Result<(Weights, PositionTable, String), WeightsError> {
    let names = canonical(config, tensors, depth)?;
    let mut loader = Loader { tensors, names: &names, digest: Digest::default() };
    let patches =
        Dense { weight: loader.values("patch_embed.proj.weight")?, bias: loader.values("patch_embed.proj.bias")? };
    let (positions, class_position) = loader.positions(config)?;
    let mut extra: Vec<f32> = loader.values("cls_token")?;
    extra.iter_mut().zip(&class_position).for_each(|(token, position)| *token += position);
    if config.n_registers > 0 {
        extra.extend(loader.values("register_tokens")?);
    }
    let blocks = (0..depth).map(|block| loader.block(config, block)).collect::<Result<_, _>>()?;
    let norm = loader.norm("norm")?;
    Ok((Weights { patches, extra, blocks, norm }, positions, loader.digest.finish()))
}

/// Reads the whole network, and keeps nothing.
pub(crate) fn rehearse(config: &DinoV2Config, tensors: &NamedTensors) -> Result<(), WeightsError> {
    weights(config, tensors, config.depth).map(drop)
}

/// Finds every tensor of the first `depth` blocks in a file and checks its shape.
pub(crate) fn canonical(config: &DinoV2Config, tensors: &NamedTensors, depth: usize) -> Result<Names, WeightsError> {
    if tensors.graph().is_some() {
        return Err(WeightsError::OtherGraph {
            network: config.name.clone(),
            reason: "transformers are not recognised in ONNX graphs; use the .pth or .safetensors file".to_owned(),
        });
    }
    let own_prefix = files::prefix(tensors, &config.name, "patch_embed.proj.weight")?;
    let hub_prefix = files::prefix(tensors, &config.name, "embeddings.patch_embeddings.projection.weight")?;
    let is_hub = tensors.shape(&format!("{hub_prefix}embeddings.patch_embeddings.projection.weight")).is_some();
    let prefix = if is_hub { hub_prefix } else { own_prefix };
    let origin = |own: &str| if is_hub { hub_origin(&prefix, own) } else { own_origin(tensors, &prefix, own) };
    // The table may have been made for any square grid, with or without a position for the class token.
    let n_positions = origin("pos_embed").shape(tensors).and_then(|shape| shape.get(1).copied()).unwrap_or(1 + 37 * 37);
    let parameters = parameters(config, depth, n_positions);
    let origins: BTreeMap<String, Origin> = parameters.iter().map(|p| (p.name.clone(), origin(&p.name))).collect();
    let used: BTreeMap<&str, &str> = origins
        .iter()
        .flat_map(|(own, origin)| origin.names().iter().map(|name| (name.as_str(), own.as_str())))
        .collect();
    let whole = self::parameters(config, config.depth, n_positions);
    let beyond: std::collections::BTreeSet<String> = whole
        .iter()
        .flat_map(|p| origin(&p.name).names().to_vec())
        .filter(|name| !used.contains_key(name.as_str()))
        .collect();
    files::check(
        &config.name,
        &parameters,
        |own| origins.get(own).and_then(|origin| origin.shape(tensors)),
        tensors.names().filter(|name| name.starts_with(prefix.as_str()) && !used.contains_key(name)),
        |name| {
            let bare = name.strip_prefix(prefix.as_str()).unwrap_or(name);
            bare == "mask_token"
                || bare == "embeddings.mask_token"
                || bare.starts_with("head.")
                || bare.starts_with("classifier.")
                || beyond.contains(name)
        },
    )?;
    if square(n_positions).is_none() {
        let reason =
            format!("pos_embed has {n_positions} positions, expected a square number, or one more for the class token");
        return Err(WeightsError::malformed("weight", reason));
    }
    Ok(Names { origins, parameters })
}

/// All tensors of the first `depth` blocks under the names of the original repository.
fn parameters(config: &DinoV2Config, depth: usize, n_positions: usize) -> Vec<Parameter> {
    let DinoV2Config { dim, patch, n_registers, .. } = *config;
    let mut all = vec![
        Parameter::new("patch_embed.proj.weight", &[dim, 3, patch, patch]),
        Parameter::new("patch_embed.proj.bias", &[dim]),
        Parameter::new("cls_token", &[1, 1, dim]),
        Parameter::new("pos_embed", &[1, n_positions, dim]),
    ];
    if n_registers > 0 {
        all.push(Parameter::new("register_tokens", &[1, n_registers, dim]));
    }
    for block in 0..depth {
        let mut add = |part: &str, shape: &[usize]| all.push(Parameter::new(format!("blocks.{block}.{part}"), shape));
        for (layer, inputs, outputs) in [
            ("norm1", 0, dim),
            ("attn.qkv", dim, 3 * dim),
            ("attn.proj", dim, dim),
            ("norm2", 0, dim),
            ("mlp.fc1", dim, HIDDEN * dim),
            ("mlp.fc2", HIDDEN * dim, dim),
        ] {
            let shape = [outputs, inputs];
            add(&format!("{layer}.weight"), if inputs == 0 { &shape[..1] } else { &shape });
            add(&format!("{layer}.bias"), &shape[..1]);
        }
        add("ls1.gamma", &[dim]);
        add("ls2.gamma", &[dim]);
    }
    all.push(Parameter::new("norm.weight", &[dim]));
    all.push(Parameter::new("norm.bias", &[dim]));
    all
}

/// The place of a tensor in files of the original repository and of timm.
fn own_origin(tensors: &NamedTensors, prefix: &str, own: &str) -> Origin {
    let timm = format!("{prefix}reg_token");
    if own == "register_tokens" && tensors.shape(&timm).is_some() {
        return Origin::Same(timm);
    }
    Origin::Same(format!("{prefix}{own}"))
}

/// The place of a tensor in files of Hugging Face transformers, where queries, keys and values are apart.
fn hub_origin(prefix: &str, own: &str) -> Origin {
    let same = |name: &str| Origin::Same(format!("{prefix}{name}"));
    match own {
        "patch_embed.proj.weight" => return same("embeddings.patch_embeddings.projection.weight"),
        "patch_embed.proj.bias" => return same("embeddings.patch_embeddings.projection.bias"),
        "cls_token" => return same("embeddings.cls_token"),
        "pos_embed" => return same("embeddings.position_embeddings"),
        "register_tokens" => return same("embeddings.register_tokens"),
        "norm.weight" => return same("layernorm.weight"),
        "norm.bias" => return same("layernorm.bias"),
        _ => {}
    }
    let (block, part) = own.strip_prefix("blocks.").and_then(|rest| rest.split_once('.')).unwrap_or(("", own));
    let layer = format!("{prefix}encoder.layer.{block}");
    if let Some(kind) = part.strip_prefix("attn.qkv.") {
        return Origin::Joined(
            ["query", "key", "value"].map(|which| format!("{layer}.attention.attention.{which}.{kind}")).to_vec(),
        );
    }
    Origin::Same(match part {
        "ls1.gamma" => format!("{layer}.layer_scale1.lambda1"),
        "ls2.gamma" => format!("{layer}.layer_scale2.lambda1"),
        _ => format!("{layer}.{}", part.replace("attn.proj", "attention.output.dense")),
    })
}

/// Side of the grid and whether a class position comes first.
fn square(n_positions: usize) -> Option<(usize, bool)> {
    let exact = |n: usize| Some(n.isqrt()).filter(|side| *side > 0 && side * side == n);
    exact(n_positions).map(|side| (side, false)).or_else(|| exact(n_positions.checked_sub(1)?).map(|side| (side, true)))
}

impl Loader<'_> {
    fn values(&mut self, own: &str) -> Result<Vec<f32>, WeightsError> {
        let origin = self.names.origins.get(own).ok_or_else(|| WeightsError::NoSuchTensor { name: own.to_owned() })?;
        let values = origin.values(self.tensors)?;
        self.digest.update(&values);
        Ok(values)
    }

    /// The table of the patches and the position of the class token (zeros where the file has none).
    fn positions(&mut self, config: &DinoV2Config) -> Result<(PositionTable, Vec<f32>), WeightsError> {
        let dim = config.dim;
        let mut values = self.values("pos_embed")?;
        let (side, with_class) = square(values.len() / dim).unwrap_or((0, false));
        let class = if with_class { values.drain(..dim).collect() } else { vec![0.0; dim] };
        // The releases with registers were published with antialiasing and without the offset.
        let with_registers = config.n_registers > 0;
        let offset = if with_registers { 0.0 } else { 0.1 };
        Ok((PositionTable { values, side, dim, offset, antialias: with_registers }, class))
    }

    fn block(&mut self, config: &DinoV2Config, block: usize) -> Result<BlockWeights, WeightsError> {
        let at = |part: &str| format!("blocks.{block}.{part}");
        let norm1 = self.norm(&at("norm1"))?;
        let qkv = self.dense(&at("attn.qkv"), None)?;
        let scale = self.values(&at("ls1.gamma"))?;
        let projection = self.dense(&at("attn.proj"), Some((config.dim, &scale)))?;
        let norm2 = self.norm(&at("norm2"))?;
        let hidden = self.dense(&at("mlp.fc1"), None)?;
        let scale = self.values(&at("ls2.gamma"))?;
        let output = self.dense(&at("mlp.fc2"), Some((HIDDEN * config.dim, &scale)))?;
        Ok(BlockWeights { norm1, qkv, projection, norm2, hidden, output })
    }

    /// A linear layer, its outputs multiplied by a scale where one is given with the number of inputs.
    fn dense(&mut self, own: &str, scale: Option<(usize, &[f32])>) -> Result<Dense, WeightsError> {
        let mut weight = self.values(&format!("{own}.weight"))?;
        let mut bias = self.values(&format!("{own}.bias"))?;
        if let Some((inputs, scale)) = scale {
            for ((row, bias), scale) in weight.chunks_mut(inputs).zip(&mut bias).zip(scale) {
                row.iter_mut().for_each(|w| *w *= scale);
                *bias *= scale;
            }
            if !weight.iter().chain(&bias).all(|value| value.is_finite()) {
                let reason = format!("{own} leaves the range of f32 once its layer scale is folded into it");
                return Err(WeightsError::malformed("weight", reason));
            }
        }
        Ok(Dense { weight, bias })
    }

    fn norm(&mut self, own: &str) -> Result<Normed, WeightsError> {
        Ok(Normed { gamma: self.values(&format!("{own}.weight"))?, beta: self.values(&format!("{own}.bias"))? })
    }
}
