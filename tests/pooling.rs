//! Pooling and resizing: what layers make of a sample's shape, what they refuse, how recipes write them; and what the cases of the
//! ops cannot say: NaN, outputs that nobody reads, lines.

mod common;

use common::device;
use wgrad::nn::Recipe;
use wgrad::prelude::*;
use wgrad::tensor::kernels::ops::{AvgPool2d, MaxPool2d, PadMode};

fn recipe(layers: &str) -> Recipe {
    let text = format!(
        "name = \"pool\"\nepochs = 1\nbatch_size = 2\nloss = \"mse\"\n[data]\nsource = \"values\"\ninputs = [[1.0]]\ntargets = [[1.0]]\n[optimizer]\nkind = \"sgd\"\n{layers}"
    );
    Recipe::parse("pool", &text).unwrap()
}

/// A model of one layer, on samples of a shape.
fn build(layer: &str, input: &[usize]) -> Result<Sequential, String> {
    recipe(&format!("[[layers]]\n{layer}")).model(&device(), input, &[]).map_err(|e| e.to_string())
}

#[test]
fn a_sample_gets_the_shape_that_the_windows_give_it() {
    for (layer, input, output) in [
        ("kind = \"max_pool2d\"\nkernel_size = 2", &[3, 28, 28][..], &[3, 14, 14][..]),
        ("kind = \"max_pool2d\"\nkernel_size = [3, 2]\nstride = [2, 1]\npadding = 1\nceil_mode = true", &[3, 8, 8], &[3, 5, 9]),
        ("kind = \"max_pool2d\"\nkernel_size = 3\ndilation = 2\nstride = 1", &[3, 9, 7], &[3, 5, 3]),
        ("kind = \"max_pool1d\"\nkernel_size = 3\nstride = 2\npadding = 1", &[4, 9], &[4, 5]),
        ("kind = \"avg_pool2d\"\nkernel_size = 3\nstride = 2\npadding = 1\ncount_include_pad = false", &[1, 7, 5], &[1, 4, 3]),
        ("kind = \"avg_pool1d\"\nkernel_size = 2", &[4, 9], &[4, 4]),
        ("kind = \"adaptive_avg_pool2d\"\noutput_size = [3, 2]", &[2, 7, 7], &[2, 3, 2]),
        ("kind = \"global_avg_pool2d\"", &[5, 7, 7], &[5]),
        ("kind = \"upsample\"\nscale_factor = 2\nmode = \"bilinear\"", &[5, 7, 3], &[5, 14, 6]),
        ("kind = \"global_max_pool2d\"", &[5, 7, 7], &[5]),
        ("kind = \"global_avg_pool1d\"", &[5, 7], &[5]),
        ("kind = \"adaptive_avg_pool1d\"\noutput_size = 3", &[5, 7], &[5, 3]),
        ("kind = \"clamp\"\nmin = -1.5", &[5, 7], &[5, 7]),
        ("kind = \"clamp\"\nmin = 0.0\nmax = 6.0", &[5, 7, 7], &[5, 7, 7]),
        ("kind = \"upsample\"\nscale_factor = 1.5", &[5, 7, 3], &[5, 10, 4]),
        ("kind = \"upsample\"\nscale_factor = [0.5, 2]\nmode = \"bilinear\"", &[5, 7, 3], &[5, 3, 6]),
        ("kind = \"upsample\"\nsize = [4, 9]", &[5, 7, 3], &[5, 4, 9]),
        ("kind = \"pad2d\"\npadding = [6, 2]\nmode = \"reflect\"", &[5, 7, 3], &[5, 19, 7]),
        ("kind = \"pad2d\"\npadding = 9\nvalue = 0.5", &[5, 7, 3], &[5, 25, 21]),
    ] {
        assert_eq!(build(layer, input).unwrap().rows()[0].output, output, "{layer}");
        let one = recipe(&format!("[[layers]]\n{layer}"));
        assert_eq!(Recipe::parse("again", &one.to_toml()).unwrap(), one, "{layer}");
    }
}

