//! Convolutions and activations as layers: what they make of a sample's shape, the device against the interpreter forward and backward,
//! how few launches they take, how recipes write them, and settings that no device could hold.

mod common;

use common::device;
use wgrad::nn::layers::{Clamp, Conv1d, Conv2d, ConvTranspose2d, Elu, LeakyRelu, LinePadding, Linear, Padding, Pair};
use wgrad::nn::{Init, Recipe};
use wgrad::prelude::*;
use wgrad::runtime::Profile;

fn recipe(layers: &str) -> Result<Recipe, String> {
    let text = format!(
        "name = \"conv\"\nepochs = 1\nbatch_size = 2\nloss = \"mse\"\n[data]\nsource = \"values\"\ninputs = [[1.0]]\ntargets = [[1.0]]\n[optimizer]\nkind = \"sgd\"\n[[layers]]\n{layers}"
    );
    Recipe::parse("conv", &text).map_err(|e| e.to_string())
}

/// A model of one layer, on samples of a shape.
fn build(device: &Device, layer: &str, input: &[usize]) -> Result<Sequential, String> {
    recipe(layer)?.model(device, input, &[]).map_err(|e| e.to_string())
}

/// `n` numbers in [-1, 1) without a pattern.
fn numbers(n: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / 2f32.powi(31) - 1.0
    };
    (0..n).map(|_| next()).collect()
}

fn tensor(device: &Device, shape: &[usize], seed: u32) -> Tensor {
    Tensor::from_f32(device, shape, &numbers(shape.iter().product(), seed)).unwrap()
}

/// A batch of three samples through layers, forward and the gradients of input and parameters, against the reference; the shape of a
/// sample's output.
fn agrees(input: &[usize], layers: Vec<Layer>) -> Vec<usize> {
    let device = device();
    let model = Sequential::new(input).layers(layers.clone()).build(&device, 7).unwrap();
    let x = tensor(&device, &[&[3], input].concat(), 1);
    let y = model.forward(&x, &Pass::evaluate());
    assert_eq!(y.shape()[1..], *model.output_shape(), "{layers:?}");
    let loss = (&y * &tensor(&device, y.shape(), 2)).sum();
    let mut made = loss.gradients_of(&model.parameters()).unwrap();
    made.extend(loss.gradients(&[&x]).unwrap());
    made.push(y);
    let report = pollster::block_on(device.check_against_reference(&made.iter().collect::<Vec<_>>()));
    let report = report.unwrap_or_else(|e| panic!("{layers:?}: {e}"));
    assert!(report.steps.len() >= made.len(), "{layers:?}: {report:?}");
    model.output_shape().to_vec()
}

fn conv(channels: usize, kernel: impl Into<Pair>) -> Conv2d {
    Conv2d::new(channels, kernel)
}

#[test]
fn convolutions_agree_with_the_reference() {
    let same = |conv: Conv2d| Layer::Conv2d(conv.padding(Padding::Same));
    assert_eq!(agrees(&[3, 9, 8], vec![same(conv(5, 3))]), [5, 9, 8]);
    // As many outputs as strides fit, an odd zero at the end.
    assert_eq!(agrees(&[3, 9, 8], vec![same(conv(6, [4, 2]).stride(2))]), [6, 5, 4]);
    assert_eq!(agrees(&[4, 9, 8], vec![Layer::Conv2d(Conv2d { groups: 2, bias: false, ..conv(6, 3) })]), [6, 7, 6]);
    assert_eq!(agrees(&[6, 8, 8], vec![Layer::Conv2d(Conv2d { groups: 6, ..conv(6, 3).padding(1) })]), [6, 8, 8]);
    assert_eq!(agrees(&[3, 8, 8], vec![Layer::Conv2d(Conv2d { groups: 3, ..conv(6, 5).stride(2) })]), [6, 2, 2]);
    assert_eq!(agrees(&[2, 11, 10], vec![Layer::Conv2d(Conv2d { dilation: [2, 3].into(), ..conv(5, 3) })]), [5, 7, 4]);
    // A separable convolution: depthwise, then 1x1.
    assert_eq!(agrees(&[4, 8, 8], vec![same(Conv2d { groups: 4, ..conv(4, 3) }), Layer::Conv2d(conv(9, 1))]), [9, 8, 8]);
}

