//! Single pictures: formats, colours, transparency, orientation, sizes, damage.

mod pictures;

use pictures::{bmp, gif, jpeg, pattern, png, png16, webp};
use wgrad_nn::data::framing::{Fit, Framing, Step};
use wgrad_nn::data::image::{picture, read_picture};
use wgrad_nn::data::{DataError, Normalize};
use wgrad_nn::files::Input;

fn input(shape: &[usize]) -> Input {
    Input { shape: shape.to_vec(), classes: vec![], normalize: None, picture: None }
}

/// The picture as a network of this input shape is given it, as bytes.
fn read_as(bytes: &[u8], input: &Input) -> Result<Vec<u8>, String> {
    let values = picture("the picture", bytes, input).map_err(|e| e.to_string())?;
    Ok(values.iter().map(|v| (v * 255.0).round() as u8).collect())
}

fn read(bytes: &[u8], shape: &[usize]) -> Vec<u8> {
    read_as(bytes, &input(shape)).unwrap()
}

#[test]
fn every_format_gives_the_same_pixels() {
    let rgb = [255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30, 255, 255, 255, 0, 0, 0];
    let planes = [255, 0, 0, 10, 255, 0, 0, 255, 0, 20, 255, 0, 0, 0, 255, 30, 255, 0];
    assert_eq!(read(&png(3, 2, 3, &rgb), &[3, 2, 3]), planes);
    assert_eq!(read(&webp(3, 2, &rgb), &[3, 2, 3]), planes);
    assert_eq!(read(&bmp(3, 2, &rgb), &[3, 2, 3]), planes);
    assert_eq!(read(&gif(3, 2, &rgb, &[0, 1, 2, 3, 4, 5]), &[3, 2, 3]), planes);
}

#[test]
fn jpeg_in_colour_and_grey() {
    // Two flat squares.
    assert_eq!(read(&jpeg(16, 8, 1, &[10, 200], None), &[1, 1, 2])[..], [37, 173], "the filter reaches over the edge");
    assert_eq!(read(&jpeg(16, 8, 1, &[10, 200], None), &[1, 8, 16])[..16], [&[10; 8][..], &[200; 8]].concat());
    let red = read(&jpeg(8, 8, 3, &[76, 85, 255], None), &[3, 1, 1]);
    assert!(red[0] > 250 && red[1] < 5 && red[2] < 5, "{red:?}");
    assert_eq!(read(&jpeg(8, 8, 1, &[90], None), &[3, 1, 1]), [90; 3]);
}

#[test]
fn colours_become_grey_and_grey_becomes_colours() {
    assert_eq!(read(&png(2, 1, 3, &[255, 0, 0, 0, 0, 255]), &[1, 1, 2]), [76, 29]);
    assert_eq!(read(&png(2, 1, 1, &[7, 9]), &[3, 1, 2]), [7, 9, 7, 9, 7, 9]);
    assert_eq!(read(&png(2, 1, 1, &[7, 9]), &[1, 2]), [7, 9]);
}

#[test]
fn sixteen_bits_become_eight_and_transparency_shows_white() {
    assert_eq!(read(&png16(2, 1, &[0xffff, 0x8000]), &[1, 1, 2]), [255, 128]);
    assert_eq!(read(&png(3, 1, 2, &[100, 255, 100, 0, 0, 128]), &[1, 1, 3]), [100, 255, 127]);
    assert_eq!(read(&png(1, 1, 4, &[10, 20, 30, 0]), &[3, 1, 1]), [255; 3]);
}

#[test]
fn orientation_of_the_camera_is_applied() {
    // Dark left, bright right; turned by a quarter to the right the dark end is on top.
    let turned = |exif| read(&jpeg(16, 8, 1, &[10, 200], exif), &[1, 2, 2]);
    let (plain, turned) = (turned(None), turned(Some(6)));
    assert_eq!((plain[0] == plain[2], plain[0] < plain[1]), (true, true), "{plain:?}");
    assert_eq!((turned[0] == turned[1], turned[0] < turned[2]), (true, true), "{turned:?}");
}

#[test]
fn framing_of_the_training_set_is_repeated() {
    // Four columns 0, 100, 200, 250 of two rows: cropped to the middle, or squeezed.
    let file = png(4, 2, 1, &[0, 100, 200, 250, 0, 100, 200, 250]);
    let framed = |fit, size, steps: &[Step], shape: &[usize]| {
        let picture = Some(Framing { size, fit, steps: steps.to_vec() });
        read_as(&file, &Input { picture, ..input(shape) }).unwrap()
    };
    assert_eq!(framed(Fit::Crop, [2, 2], &[], &[1, 2, 2]), [100, 200, 100, 200]);
    assert_eq!(framed(Fit::Stretch, [2, 4], &[Step::CenterCrop([1, 2])], &[1, 1, 2]), [100, 200]);
    assert_eq!(framed(Fit::Crop, [2, 2], &[Step::Resize([1, 2])], &[1, 1, 2]), [100, 200]);
    let wrong = Input { picture: Some(Framing { size: [2, 2], fit: Fit::Crop, steps: vec![] }), ..input(&[1, 3, 3]) };
    assert!(read_as(&file, &wrong).unwrap_err().contains("damaged"));
    let huge = Input { picture: Some(Framing { size: [1 << 40, 1 << 40], fit: Fit::Crop, steps: vec![] }), ..input(&[1, 3, 3]) };
    assert!(read_as(&file, &huge).unwrap_err().contains("cannot be"));
}

