//! The curves: a picture comes out whatever the numbers, and it shows what it should.

use wgrad_nn::report::{EpochRow, History, draw_curves, save_curves};

fn history(epochs: u64, loss: impl Fn(u64) -> f64, accuracy: bool) -> History {
    let value = |v: f64| accuracy.then_some(v);
    let row = |epoch| EpochRow {
        epoch,
        step: epoch,
        loss: loss(epoch),
        accuracy: value(0.9),
        val_loss: value(0.2),
        val_accuracy: value(0.8),
        learning_rate: 1e-3,
        seconds: 1.0,
        data_wait: None,
    };
    History { rows: (1..=epochs).map(row).collect() }
}

/// Width, height and RGB pixels.
fn decode(png: &[u8]) -> (u32, u32, Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (info.width, info.height, pixels)
}

fn count(pixels: &[u8], rgb: [u8; 3]) -> usize {
    pixels.chunks(3).filter(|p| **p == rgb).count()
}

const TRAINING: [u8; 3] = [31, 119, 180];
const VALIDATION: [u8; 3] = [230, 110, 0];

#[test]
fn two_panels_with_both_curves_and_letters() {
    let (width, height, pixels) = decode(&draw_curves(&history(5, |e| 1.0 / e as f64, true), "a title").unwrap());
    assert_eq!((width, height), (1280, 480));
    assert!(count(&pixels, TRAINING) > 500 && count(&pixels, VALIDATION) > 500);
    // The title's own black, in the top rows.
    let dark = |pixels: &[u8]| pixels.chunks(3).filter(|p| p.iter().all(|&v| v < 100)).count();
    assert!(dark(&pixels[..1280 * 3 * 30]) > 100);
    let (.., untitled) = decode(&draw_curves(&history(5, |e| 1.0 / e as f64, true), "").unwrap());
    assert!(dark(&pixels) > dark(&untitled) + 100);
}

#[test]
fn one_panel_without_accuracy() {
    let (width, _, pixels) = decode(&draw_curves(&history(5, |e| e as f64, false), "t").unwrap());
    assert_eq!(width, 640);
    assert!(count(&pixels, TRAINING) > 300);
    assert_eq!(count(&pixels, VALIDATION), 0);
}

#[test]
fn numbers_at_the_edge_give_a_picture() {
    let losses: [fn(u64) -> f64; 10] = [
        |_| f64::NAN,
        |_| f64::INFINITY,
        |_| 0.0,
        |_| -1.0,
        |_| 1e-300,
        |_| 1e300,
        |_| f64::MAX,
        |e| if e % 2 == 0 { f64::MAX } else { f64::MIN },
        |e| 1e-12 * e as f64,
        |e| if e == 2 { f64::NAN } else { 0.5 },
    ];
    for (case, loss) in losses.into_iter().enumerate() {
        for epochs in [0, 1, 2, 300] {
            let drawn = draw_curves(&history(epochs, loss, case % 2 == 0), "edge");
            assert!(drawn.is_ok(), "case {case}, {epochs} epochs: {drawn:?}");
        }
    }
}

#[test]
fn title_of_any_letters_and_length() {
    for title in ["", "日本語 ~ ünïcode", &"long ".repeat(100)] {
        draw_curves(&history(2, |_| 0.5, true), title).unwrap();
    }
}

#[test]
fn saved_file_is_the_picture() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run/curve.png");
    let history = history(3, |e| 1.0 / e as f64, true);
    save_curves(&history, "t", &path).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), draw_curves(&history, "t").unwrap());
}