#[test]
fn convolutions_of_rows_agree_with_the_reference() {
    let row = |padding: LinePadding, stride: usize, groups: usize| Layer::Conv1d(Conv1d { padding, stride, groups, ..Conv1d::new(6, 4) });
    assert_eq!(agrees(&[2, 17], vec![row(1.into(), 1, 1)]), [6, 16]);
    assert_eq!(agrees(&[2, 17], vec![row(LinePadding::Same, 2, 2)]), [6, 9]);
    assert_eq!(agrees(&[2, 17], vec![row(LinePadding::Sides([0, 3]), 1, 1), Layer::Relu(Default::default())]), [6, 17]);
    let wide = Layer::Conv1d(Conv1d { dilation: 3, bias: false, ..Conv1d::new(5, 3) });
    assert_eq!(agrees(&[3, 20], vec![wide]), [5, 14]);
}

#[test]
fn transposed_convolutions_agree_with_the_reference() {
    let plain = ConvTranspose2d {
        channels: 4,
        kernel_size: Pair::both(3),
        stride: Pair::both(1),
        padding: Pair::both(0),
        output_padding: Pair::both(0),
        dilation: Pair::both(1),
        groups: 1,
        bias: true,
        init: Init::Default,
    };
    let layer = |l: ConvTranspose2d| vec![Layer::ConvTranspose2d(l)];
    assert_eq!(agrees(&[3, 5, 6], layer(plain.clone())), [4, 7, 8]);
    let doubled = ConvTranspose2d { stride: Pair::both(2), padding: Pair::both(1), output_padding: Pair::both(1), ..plain.clone() };
    assert_eq!(agrees(&[3, 5, 6], layer(doubled.clone())), [4, 10, 12]);
    assert_eq!(agrees(&[4, 5, 6], layer(ConvTranspose2d { groups: 2, bias: false, ..doubled })), [4, 10, 12]);
    let uneven = ConvTranspose2d { kernel_size: Pair::new(2, 4), stride: Pair::new(2, 1), dilation: Pair::new(1, 2), ..plain };
    assert_eq!(agrees(&[2, 4, 5], [layer(uneven), vec![Layer::Relu(Default::default())]].concat()), [4, 8, 11]);
}

#[test]
fn activations_agree_with_the_reference() {
    let clamp = |min, max| Layer::Clamp(Clamp { min, max });
    for activation in [
        Layer::LeakyRelu(LeakyRelu { alpha: 0.2 }),
        Layer::Elu(Elu { alpha: 1.5 }),
        Layer::Mish(Default::default()),
        Layer::Hardswish(Default::default()),
        Layer::GeluTanh(Default::default()),
        clamp(Some(-0.3), Some(0.4)),
        clamp(None, Some(0.1)),
        clamp(Some(0.0), None),
    ] {
        assert_eq!(agrees(&[2, 6, 6], vec![Layer::Conv2d(conv(5, 3)), activation.clone()]), [5, 4, 4]);
        // And between layers that compute gradients on both sides.
        assert_eq!(agrees(&[5], vec![Layer::Linear(Linear::new(6)), activation, Layer::Linear(Linear::new(3))]), [3]);
    }
}

#[test]
fn a_rule_for_the_padding_is_the_numbers_that_it_stands_for() {
    let device = device();
    for (input, rule, numbers) in [
        (
            &[2, 9, 8][..],
            "kind = \"conv2d\"\nchannels = 5\nkernel_size = [3, 4]\npadding = \"same\"",
            "kind = \"conv2d\"\nchannels = 5\nkernel_size = [3, 4]\npadding = [1, 1, 1, 2]",
        ),
        (&[2, 9], "kind = \"conv1d\"\nchannels = 5\nkernel_size = 4\npadding = \"same\"", "kind = \"conv1d\"\nchannels = 5\nkernel_size = 4\npadding = [1, 2]"),
        (&[2, 9], "kind = \"conv1d\"\nchannels = 5\nkernel_size = 4\npadding = \"valid\"", "kind = \"conv1d\"\nchannels = 5\nkernel_size = 4"),
        (&[2, 9], "kind = \"conv1d\"\nchannels = 5\nkernel_size = 3\npadding = 1", "kind = \"conv1d\"\nchannels = 5\nkernel_size = 3\npadding = \"same\""),
    ] {
        let x = tensor(&device, &[&[2], input].concat(), 3);
        let out = [rule, numbers].map(|layer| build(&device, layer, input).unwrap().forward(&x, &Pass::evaluate()).to_vec().unwrap());
        assert_eq!(out[0], out[1], "{rule}");
        let one = recipe(rule).unwrap();
        assert_eq!(Recipe::parse("again", &one.to_toml()).unwrap(), one, "{rule}");
    }
}

/// The launches of a step that fetches tensors.
fn profile(device: &Device, fetch: &[&Tensor], updates: &[(&Variable, &Tensor)]) -> Profile {
    pollster::block_on(device.step(fetch, updates).unwrap().profile()).unwrap()
}

fn kernels(profile: &Profile) -> Vec<&str> {
    profile.rows.iter().map(|r| r.kernel.as_str()).collect()
}

