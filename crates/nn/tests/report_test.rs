//! Pictures of a test: the confusion matrix and the ROC curves.

use wgrad_nn::metrics::{Classification, Predictions};
use wgrad_nn::report::{draw_confusion, draw_roc};

fn names(n: usize, prefix: &str) -> Vec<String> {
    (0..n).map(|k| format!("{prefix}{k}")).collect()
}

/// Noisy predictions of `n` classes that are right more often than not.
fn noisy(classes: Vec<String>, samples: usize) -> Predictions {
    let (n, mut state) = (classes.len(), 7u64);
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    let truth: Vec<usize> = (0..samples).map(|s| s % n).collect();
    let logits: Vec<f32> = truth.iter().flat_map(|&t| (0..n).map(|k| 6.0 * draw() + if k == t { 3.0 } else { 0.0 }).collect::<Vec<_>>()).collect();
    Predictions::from_logits(classes, &logits, truth).unwrap()
}

/// Width, height, and how many different colours.
fn decoded(png: &[u8]) -> (u32, u32, usize) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut pixels).unwrap();
    let colors: std::collections::HashSet<&[u8]> = pixels.chunks(3).collect();
    (frame.width, frame.height, colors.len())
}

/// Writes a picture where somebody wants to look at it.
fn show(name: &str, png: &[u8]) {
    if let Some(dir) = std::env::var_os("WGRAD_TEST_PICTURES") {
        std::fs::write(std::path::Path::new(&dir).join(name), png).unwrap();
    }
}

#[test]
fn confusion_matrices_of_any_size_are_drawn() {
    for (file, classes, samples) in [
        ("two.png", names(2, "class "), 2000),
        (
            "ten.png",
            ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "a truck with a very long name"].map(str::to_owned).to_vec(),
            10_000,
        ),
        ("forty.png", names(40, "kind "), 4000),
        ("thousand.png", names(1000, "k"), 3000),
        ("one.png", names(1, "all"), 3),
        ("letters.png", vec!["é🙂".to_owned(), String::new(), "x".to_owned()], 9),
    ] {
        let png = draw_confusion(&Classification::of(&noisy(classes, samples)), &format!("confusion of {file}")).unwrap();
        show(file, &png);
        let (width, height, colors) = decoded(&png);
        assert!(width >= 60 && height >= 60 && width < 4000 && height < 4000, "{file}: {width}x{height}");
        assert!(colors > 2, "{file}: {colors} colours");
    }
}

#[test]
fn a_better_classifier_has_a_darker_diagonal() {
    let draw = |right: bool| {
        let row = if right { [0.9, 0.1, 0.1, 0.9] } else { [0.1, 0.9, 0.9, 0.1] };
        draw_confusion(&Classification::of(&Predictions::new(names(2, "c"), row.to_vec(), vec![0, 1]).unwrap()), "t").unwrap()
    };
    assert_ne!(draw(true), draw(false));
    assert_eq!(draw(true), draw(true));
}

#[test]
fn roc_curves_are_drawn_where_there_are_any() {
    for (file, classes, samples) in
        [("roc-two.png", names(2, "class "), 500), ("roc-ten.png", names(10, "class "), 2000), ("roc-many.png", names(30, "k"), 900)]
    {
        let png = draw_roc(&noisy(classes, samples), &format!("ROC of {file}")).unwrap().unwrap();
        show(file, &png);
        assert!(decoded(&png).2 > 3, "{file}");
    }
    let alike = Predictions::new(names(2, "c"), vec![0.5; 4], vec![1, 1]).unwrap();
    assert_eq!(draw_roc(&alike, "none").unwrap(), None);
}
