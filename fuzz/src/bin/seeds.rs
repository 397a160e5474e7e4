//! Writes the files the fuzz targets start from into `corpus/TARGET/`: small, whole, of every flavour that is read.
//!
//! pcore's coverage counters need libFuzzer's run time, so this is built as a target; `seeds -runs=0` writes and ends.

#![no_main]

use std::fs;
use std::io::Cursor;
use std::path::Path;

use pcore_fuzz::archive;
use tiff::encoder::{Compression, DeflateLevel, TiffEncoder, colortype};

#[path = "../../../tests/support/image_bytes.rs"]
mod image_bytes;
#[path = "../../../tests/bundle/sample.rs"]
#[allow(dead_code, reason = "written for the tests of the bundle, which use all of it")]
mod sample;

use image_bytes::{GREY_F32, TiffFlavour, encoded, f32_samples, png};

type Tensors = Vec<(String, Vec<usize>)>;

libfuzzer_sys::fuzz_target!(init: write_seeds(), |_bytes: &[u8]| {});

fn write_seeds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (target, seeds) in [
        (
            "weights_safetensors",
            vec![safetensors(&resnet(), "F32"), safetensors(&resnet(), "BF16"), safetensors(&dinov2(), "F32")],
        ),
        ("weights_pytorch", pytorch()),
        ("weights_onnx", vec![onnx(true), onnx(false)]),
        ("bundle", vec![sample::small().to_bytes().expect("a valid bundle")]),
        ("station", station()),
        ("image_tiff", tiffs()),
        ("image_png", pngs()),
        ("image_jpeg", vec![encoded(image::ImageFormat::Jpeg, 9, 20), grey(image::ImageFormat::Jpeg)]),
        ("image_bmp", vec![encoded(image::ImageFormat::Bmp, 4, 5), grey(image::ImageFormat::Bmp)]),
        ("image_others", others()),
    ] {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder).expect("the folder can be made");
        for (i, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed{i}")), seed).expect("the folder is writable");
        }
    }
}

/// What `pcore_fuzz::smallest_resnet` needs up to `layer3`.
fn resnet() -> Tensors {
    let mut tensors = vec![("conv1.weight".to_owned(), vec![1, 3, 7, 7])];
    let norm = |tensors: &mut Tensors, name: &str| {
        for part in ["weight", "bias", "running_mean", "running_var"] {
            tensors.push((format!("{name}.{part}"), vec![1]));
        }
    };
    norm(&mut tensors, "bn1");
    for stage in 1..=3 {
        for conv in 1..=2 {
            tensors.push((format!("layer{stage}.0.conv{conv}.weight"), vec![1, 1, 3, 3]));
            norm(&mut tensors, &format!("layer{stage}.0.bn{conv}"));
        }
        if stage > 1 {
            tensors.push((format!("layer{stage}.0.downsample.0.weight"), vec![1, 1, 1, 1]));
            norm(&mut tensors, &format!("layer{stage}.0.downsample.1"));
        }
    }
    tensors
}

/// What `pcore_fuzz::smallest_dinov2` needs.
fn dinov2() -> Tensors {
    let named = |name: &str, shape: &[usize]| (name.to_owned(), shape.to_vec());
    let mut tensors = vec![
        named("patch_embed.proj.weight", &[2, 3, 14, 14]),
        named("patch_embed.proj.bias", &[2]),
        named("cls_token", &[1, 1, 2]),
        named("pos_embed", &[1, 5, 2]),
        named("register_tokens", &[1, 4, 2]),
        named("norm.weight", &[2]),
        named("norm.bias", &[2]),
    ];
    for (part, shape) in [
        ("norm1.weight", vec![2]),
        ("norm1.bias", vec![2]),
        ("attn.qkv.weight", vec![6, 2]),
        ("attn.qkv.bias", vec![6]),
        ("attn.proj.weight", vec![2, 2]),
        ("attn.proj.bias", vec![2]),
        ("norm2.weight", vec![2]),
        ("norm2.bias", vec![2]),
        ("mlp.fc1.weight", vec![8, 2]),
        ("mlp.fc1.bias", vec![8]),
        ("mlp.fc2.weight", vec![2, 8]),
        ("mlp.fc2.bias", vec![2]),
        ("ls1.gamma", vec![2]),
        ("ls2.gamma", vec![2]),
    ] {
        tensors.push((format!("blocks.0.{part}"), shape));
    }
    tensors
}

fn count(shape: &[usize]) -> usize {
    shape.iter().product()
}

fn safetensors(tensors: &Tensors, dtype: &str) -> Vec<u8> {
    let size = if dtype == "F32" { 4 } else { 2 };
    let (mut header, mut offset) = (vec!["\"__metadata__\":{\"format\":\"pt\"}".to_owned()], 0);
    for (name, shape) in tensors {
        let end = offset + size * count(shape);
        header.push(format!(
            "\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":{shape:?},\"data_offsets\":[{offset},{end}]}}"
        ));
        offset = end;
    }
    let header = format!("{{{}}}", header.join(","));
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.resize(file.len() + offset, 0x3d);
    file
}