#[test]
fn layers_over_whole_channels_give_a_number_each() {
    let device = device();
    let x = [1.0, 5.0, -2.0, 4.0, -1.0, -3.0, -8.0, -4.0];
    let given = |built: wgrad::nn::model::SequentialBuilder, shape: &[usize]| {
        let model = built.build(&device, 1).unwrap();
        model.forward(&Tensor::from_f32(&device, shape, &x).unwrap(), &Pass::evaluate()).to_vec().unwrap()
    };
    let images = || Sequential::new([2, 2, 2]);
    assert_eq!(given(images().global_max_pool2d(), &[1, 2, 2, 2]), [5.0, -1.0]);
    assert_eq!(given(images().global_avg_pool2d(), &[1, 2, 2, 2]), [2.0, -4.0]);
    let lines = || Sequential::new([2, 4]);
    assert_eq!(given(lines().global_avg_pool1d(), &[1, 2, 4]), [2.0, -4.0]);
    assert_eq!(given(lines().adaptive_avg_pool1d(2), &[1, 2, 4]), [3.0, 1.0, -2.0, -6.0]);
    assert_eq!(given(lines().clamp(-3.0, 4.0), &[1, 2, 4]), [1.0, 4.0, -2.0, 4.0, -1.0, -3.0, -3.0, -3.0]);
}

#[test]
fn what_does_not_fit_is_refused_with_both_shapes() {
    for (layer, input, parts) in [
        ("kind = \"max_pool2d\"\nkernel_size = 2", &[784][..], &["max_pool2d 2x2", "[channels, height, width]", "[784]"][..]),
        ("kind = \"max_pool2d\"\nkernel_size = [2, 9]", &[3, 8, 8], &["[3, 8, 8]", "width 8", "no window fits"]),
        ("kind = \"max_pool2d\"\nkernel_size = 3\npadding = 2", &[3, 8, 8], &["padding 2", "half of the kernel 3"]),
        ("kind = \"avg_pool2d\"\nkernel_size = 0", &[3, 8, 8], &["kernel 0"]),
        ("kind = \"max_pool1d\"\nkernel_size = 2", &[3, 8, 8], &["[channels, length]", "[3, 8, 8]"]),
        ("kind = \"adaptive_avg_pool2d\"\noutput_size = 0", &[3, 8, 8], &["at least 1"]),
        ("kind = \"global_avg_pool2d\"", &[3, 8], &["[3, 8]"]),
        ("kind = \"global_max_pool2d\"", &[3, 8], &["[3, 8]"]),
        ("kind = \"global_avg_pool1d\"", &[3, 8, 8], &["[channels, length]", "[3, 8, 8]"]),
        ("kind = \"upsample\"\nscale_factor = 0.1", &[3, 8, 8], &["at least 1"]),
        ("kind = \"pad2d\"\npadding = [1, 8]\nmode = \"reflect\"", &[3, 8, 8], &["padded by 8", "pads from 0 to 7"]),
        ("kind = \"pad2d\"\npadding = 1", &[8], &["[channels, height, width]"]),
        ("kind = \"upsample\"", &[3, 8, 8], &["`scale_factor` or `size`"]),
        ("kind = \"upsample\"\nscale_factor = 0", &[3, 8, 8], &["must be above 0"]),
        ("kind = \"upsample\"\nscale_factor = 2\nalign_corners = true", &[3, 8, 8], &["bilinear"]),
    ] {
        let message = build(layer, input).err().unwrap();
        parts.iter().for_each(|part| assert!(message.contains(part), "{layer}: no {part:?} in {message:?}"));
    }
}

#[test]
fn a_maximum_is_the_same_whether_or_not_its_place_is_read() {
    let device = device();
    for (shape, pool) in [
        ([1, 2, 8, 8], MaxPool2d::new([2, 2])),
        ([1, 2, 9, 7], MaxPool2d { strides: [2, 1], pads: [1; 4], ceil_mode: true, ..MaxPool2d::new([3, 3]) }),
        ([1, 1, 20, 20], MaxPool2d { strides: [2, 2], ..MaxPool2d::new([16, 16]) }),
    ] {
        let n = shape.iter().product();
        let x = Tensor::from_f32(&device, shape, &(0..n).map(|i| ((i * 37) % 101) as f32 - 50.0).collect::<Vec<_>>()).unwrap();
        let (y, indices) = x.max_pool2d_with_indices(&pool);
        let alone = x.max_pool2d(&pool).to_vec().unwrap();
        let places = indices.read_blocking().unwrap().i32s().unwrap();
        assert_eq!(alone, y.to_vec().unwrap());
        let plane = shape[2] * shape[3];
        let windows = alone.len() / shape[1];
        let values = x.to_vec().unwrap();
        places.iter().enumerate().for_each(|(o, &at)| assert_eq!(values[o / windows * plane + at as usize], alone[o]));
    }
}

