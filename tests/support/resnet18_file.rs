//! A full-size weight file, written without any of pcore's code.

use std::path::Path;

/// Random ResNet-18 weights as safetensors in torchvision's naming. Convolutions keep the scale of their input (He et al.
/// 2015, arXiv 1502.01852), normalisations do nothing; `seed` above 0 chooses the values.
pub(crate) fn resnet18_file(path: &Path, seed: u32) {
    let mut tensors: Vec<(String, Vec<usize>)> = vec![("conv1.weight".into(), vec![64, 3, 7, 7])];
    let norm = |name: &str, n: usize| {
        ["weight", "bias", "running_mean", "running_var"].map(|part| (format!("{name}.{part}"), vec![n]))
    };
    tensors.extend(norm("bn1", 64));
    let mut input = 64;
    for (stage, planes) in [64, 128, 256, 512].into_iter().enumerate() {
        for block in 0..2 {
            let at = format!("layer{}.{block}", stage + 1);
            tensors.push((format!("{at}.conv1.weight"), vec![planes, input, 3, 3]));
            tensors.extend(norm(&format!("{at}.bn1"), planes));
            tensors.push((format!("{at}.conv2.weight"), vec![planes, planes, 3, 3]));
            tensors.extend(norm(&format!("{at}.bn2"), planes));
            if input != planes {
                tensors.push((format!("{at}.downsample.0.weight"), vec![planes, input, 1, 1]));
                tensors.extend(norm(&format!("{at}.downsample.1"), planes));
            }
            input = planes;
        }
    }
    tensors.push(("fc.weight".into(), vec![1000, 512]));
    let (mut header, mut offset) = (Vec::new(), 0);
    for (name, shape) in &tensors {
        let end = offset + 4 * shape.iter().product::<usize>();
        header.push(format!("\"{name}\":{{\"dtype\":\"F32\",\"shape\":{shape:?},\"data_offsets\":[{offset},{end}]}}"));
        offset = end;
    }
    let header = format!("{{{}}}", header.join(","));
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    let mut state = seed;
    for (name, shape) in &tensors {
        let fan_in: usize = shape[1..].iter().product();
        let bound = (6.0 / fan_in as f32).sqrt();
        for _ in 0..shape.iter().product() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let value = match shape.len() {
                1 if name.ends_with("weight") || name.ends_with("var") => 1.0,
                1 => 0.0,
                _ => bound * ((state >> 8) as f32 / (1_u32 << 23) as f32 - 1.0),
            };
            file.extend(value.to_le_bytes());
        }
    }
    std::fs::write(path, file).unwrap();
}