/// A whole archive, the pickle of one (with the storage that the target puts beside it), and the layout before 1.6.
fn pytorch() -> Vec<Vec<u8>> {
    let total: usize = resnet().iter().map(|(_, shape)| count(shape)).sum();
    let data = vec![0x3d; 4 * total];
    let apart = pickle(&resnet(), total, true);
    let whole = archive(&[("data.pkl", &apart), ("byteorder", b"little"), ("data/0", &data), ("version", b"3\n")]);
    let mut legacy = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.".to_vec();
    legacy.extend(b"\x80\x02}q\x00(X\x0d\x00\x00\x00little_endianq\x01\x88u.");
    legacy.extend(&apart);
    legacy.extend(b"\x80\x02]q\x00X\x01\x00\x00\x000q\x01a.");
    legacy.extend((total as u64).to_le_bytes());
    legacy.extend(&data);
    vec![whole, pickle(&resnet(), 1024, false), legacy]
}

/// The state dict as `torch.save` pickles it, all tensors in one storage; one after the other where `apart`.
fn pickle(tensors: &Tensors, n_stored: usize, apart: bool) -> Vec<u8> {
    let text = |text: &str| [b"X".as_slice(), &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    let short = |n: usize| [b"M".as_slice(), &(n as u16).to_le_bytes()].concat();
    let tuple = |extents: &[usize]| {
        let items: Vec<Vec<u8>> = extents.iter().map(|n| short(*n)).collect();
        [b"(".as_slice(), &items.concat(), b"t"].concat()
    };
    let mut file = b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01(".to_vec();
    let mut offset = 0;
    for (name, shape) in tensors {
        let strides: Vec<usize> = (0..shape.len()).map(|axis| count(&shape[axis + 1..])).collect();
        file.extend(text(name));
        file.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        file.extend(text("storage"));
        file.extend(b"ctorch\nFloatStorage\n");
        file.extend(text("0"));
        file.extend(text("cpu"));
        file.extend(short(n_stored));
        file.extend(b"tQ");
        file.extend(short(offset));
        file.extend(tuple(shape));
        file.extend(tuple(&strides));
        file.extend(b"\x89h\x00)RtR");
        if apart {
            offset += count(shape);
        }
    }
    file.extend(b"u.");
    file
}

/// The residual network as a graph, with its normalisations as nodes or folded into the convolutions.
fn onnx(folded: bool) -> Vec<u8> {
    let mut graph = Onnx { folded, bytes: Vec::new(), n_values: 0 };
    let value = graph.conv("input", "conv1", "bn1", &[1, 3, 7, 7], 2);
    let value = graph.node("Relu", &[&value], &[]);
    let pool = [("kernel_shape", vec![3, 3]), ("strides", vec![2, 2]), ("pads", vec![1; 4])];
    let mut value = graph.node("MaxPool", &[&value], &pool);
    for stage in 1..=3_u64 {
        let (at, stride) = (format!("layer{stage}.0"), 1 + u64::from(stage > 1));
        let inner = graph.conv(&value, &format!("{at}.conv1"), &format!("{at}.bn1"), &[1, 1, 3, 3], stride);
        let inner = graph.node("Relu", &[&inner], &[]);
        let inner = graph.conv(&inner, &format!("{at}.conv2"), &format!("{at}.bn2"), &[1, 1, 3, 3], 1);
        if stage > 1 {
            let [conv, norm] = ["downsample.0", "downsample.1"].map(|part| format!("{at}.{part}"));
            value = graph.conv(&value, &conv, &norm, &[1, 1, 1, 1], stride);
        }
        let sum = graph.node("Add", &[&inner, &value], &[]);
        value = graph.node("Relu", &[&sum], &[]);
    }
    graph.bytes.extend(field(11, &field(1, b"input")));
    graph.bytes.extend(field(12, &field(1, value.as_bytes())));
    [varint(8), varint(8), field(7, &graph.bytes)].concat()
}

struct Onnx {
    folded: bool,
    bytes: Vec<u8>,
    n_values: usize,
}

impl Onnx {
    fn conv(&mut self, input: &str, name: &str, norm: &str, shape: &[usize], stride: u64) -> String {
        let weight = self.tensor(&format!("{name}.weight"), shape);
        let padding = (shape[2] / 2) as u64;
        let settings = [("strides", vec![stride; 2]), ("pads", vec![padding; 4]), ("dilations", vec![1, 1])];
        if self.folded {
            let bias = self.tensor(&format!("{name}.bias"), &[1]);
            return self.node("Conv", &[input, &weight, &bias], &settings);
        }
        let value = self.node("Conv", &[input, &weight], &settings);
        let parts =
            ["weight", "bias", "running_mean", "running_var"].map(|part| self.tensor(&format!("{norm}.{part}"), &[1]));
        let [a, b, c, d] = &parts;
        self.node("BatchNormalization", &[&value, a, b, c, d], &[])
    }

    fn tensor(&mut self, name: &str, shape: &[usize]) -> String {
        let mut tensor: Vec<u8> =
            shape.iter().flat_map(|extent| [varint(8), varint(*extent as u64)].concat()).collect();
        tensor.extend([varint(16), varint(1)].concat());
        tensor.extend(field(8, name.as_bytes()));
        tensor.extend(field(9, &vec![0x3d; 4 * count(shape)]));
        self.bytes.extend(field(5, &tensor));
        name.to_owned()
    }

    fn node(&mut self, op: &str, inputs: &[&str], settings: &[(&str, Vec<u64>)]) -> String {
        self.n_values += 1;
        let output = format!("v{}", self.n_values);
        let mut node: Vec<u8> = inputs.iter().flat_map(|input| field(1, input.as_bytes())).collect();
        node.extend(field(2, output.as_bytes()));
        node.extend(field(4, op.as_bytes()));
        for (key, values) in settings {
            let ints: Vec<u8> = values.iter().flat_map(|value| [varint(64), varint(*value)].concat()).collect();
            node.extend(field(5, &[field(1, key.as_bytes()), ints].concat()));
        }
        self.bytes.extend(field(1, &node));
        output
    }
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A field of bytes.
fn field(number: u64, bytes: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

fn station() -> Vec<Vec<u8>> {
    let threshold = r#"{"value": 0.0509, "metric": "cosine", "q": 0.998, "ntotal": 2}"#;
    let meta = r#"{"input_size": 224, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "grid": [14, 14],
        "metric": "cosine", "backbone": "wrn50_l3", "layers": ["layer3"], "data_name": "bottle"}"#;
    let bare = r#"{"value":1,"metric":" Cosine "}"#;
    let rows: Vec<u8> = [0.6_f32, 0.8, 0.0, 0.0, 0.5, 0.5, 0.5, 0.5].into_iter().flat_map(f32::to_le_bytes).collect();
    [threshold, bare].map(|threshold| [threshold.as_bytes(), &[0], meta.as_bytes(), &[0], &rows].concat()).to_vec()
}

fn tiffs() -> Vec<Vec<u8>> {
    const HEIGHT: usize = 4;
    const WIDTH: usize = 5;
    let floats: Vec<f32> = (0..HEIGHT * WIDTH).map(|i| i as f32 * 0.5 - 3.0).collect();
    let samples = f32_samples(&floats);
    let bytes: Vec<Vec<u8>> = (0..HEIGHT * WIDTH * 3).map(|i| vec![i as u8]).collect();
    let compressed = |compression| {
        let mut file = Cursor::new(Vec::new());
        let mut encoder = TiffEncoder::new(&mut file).expect("a header").with_compression(compression);
        encoder.write_image::<colortype::Gray32Float>(WIDTH as u32, HEIGHT as u32, &floats).expect("an image");
        file.into_inner()
    };
    let rgb = TiffFlavour { n_channels: 3, photometric: 2, bits: 8, sample_format: 1, ..GREY_F32 };
    vec![
        GREY_F32.build(&samples, HEIGHT, WIDTH),
        TiffFlavour { big_endian: true, tile: Some((16, 16)), ..GREY_F32 }.build(&samples, HEIGHT, WIDTH),
        TiffFlavour { big_tiff: true, pack_bits: true, ..GREY_F32 }.build(&samples, HEIGHT, WIDTH),
        rgb.build(&bytes, HEIGHT, WIDTH),
        TiffFlavour { planar: true, ..rgb }.build(&bytes, HEIGHT, WIDTH),
        compressed(Compression::Lzw),
        compressed(Compression::Deflate(DeflateLevel::Balanced)),
    ]
}

fn pngs() -> Vec<Vec<u8>> {
    vec![
        encoded(image::ImageFormat::Png, 4, 5),
        grey(image::ImageFormat::Png),
        png(3, 1, [1, 3], &[(b"PLTE", &[255, 0, 0, 0, 0, 255])], &[0, 0b0110_0000]),
        png(2, 2, [16, 0], &[(b"tRNS", &[0, 1])], &[0, 1, 2, 3, 4, 1, 5, 6, 7, 8]),
        png(2, 1, [8, 6], &[(b"gAMA", &[0, 0, 177, 143])], &[0, 1, 2, 3, 4, 5, 6, 7, 8]),
    ]
}

fn grey(format: image::ImageFormat) -> Vec<u8> {
    let picture = image::GrayImage::from_fn(11, 10, |x, y| image::Luma([(x * 17 + y * 5) as u8]));
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, format).expect("memory takes an image");
    file.into_inner()
}

/// Small files of the formats that `image_others` reads, from the tests.
fn others() -> Vec<Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/encodings/files");
    let files = fs::read_dir(folder).expect("the tests' files are there").flatten();
    let is_other = |path: &std::path::Path| {
        path.extension().and_then(|e| e.to_str()).is_some_and(|e| {
            ["webp", "gif", "pbm", "pgm", "ppm", "pam", "pfm", "qoi", "exr", "hdr"].contains(&e)
        })
    };
    let paths = files.map(|entry| entry.path()).filter(|path| is_other(path));
    paths.map(|path| fs::read(path).expect("a file of the tests can be read")).collect()
}