#[test]
fn bias_and_activation_are_a_part_of_the_convolution() {
    let device = device();
    // Where it pays, the weights are packed first.
    for size in [5, 3] {
        for activation in [Layer::Relu(Default::default()), Layer::Hardswish(Default::default()), Layer::Clamp(Clamp { min: Some(0.0), max: Some(6.0) })] {
            let layers = [Layer::Conv2d(conv(8, size).padding(size / 2)), activation];
            let model = Sequential::new([3, 8, 8]).layers(layers.clone()).build(&device, 1).unwrap();
            let y = model.forward(&tensor(&device, &[2, 3, 8, 8], 1), &Pass::evaluate());
            let seen = profile(&device, &[&y], &[]);
            let kernels = kernels(&seen);
            let products: Vec<&str> = kernels.iter().filter(|k| **k != "conv_pack").copied().collect();
            assert!(products.len() == 1 && products[0].starts_with("matmul_"), "{layers:?}: {kernels:?}");
            assert!(kernels.len() <= 2 && kernels.last() == products.first(), "{layers:?}: {kernels:?}");
        }
    }
    // A transposed convolution, too, and one of rows, though a reshape lies between the bias and the activation.
    let up = "kind = \"conv_transpose2d\"\nchannels = 8\nkernel_size = 5";
    for (layer, input) in [(up, &[3, 8, 8][..]), ("kind = \"conv1d\"\nchannels = 8\nkernel_size = 5", &[3, 16])] {
        let model = recipe(&format!("{layer}\n[[layers]]\nkind = \"relu\"")).unwrap().model(&device, input, &[]).unwrap();
        let y = model.forward(&tensor(&device, &[&[2], input].concat(), 1), &Pass::evaluate());
        // A sum, so that nothing is copied into the shape that is fetched.
        let seen = profile(&device, &[&y.sum()], &[]);
        let count = |test: fn(&str) -> bool| seen.rows.iter().filter(|r| test(&r.kernel)).count();
        assert_eq!([count(|k| k.starts_with("matmul_")), count(|k| k == "map")], [1, 0], "{layer}: {:?}", kernels(&seen));
    }
}

#[test]
fn training_fuses_the_forward_pass_as_inference_does() {
    let device = device();
    let model = Sequential::new([3, 8, 8]).layer(Layer::Conv2d(conv(8, 5).padding(2))).relu().build(&device, 1).unwrap();
    let x = tensor(&device, &[2, 3, 8, 8], 1);
    let y = model.forward(&x, &Pass::evaluate());
    let loss = y.square().mean();
    let parameters = model.parameters();
    let gradients = loss.gradients_of(&parameters).unwrap();
    let stepped: Vec<Tensor> = parameters.iter().zip(&gradients).map(|(p, g)| &p.value() - &(g * 0.1)).collect();
    let updates: Vec<(&Variable, &Tensor)> = parameters.iter().zip(&stepped).collect();
    let seen = profile(&device, &[&loss], &updates);
    let labels: Vec<&str> = seen.rows.iter().filter(|r| r.kernel != "conv_pack").map(|r| r.label.as_str()).collect();
    assert!(labels[0].starts_with("conv2d ["), "{labels:?}");
    assert_eq!(labels.iter().filter(|l| l.starts_with("conv2d [")).count(), 1, "{labels:?}");
    // Nothing but the loss reads what the convolution made before its gradient is.
    assert!(!labels[1].starts_with("map"), "{labels:?}");
}

#[test]
fn a_pixel_that_no_window_sees_may_be_infinite() {
    let device = device();
    // Rows of 12 pixels, of which every second begins a window of three: the last is under none.
    let pixels = |last: f32| -> Vec<f32> { numbers(2 * 3 * 7 * 12, 3).into_iter().enumerate().map(|(i, x)| if i % 12 == 11 { last } else { x }).collect() };
    let model = Sequential::new([3, 7, 12]).layer(Layer::Conv2d(conv(8, 3).stride(2))).build(&device, 1).unwrap();
    let gradients = |last: f32| {
        let x = Tensor::from_f32(&device, [2, 3, 7, 12], &pixels(last)).unwrap();
        let loss = model.forward(&x, &Pass::evaluate()).square().sum();
        loss.gradients_of(&model.parameters()).unwrap()[0].to_vec()
    };
    let mut ran = Vec::new();
    for variant in ["naive", "rows", "subgroup", "taps", "taps_splitk", "tiled"] {
        device.force_variants(&[("conv2d_weight_grad", variant)]);
        let Ok(plain) = gradients(0.0) else { continue };
        assert!(plain.iter().all(|g| g.is_finite()), "{variant}");
        assert_eq!(gradients(f32::INFINITY).unwrap(), plain, "{variant}");
        ran.push(variant);
    }
    assert!(ran.contains(&"naive") && ran.contains(&"rows"), "{ran:?}");
}

