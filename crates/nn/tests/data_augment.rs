//! Transforms: what each does, that they repeat byte for byte, and that threads and resuming change nothing.

use std::sync::Arc;
use wgrad_nn::Recipe;
use wgrad_nn::data::augment::Draw;
use wgrad_nn::data::{BatchTargets, Dataset, Inputs, Loader, LoaderOptions, Normalize, Targets};
use wgrad_nn::files::Input;
use wgrad_nn::recipe::BUILT_IN;

/// The transforms of a recipe in which they are written like this, comma between them.
fn parsed(augment: &str) -> Result<Recipe, String> {
    let text = BUILT_IN[0].1.replace("test = 2000", &format!("test = 2000\naugment = [{augment}]"));
    Recipe::parse("t", &text).map_err(|e| e.to_string())
}

/// A set of `n` bytes samples of this shape, value (17 · sample + position) in each.
fn plain(n: usize, shape: [usize; 3]) -> Dataset {
    let each: usize = shape.iter().product();
    let bytes: Vec<u8> = (0..n * each).map(|i| (i / each * 17 + i % each) as u8).collect();
    let labels = (0..n as u32).map(|i| i % 2).collect();
    Dataset::new("s", Inputs::U8(bytes.into()), &shape, Targets::Classes(labels), vec!["a".to_owned(), "b".to_owned()]).unwrap()
}

fn set(n: usize, shape: [usize; 3], augment: &str) -> Dataset {
    plain(n, shape).transformed(parsed(augment).unwrap().data.augment().to_vec()).unwrap()
}

/// The samples as training sees them in this epoch, as bytes.
fn drawn(set: &Dataset, epoch: u64) -> Vec<Vec<i32>> {
    let (mut x, mut y) = (Vec::new(), BatchTargets::default());
    set.fill_training(&(0..set.len()).collect::<Vec<_>>(), Draw { seed: 5, epoch, batch: 0 }, &mut x, &mut y);
    bytes(&x, set.input_len())
}

fn bytes(x: &[f32], each: usize) -> Vec<Vec<i32>> {
    x.chunks(each).map(|sample| sample.iter().map(|v| (v * 255.0).round() as i32).collect()).collect()
}

fn measured(set: &Dataset) -> Vec<Vec<i32>> {
    let (mut x, mut y) = (Vec::new(), BatchTargets::default());
    set.fill_batch(&(0..set.len()).collect::<Vec<_>>(), &mut x, &mut y);
    bytes(&x, set.input_len())
}

const ALL: &str = r#"
    { kind = "resize", size = 12 }, { kind = "random_crop", size = 10, padding = [1, 2] }, { kind = "random_resized_crop", scale = [0.5, 1.0] },
    { kind = "random_horizontal_flip" }, { kind = "random_vertical_flip", probability = 0.3 }, { kind = "random_rotation", degrees = 15 },
    { kind = "color_jitter", brightness = 0.2, contrast = 0.2, saturation = 0.2, hue = 0.05 }, { kind = "random_erasing" },
    { kind = "center_crop", size = 8 }, { kind = "mixup", alpha = 0.4 }"#;

#[test]
fn recipes_say_transforms_and_are_written_back() {
    let recipe = parsed(ALL).unwrap();
    assert_eq!(recipe.data.augment().len(), 10);
    assert_eq!(Recipe::parse("t", &recipe.to_toml()).unwrap(), recipe, "{}", recipe.to_toml());
    let unknown = parsed("{ kind = \"random_krop\" }").unwrap_err();
    assert!(unknown.contains("`random_crop`"), "{unknown}");
    let section = BUILT_IN[0].1.replace("[optimizer]", "[[data.augment]]\nkind = \"random_rotation\"\ndegrees = 5\n[optimizer]");
    assert_eq!(Recipe::parse("t", &section).unwrap().data.augment().len(), 1);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let cases = [
        ("{ kind = \"center_crop\", size = 9 }", "9x9 out of 8x8"),
        ("{ kind = \"random_crop\", size = 13, padding = 2 }", "13x13 out of 8x8"),
        ("{ kind = \"random_crop\", padding = 9 }", "padding"),
        ("{ kind = \"random_crop\", padding = 18446744073709551615 }", "padding"),
        ("{ kind = \"resize\", size = 0 }", "size of 0x0"),
        ("{ kind = \"resize\", size = [100000, 100000] }", "size of 100000x100000"),
        ("{ kind = \"random_resized_crop\", scale = [0.5, 1.5] }", "scale"),
        ("{ kind = \"random_resized_crop\", scale = [0.5] }", "scale"),
        ("{ kind = \"random_resized_crop\", ratio = [2.0, 1.0] }", "ratio"),
        ("{ kind = \"random_horizontal_flip\", probability = 1.5 }", "probability of 1.5"),
        ("{ kind = \"random_rotation\", degrees = 200 }", "degrees"),
        ("{ kind = \"color_jitter\", brightness = 2 }", "brightness"),
        ("{ kind = \"color_jitter\", hue = 0.7 }", "hue"),
        ("{ kind = \"random_erasing\", ratio = [0.0, 1.0] }", "ratio"),
        ("{ kind = \"mixup\", alpha = 0 }", "alpha = 0"),
        ("{ kind = \"mixup\" }, { kind = \"mixup\" }", "two of mixup"),
    ];
    for (augment, part) in cases {
        let error = plain(2, [3, 8, 8]).transformed(parsed(augment).unwrap().data.augment().to_vec()).unwrap_err().to_string();
        assert!(error.contains(part), "{augment}: {error}");
    }
    let colours = parsed("{ kind = \"color_jitter\", saturation = 0.1 }").unwrap().data.augment().to_vec();
    assert!(plain(2, [1, 8, 8]).transformed(colours).unwrap_err().to_string().contains("3 channels"));
    let flat = Dataset::new("f", Inputs::F32(vec![0.0; 4].into()), &[2], Targets::Values { data: vec![0.0; 2].into(), shape: vec![1] }, vec![]).unwrap();
    let flip = parsed("{ kind = \"random_horizontal_flip\" }").unwrap().data.augment().to_vec();
    assert!(flat.transformed(flip).unwrap_err().to_string().contains("[channels, height, width]"));
}