#[test]
fn nan_wins_in_its_window() {
    let device = device();
    let mut values = vec![1.0; 2 * 32];
    (values[9], values[35]) = (f32::NAN, f32::INFINITY);
    let x = Tensor::from_f32(&device, [1, 1, 4, 16], &values).unwrap();
    let (y, indices) = x.max_pool2d_with_indices(&MaxPool2d::new([2, 2]));
    let (y, places) = (y.to_vec().unwrap(), indices.read_blocking().unwrap().i32s().unwrap());
    for o in 0..16 {
        match o {
            4 => assert!(y[o].is_nan() && places[o] == 9),
            9 => assert!(y[o] == f32::INFINITY && places[o] == 35),
            _ => assert!(y[o] == 1.0),
        }
    }
    // Nothing but the least of all numbers, and padding.
    let low = Tensor::from_f32(&device, [1, 1, 3, 3], &[f32::NEG_INFINITY; 9]).unwrap();
    let (y, indices) = low.max_pool2d_with_indices(&MaxPool2d { strides: [2, 2], pads: [1; 4], ..MaxPool2d::new([3, 3]) });
    assert_eq!(y.to_vec().unwrap(), [f32::NEG_INFINITY; 4]);
    assert_eq!(indices.read_blocking().unwrap().i32s().unwrap(), [0, 1, 3, 4]);
}

#[test]
fn lines_are_images_of_height_one() {
    let x = Tensor::from_f32(&device(), [1, 2, 5], &[1.0, 3.0, 2.0, 5.0, 4.0, -1.0, -3.0, -2.0, -5.0, -4.0]).unwrap();
    assert_eq!(x.max_pool1d(&MaxPool2d::line(2)).to_vec().unwrap(), [3.0, 5.0, -1.0, -2.0]);
    assert_eq!(x.avg_pool1d(&AvgPool2d::line(2)).to_vec().unwrap(), [2.0, 3.5, -2.0, -3.5]);
    let shared = x.adaptive_avg_pool1d(2).to_vec().unwrap();
    shared.iter().zip([2.0, 11.0 / 3.0, -2.0, -11.0 / 3.0]).for_each(|(a, b)| assert!((a - b).abs() < 1e-5, "{shared:?}"));
    assert_eq!(x.adaptive_avg_pool1d(1).shape()[..], [1, 2, 1]);
}

#[test]
fn nan_is_the_largest_of_the_top() {
    let x = Tensor::from_f32(&device(), [1, 6], &[1.0, f32::NAN, f32::INFINITY, -0.0, 0.0, f32::NEG_INFINITY]).unwrap();
    let (values, places) = x.top_k(6, -1, true);
    assert!(values.to_vec().unwrap()[0].is_nan());
    assert_eq!(places.read_blocking().unwrap().i32s().unwrap(), [1, 2, 0, 3, 4, 5]);
    let (_, places) = x.top_k(5, 1, false);
    assert_eq!(places.read_blocking().unwrap().i32s().unwrap(), [5, 3, 4, 0, 2]);
}

#[test]
fn a_border_shows_the_inside() {
    let x = Tensor::from_f32(&device(), [4], &[1.0, 2.0, 3.0, 4.0]).unwrap();
    let padded = |mode| x.pad_mode(&[2, 3], mode).to_vec().unwrap();
    assert_eq!(padded(PadMode::Reflect), [3.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 2.0, 1.0]);
    assert_eq!(padded(PadMode::Edge), [1.0, 1.0, 1.0, 2.0, 3.0, 4.0, 4.0, 4.0, 4.0]);
    assert_eq!(padded(PadMode::Wrap), [3.0, 4.0, 1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0]);
}