#[test]
fn settings_that_no_device_could_hold_are_refused() {
    let device = device();
    for (layer, input, parts) in [
        ("kind = \"conv2d\"\nchannels = 1000000000000\nkernel_size = 3", &[3, 8, 8][..], &["conv2d 1000000000000", "[1000000000000, 3, 3, 3]", "smaller"][..]),
        ("kind = \"conv2d\"\nchannels = 9223372036854775807\nkernel_size = 3", &[3, 8, 8], &["weight of shape [9223372036854775807, 3, 3, 3]"]),
        ("kind = \"conv2d\"\nchannels = 4\nkernel_size = 9223372036854775807", &[3, 8, 8], &["up to 65536", "9223372036854775807"]),
        ("kind = \"conv2d\"\nchannels = 4\nkernel_size = 3\ndilation = 9223372036854775807", &[3, 8, 8], &["up to 65536"]),
        ("kind = \"conv2d\"\nchannels = 4\nkernel_size = 3\ndilation = 0", &[3, 8, 8], &["at least 1"]),
        ("kind = \"conv2d\"\nchannels = 4\nkernel_size = 65536\ndilation = 65536\npadding = \"same\"", &[3, 8, 8], &["elements"]),
        ("kind = \"conv2d\"\nchannels = 4\nkernel_size = [1, 65536]\ndilation = 65536\npadding = \"same\"", &[3, 8, 8], &["pads", "65536"]),
        ("kind = \"conv2d\"\nchannels = 4\nkernel_size = 3\npadding = 9223372036854775807", &[3, 8, 8], &["pads"]),
        ("kind = \"conv2d\"\nchannels = 4\nkernel_size = 3\npadding = 65536", &[3, 8, 8], &["[1, 4, 131078, 131078]", "can address"]),
        ("kind = \"conv1d\"\nchannels = 1000000000000\nkernel_size = 3", &[3, 8], &["[1000000000000, 3, 1, 3]"]),
        ("kind = \"conv1d\"\nchannels = 4\nkernel_size = 9223372036854775807\npadding = \"same\"", &[3, 8], &["up to 65536"]),
        ("kind = \"conv_transpose2d\"\nchannels = 1000000000000\nkernel_size = 3", &[3, 8, 8], &["[3, 1000000000000, 3, 3]"]),
        ("kind = \"conv_transpose2d\"\nchannels = 4\nkernel_size = 3\nstride = 65536", &[3, 8, 8], &["can address"]),
        ("kind = \"conv_transpose2d\"\nchannels = 4\nkernel_size = 3\noutput_padding = 9223372036854775807", &[3, 8, 8], &["output_padding"]),
        ("kind = \"linear\"\nunits = 1000000000000", &[8], &["linear 1000000000000", "weight of shape [8, 1000000000000]"]),
        ("kind = \"linear\"\nunits = 9223372036854775807", &[8], &["[8, 9223372036854775807]"]),
        ("kind = \"adaptive_avg_pool2d\"\noutput_size = 9223372036854775807", &[3, 8, 8], &["too many for one step"]),
        ("kind = \"adaptive_avg_pool1d\"\noutput_size = 9223372036854775807", &[3, 8], &["too many for one step"]),
        ("kind = \"max_pool2d\"\nkernel_size = 2\nstride = 9223372036854775807", &[3, 8, 8], &["stride 9223372036854775807"]),
        ("kind = \"avg_pool1d\"\nkernel_size = 2\npadding = 9223372036854775807", &[3, 8], &["half of the kernel"]),
        ("kind = \"pad2d\"\npadding = 9223372036854775807", &[3, 8, 8], &["cannot be padded"]),
        ("kind = \"pad2d\"\npadding = 1000000", &[3, 8, 8], &["[1, 3, 2000008, 2000008]", "can address"]),
        ("kind = \"upsample\"\nscale_factor = 9223372036854775807", &[3, 8, 8], &["too far for one step"]),
        ("kind = \"upsample\"\nsize = 1000000", &[3, 8, 8], &["too far"]),
        ("kind = \"clamp\"", &[3], &["`min`, `max` or both"]),
        ("kind = \"clamp\"\nmin = 1.0\nmax = 0.0", &[3], &["min is 1 and max 0"]),
        ("kind = \"clamp\"\nmax = nan", &[3], &["must be finite"]),
    ] {
        let message = build(&device, layer, input).err().unwrap_or_else(|| panic!("{layer} was taken"));
        parts.iter().for_each(|part| assert!(message.contains(part), "{layer}: no {part:?} in {message:?}"));
    }
}