#[test]
fn flips_turn_half_of_the_samples_over() {
    let set = set(200, [1, 2, 3], "{ kind = \"random_horizontal_flip\" }");
    let (before, after) = (measured(&set), drawn(&set, 0));
    let turned = |s: &[i32]| vec![s[2], s[1], s[0], s[5], s[4], s[3]];
    let flipped = before
        .iter()
        .zip(&after)
        .filter(|(b, a)| {
            assert!(a == b || **a == turned(b));
            a != b
        })
        .count();
    assert!((70..130).contains(&flipped), "{flipped} of 200");
    let set = self::set(3, [2, 3, 2], "{ kind = \"random_vertical_flip\", probability = 1 }");
    let turned = |s: &[i32]| [&s[4..6], &s[2..4], &s[..2], &s[10..12], &s[8..10], &s[6..8]].concat();
    assert_eq!(drawn(&set, 0), measured(&set).iter().map(|s| turned(s)).collect::<Vec<_>>());
}

#[test]
fn random_crops_come_from_everywhere_and_evaluation_takes_the_middle() {
    let set = set(300, [1, 3, 5], "{ kind = \"random_crop\", size = [2, 3], padding = [1, 0] }");
    assert_eq!(set.input_shape(), [1, 2, 3]);
    let whole = measured(&plain(300, [1, 3, 5]));
    let at = |s: &[i32], y: isize, x: isize| if (0..3).contains(&y) { s[(y * 5 + x) as usize] } else { 0 };
    let crop =
        |s: &[i32], top: isize, left: isize| -> Vec<i32> { (0..2).flat_map(|y| (0..3).map(move |x| (y, x))).map(|(y, x)| at(s, top + y, left + x)).collect() };
    let mut seen = [[0; 3]; 4];
    for (sample, drawn) in whole.iter().zip(drawn(&set, 3)) {
        let (top, left) = (0..4).flat_map(|y| (0..3).map(move |x| (y, x))).find(|&(y, x)| crop(sample, y as isize - 1, x as isize) == drawn).expect("a crop");
        seen[top][left] += 1;
    }
    assert!(seen.iter().flatten().all(|&n| n > 8), "{seen:?}");
    assert_eq!(measured(&set), whole.iter().map(|s| crop(s, 0, 1)).collect::<Vec<_>>());
}

#[test]
fn resized_crops_keep_values_in_range_and_evaluation_takes_all() {
    let set = set(50, [1, 6, 8], "{ kind = \"random_resized_crop\", size = 4, scale = [0.2, 0.6] }");
    assert_eq!((set.input_shape(), drawn(&set, 0).len()), (&[1, 4, 4][..], 50));
    assert_ne!(drawn(&set, 0), drawn(&set, 1));
    assert_eq!(measured(&set), measured(&self::set(50, [1, 6, 8], "{ kind = \"resize\", size = 4 }")));
}

#[test]
fn rotation_by_nothing_is_nothing_and_turns_about_the_middle() {
    let still = set(4, [1, 5, 5], "{ kind = \"random_rotation\", degrees = 0 }");
    assert_eq!(drawn(&still, 0), measured(&still));
    let turned = set(40, [1, 5, 5], "{ kind = \"random_rotation\", degrees = 90 }");
    for (before, after) in measured(&turned).iter().zip(drawn(&turned, 0)) {
        // The middle pixel stays, up to rounding, where the values rise and do not wrap round from 255 to 0.
        assert!((before[12] - after[12]).abs() <= 1 || !before.is_sorted(), "{before:?} {after:?}");
    }
}