#[test]
fn values_are_normalized_as_in_training() {
    let input = Input { normalize: Some(Normalize { mean: vec![0.5, 0.0], std: vec![0.5, 2.0] }), ..input(&[2, 1, 2]) };
    assert_eq!(input.normalized(vec![0.0, 1.0, 1.0, 2.0, 0.5, 0.5, 0.0, 4.0]), [-1.0, 1.0, 0.5, 1.0, 0.0, 0.0, 0.0, 2.0]);
}

#[test]
fn what_is_no_picture_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let message = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let error = read_picture(&path, &input(&[3, 8, 8])).unwrap_err();
        assert!(matches!(error, DataError::Picture { .. }), "{error:?}");
        error.to_string()
    };
    for (name, bytes, part) in
        [("empty.jpg", &b""[..], "an empty file"), ("text.png", b"hello, world", "no picture"), ("short.jpg", &[0xff, 0xd8], "breaks off")]
    {
        let message = message(name, bytes);
        assert!(message.contains(name) && message.contains(part), "{message}");
    }
    let missing = read_picture(&folder.path().join("nothing.png"), &input(&[3, 8, 8])).unwrap_err();
    assert!(matches!(missing, DataError::Io { .. }), "{missing}");
    let numbers = read_picture(&folder.path().join("empty.jpg"), &input(&[784])).unwrap_err().to_string();
    assert!(numbers.contains("[784]"), "{numbers}");
}

#[test]
fn pictures_that_break_off_are_refused_at_any_length() {
    let pixels = pattern(20, 10, 3, 0);
    let palette: Vec<u8> = pattern(16, 1, 3, 1);
    let indices: Vec<u8> = (0..200).map(|i| i % 16).collect();
    let blocks: Vec<u8> = (0..6).map(|i| i * 40).collect();
    let files = [png(20, 10, 3, &pixels), jpeg(20, 10, 1, &blocks, Some(3)), webp(20, 10, &pixels), bmp(20, 10, &pixels), gif(20, 10, &palette, &indices)];
    for (n, file) in files.iter().enumerate() {
        assert!(read_as(file, &input(&[3, 4, 4])).is_ok(), "{n}");
        // A GIF may end without its last byte, a PNG without its last chunk, a BMP without padding: the pixels are there.
        let all_there = [12, 0, 0, 2, 4][n];
        for len in 0..file.len() - all_there - 1 {
            assert!(read_as(&file[..len], &input(&[3, 4, 4])).is_err(), "format {n}, {len} of {} bytes", file.len());
        }
    }
}

#[test]
fn enormous_pictures_are_refused_by_their_header() {
    let huge = |mut file: Vec<u8>, at: usize, bytes: &[u8]| {
        file[at..at + bytes.len()].copy_from_slice(bytes);
        read_as(&file, &input(&[3, 4, 4])).unwrap_err()
    };
    let jpeg = jpeg(8, 8, 1, &[0], None);
    let size = jpeg.windows(2).position(|w| w == [0xff, 0xc0]).unwrap() + 5;
    let message = huge(jpeg, size, &[0xff; 4]);
    assert!(message.contains("65535x65535"), "{message}");
    let message = huge(bmp(2, 2, &[0; 12]), 18, &[0, 0, 1, 0, 0, 0, 1, 0]);
    assert!(message.contains("65536x65536"), "{message}");
    let mut header = png(1, 1, 1, &[0]);
    header[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
    let mut crc = flate2::Crc::new();
    crc.update(&header[12..29]);
    header[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    let message = read_as(&header, &input(&[3, 4, 4])).unwrap_err();
    assert!(message.contains("65536x65536"), "{message}");
}

/// Thousands of damaged pictures: none may panic. Each is a valid file with some bytes changed.
#[test]
fn damaged_pictures_are_errors_or_pictures() {
    let pixels = pattern(20, 10, 3, 0);
    let indices: Vec<u8> = (0..200).map(|i| i % 16).collect();
    let blocks: Vec<u8> = (0..18).map(|i| i * 14).collect();
    let files =
        [png(20, 10, 3, &pixels), jpeg(20, 10, 3, &blocks, Some(6)), webp(20, 10, &pixels), bmp(20, 10, &pixels), gif(20, 10, &pattern(16, 1, 3, 1), &indices)];
    let mut good = 0;
    for (n, file) in files.iter().enumerate() {
        let mut rng = wgrad_nn::data::rng::Rng::new(11, n as u64);
        for _ in 0..600 {
            let mut damaged = file.clone();
            for _ in 0..1 + rng.below(4) {
                let at = rng.below(file.len() as u64) as usize;
                damaged[at] = rng.next_u64() as u8;
            }
            if let Ok(values) = picture("damaged", &damaged, &input(&[3, 4, 4])) {
                assert!(values.len() == 48 && values.iter().all(|v| (0.0..=1.0).contains(v)));
                good += 1;
            }
        }
    }
    assert!(good > 100 && good < 2900, "{good} of 3000 could be read");
}