#[test]
fn jitter_erasing_and_mixup_do_what_they_say() {
    let bright = set(60, [1, 2, 2], "{ kind = \"color_jitter\", brightness = 0.5 }");
    let ratios: Vec<f32> =
        measured(&bright).iter().zip(drawn(&bright, 0)).filter(|(b, _)| b[0] > 50 && b[0] < 160).map(|(b, a)| a[0] as f32 / b[0] as f32).collect();
    assert!(ratios.iter().all(|r| (0.49..1.52).contains(r)) && ratios.iter().any(|r| *r < 0.8) && ratios.iter().any(|r| *r > 1.2), "{ratios:?}");
    let erased = set(60, [1, 10, 10], "{ kind = \"random_erasing\", probability = 1, scale = [0.1, 0.3], value = 1 }");
    for (before, after) in measured(&erased).iter().zip(drawn(&erased, 0)) {
        let changed = before.iter().zip(&after).filter(|(b, a)| b != a).count();
        assert!((4..=40).contains(&changed) && before.iter().zip(&after).all(|(b, a)| b == a || *a == 255), "{changed}");
    }
    let mixed = set(8, [1, 2, 2], "{ kind = \"mixup\", alpha = 1.0 }");
    let (mut x, mut y) = (Vec::new(), BatchTargets::default());
    mixed.fill_training(&[0, 1, 2, 3], Draw { seed: 1, epoch: 0, batch: 2 }, &mut x, &mut y);
    let BatchTargets::Values(shares) = &y else { panic!("{y:?}") };
    assert_eq!((shares.len(), mixed.mixes_classes()), (8, true));
    assert!(shares.chunks(2).all(|row| (row[0] + row[1] - 1.0).abs() < 1e-6), "{shares:?}");
    mixed.fill_batch(&[0, 1], &mut x, &mut y);
    assert_eq!(y, BatchTargets::Classes(vec![0, 1]));
}

#[test]
fn normalization_comes_last() {
    let flip = "{ kind = \"random_vertical_flip\", probability = 1 }";
    let normalize = Normalize { mean: vec![0.5, 0.25], std: vec![0.5, 2.0] };
    let set = set(1, [2, 2, 1], flip).normalized(normalize).unwrap();
    let (mut x, mut y) = (Vec::new(), BatchTargets::default());
    set.fill_training(&[0], Draw::default(), &mut x, &mut y);
    let expected = [(1.0 / 255.0 - 0.5) / 0.5, (0.0 - 0.5) / 0.5, (3.0 / 255.0 - 0.25) / 2.0, (2.0 / 255.0 - 0.25) / 2.0];
    assert_eq!(x, expected);
}

/// Every batch of an epoch: inputs and targets as bits.
fn epoch(set: &Arc<Dataset>, workers: usize, epoch: u64, first: usize) -> Vec<(Vec<u32>, String)> {
    let loader = Loader::new(set.clone(), LoaderOptions { batch_size: 7, seed: 9, workers, ..LoaderOptions::default() });
    let bits = |x: &[f32]| x.iter().map(|v| v.to_bits()).collect();
    loader.epoch_from(epoch, first).map(|batch| (bits(&batch.x), format!("{:?}", batch.y))).collect()
}

#[test]
fn threads_and_resuming_change_no_byte() {
    let set = Arc::new(set(60, [3, 9, 11], ALL));
    let whole = epoch(&set, 1, 4, 0);
    assert_eq!(whole.len(), 9);
    for workers in [0, 2, 7, 32] {
        assert!(epoch(&set, workers, 4, 0) == whole, "{workers} threads");
    }
    for first in 0..=9 {
        assert!(epoch(&set, 3, 4, first) == whole[first..], "from batch {first}");
    }
    assert!(epoch(&set, 2, 5, 0) != whole);
    // A reader that stops in the middle leaves no thread waiting.
    let loader = Loader::new(set, LoaderOptions { batch_size: 3, workers: 4, ..LoaderOptions::default() });
    assert_eq!(loader.epoch(0).take(2).count(), 2);
}

#[test]
fn bytes_are_the_same_on_every_platform() {
    use sha2::{Digest, Sha256};
    let set = Arc::new(set(60, [3, 9, 11], ALL));
    let mut digest = Sha256::new();
    for (x, y) in epoch(&set, 2, 0, 0) {
        x.iter().for_each(|bits| digest.update(bits.to_le_bytes()));
        digest.update(y);
    }
    let hex: String = digest.finalize().iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(hex, "3e8cdccbd235af2459bc9d894cbe7d8879e1051b4912b21c57bf59a8421aa093", "the same run would give another network");
}

#[test]
fn what_a_network_is_given_is_recorded() {
    let input =
        Input::of(&set(2, [3, 9, 11], "{ kind = \"resize\", size = [8, 10] }, { kind = \"random_crop\", size = 6 }, { kind = \"random_horizontal_flip\" }"));
    assert_eq!(input.shape, [3, 6, 6]);
    let framing = input.picture.as_ref().unwrap();
    assert_eq!((framing.size, framing.steps.len()), ([9, 11], 2));
    assert!(Input::of(&plain(2, [3, 9, 11])).picture.is_none());
    // An older program's description has no word of pictures.
    let old: Input = serde_json::from_str("{\"shape\":[3,6,6],\"classes\":[],\"normalize\":null}").unwrap();
    assert!(old.picture.is_none());
    let again: Input = serde_json::from_str(&serde_json::to_string(&input).unwrap()).unwrap();
    assert_eq!(again, input);
}
