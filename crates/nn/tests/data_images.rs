//! Sets of pictures from folders and archives: the same whatever holds them, and what is wrong is named.

mod pictures;

use pictures::{gzip, jpeg, pattern, png, tar, tar_entry, zip};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use wgrad_nn::Recipe;
use wgrad_nn::data::framing::Fit;
use wgrad_nn::data::image::{BadFiles, ImageOptions, Images, Keep, Limits, Part, find};
use wgrad_nn::data::{BatchTargets, Dataset};

type Files = Vec<(String, Vec<u8>)>;

/// Small pictures of three classes in two formats, in an order that is not theirs.
fn files() -> Files {
    let picture = |n: usize| if n.is_multiple_of(2) { png(6, 5, 3, &pattern(6, 5, 3, n)) } else { jpeg(8, 8, 1, &[(n * 20) as u8], None) };
    let names = ["cats/b.png", "dogs/10.png", "birds/x.jpg", "cats/a.jpg", "dogs/9.jpg", "birds/old/w.png", "cats/c.png"];
    names.iter().enumerate().map(|(n, name)| ((*name).to_owned(), picture(n))).collect()
}

fn borrowed(files: &Files) -> Vec<(&str, &[u8])> {
    files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect()
}

/// A temporary folder with these files in it.
fn folder(files: &Files) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn file(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn options() -> ImageOptions {
    ImageOptions { size: [4, 5], ..ImageOptions::default() }
}

fn read(path: &Path, options: &ImageOptions) -> Dataset {
    Images::read(path, options, None).unwrap().parts.remove(&Part::Train).unwrap()
}

fn message(path: &Path, options: &ImageOptions) -> String {
    Images::read(path, options, None).unwrap_err().to_string()
}

fn contents(set: &Dataset) -> (Vec<f32>, BatchTargets) {
    let (mut x, mut y) = (Vec::new(), BatchTargets::default());
    set.fill_batch(&(0..set.len()).collect::<Vec<_>>(), &mut x, &mut y);
    (x, y)
}

#[test]
fn folders_and_archives_give_the_same_set_whatever_their_order() {
    let files = files();
    let here = folder(&files);
    let set = read(here.path(), &options());
    assert_eq!((set.classes(), set.input_shape()), (&["birds", "cats", "dogs"].map(str::to_owned)[..], &[3, 4, 5][..]));
    let expected = contents(&set);
    // birds/old/w.png before birds/x.jpg; dogs/10 before dogs/9: by the path, as bytes.
    assert_eq!(expected.1, BatchTargets::Classes(vec![0, 0, 1, 1, 1, 2, 2]));
    let mut turned = files.clone();
    turned.reverse();
    let archives = [
        ("a.tar", tar(&borrowed(&files))),
        ("b.tar", tar(&borrowed(&turned))),
        ("c.tar.gz", gzip(&tar(&borrowed(&files)))),
        ("d.tgz", gzip(&tar(&borrowed(&turned)))),
        ("e.zip", zip(&borrowed(&files))),
        ("f.zip", zip(&borrowed(&turned))),
        ("no-ending", zip(&borrowed(&files))),
    ];
    for (name, bytes) in archives {
        let (_keep, path) = file(name, &bytes);
        assert_eq!(contents(&read(&path, &options())), expected, "{name}");
        assert_eq!(contents(&read(&path, &ImageOptions { keep: Keep::Files, ..options() })), expected, "{name} kept as files");
        for workers in [1, 2, 7] {
            assert_eq!(contents(&read(&path, &ImageOptions { workers, ..options() })), expected, "{name} with {workers} threads");
        }
    }
}

#[test]
fn long_names_outer_folders_and_litter() {
    let deep = format!("{}/photos/cats/{}.png", "outer".repeat(8), "n".repeat(120));
    let all = [(deep.clone(), png(2, 2, 1, &[1; 4])), (deep.replace("cats", "dogs"), png(2, 2, 1, &[2; 4]))];
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in &all {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    for litter in ["./.DS_Store", "__MACOSX/photos/cats/._1.png", "photos/cats/Thumbs.db"] {
        tar_entry(&mut builder, litter, tar::EntryType::Regular, b"no picture");
    }
    let (_keep, path) = file("long.tar", &builder.into_inner().unwrap());
    let images = Images::read(&path, &options(), None).unwrap();
    assert_eq!((images.bad.len(), images.beside, images.parts[&Part::Train].len()), (0, 0, 2));
    assert_eq!(images.parts[&Part::Train].classes(), ["cats", "dogs"]);
}

#[test]
fn parts_are_told_apart_and_classes_are_those_of_training() {
    let picture = png(2, 2, 1, &[9; 4]);
    let names = ["train/a/1.png", "train/b/1.png", "train/b/2.png", "test/b/1.png", "val/a/1.png", "test/a/1.png", "readme.txt"];
    let files: Files = names.iter().map(|name| ((*name).to_owned(), picture.clone())).collect();
    let (_keep, path) = file("all.zip", &zip(&borrowed(&files)));
    let images = Images::read(&path, &options(), None).unwrap();
    let count = |part| images.parts[&part].class_counts();
    assert_eq!((count(Part::Train), count(Part::Validation), count(Part::Test)), (vec![1, 2], vec![1, 0], vec![1, 1]));
    assert_eq!(images.beside, 1);
    let more: Files = ["a/1.png", "c/1.png"].iter().map(|name| ((*name).to_owned(), picture.clone())).collect();
    let (_keep, path) = file("test.tar", &tar(&borrowed(&more)));
    let error = Images::read(&path, &options(), Some(&["a".to_owned(), "b".to_owned()])).unwrap_err().to_string();
    assert!(error.contains("\"c\"") && error.contains("a, b"), "{error}");
    let few = Images::read(&path, &options(), Some(&["a".to_owned(), "b".to_owned(), "c".to_owned()])).unwrap();
    assert_eq!(few.parts[&Part::Train].class_counts(), [1, 0, 1]);
}

#[test]
fn limited_sets_are_balanced_seeded_and_the_same_from_anywhere() {
    let files: Files = (0..40).map(|n| (format!("{}/{n:02}.png", if n < 30 { "many" } else { "few" }), png(2, 2, 1, &[n as u8; 4]))).collect();
    let here = folder(&files);
    let limited = |samples, seed| ImageOptions { samples: Some(samples), seed, ..options() };
    let set = read(here.path(), &limited(14, 1));
    assert_eq!(set.class_counts(), [7, 7]);
    assert_eq!(read(here.path(), &limited(26, 1)).class_counts(), [10, 16]);
    assert_eq!(read(here.path(), &limited(1000, 1)).class_counts(), [10, 30]);
    let (_keep, path) = file("all.tar.gz", &gzip(&tar(&borrowed(&files))));
    assert_eq!(contents(&read(&path, &limited(14, 1))), contents(&set));
    assert_ne!(contents(&read(&path, &limited(14, 2))).0, contents(&set).0);
    // The limit draws what a set in memory would draw.
    assert_eq!(contents(&read(&path, &options()).balanced(14, 1)), contents(&set));
}

#[test]
fn bad_files_are_named_counted_and_skipped_or_stop() {
    let mut files = files();
    files.push(("cats/broken.png".to_owned(), files[0].1[..40].to_vec()));
    files.push(("dogs/notes.txt".to_owned(), b"not a picture".to_vec()));
    let (_keep, path) = file("bad.tar", &tar(&borrowed(&files)));
    let images = Images::read(&path, &options(), None).unwrap();
    let names: Vec<&str> = images.bad.iter().map(|bad| bad.file.rsplit("bad.tar/").next().unwrap()).collect();
    assert_eq!(names, ["cats/broken.png", "dogs/notes.txt"]);
    assert!(images.bad[1].what.contains("no picture"), "{:?}", images.bad);
    assert_eq!(images.parts[&Part::Train].class_counts(), [2, 3, 2]);
    for workers in [1, 3] {
        let stopped = message(&path, &ImageOptions { bad_files: BadFiles::Stop, workers, ..options() });
        assert!(stopped.contains("bad.tar/cats/broken.png") && stopped.contains("bad_files"), "{stopped}");
    }
    let here = folder(&files);
    assert_eq!(Images::read(here.path(), &options(), None).unwrap().bad.len(), 2);
    let limited = |limits| Images::read(here.path(), &ImageOptions { limits, ..options() }, None).map(|images| images.bad);
    let enormous = limited(Limits { pixels: 40, ..Limits::default() }).unwrap();
    assert_eq!(enormous.iter().filter(|bad| bad.what.contains("8x8 pixels, more than the 40")).count(), 3, "{enormous:?}");
    let large = limited(Limits { file: 10, ..Limits::default() }).unwrap_err().to_string();
    assert!(large.contains("none of the 2 files") && large.contains("more than the 10 bytes"), "{large}");
}

#[test]
fn what_holds_no_classes_says_so() {
    let picture = png(2, 2, 1, &[9; 4]);
    let of = |names: &[&str]| -> Files { names.iter().map(|name| ((*name).to_owned(), picture.clone())).collect() };
    let cases: &[(&[&str], &[&str])] = &[
        (&["a/1.png", "a/2.png"], &["one class only, a"]),
        (&["1.png", "2.png"], &["2 files in no class folder", "CLASS/picture.jpg"]),
        (&["train/a/1.png", "train/b/1.png", "test/1.png", "test/2.png"], &["test part", "no class folders"]),
    ];
    for (names, parts) in cases {
        let here = folder(&of(names));
        let (_keep, path) = file("x.tar", &tar(&borrowed(&of(names))));
        for message in [message(here.path(), &options()), message(&path, &options())] {
            parts.iter().for_each(|part| assert!(message.contains(part), "{names:?}: no {part:?} in {message}"));
        }
    }
    let here = folder(&of(&["a/1.png", "b/1.png"]));
    fs::create_dir(here.path().join("c")).unwrap();
    let empty = message(here.path(), &options());
    assert!(empty.contains("\"c\"") && empty.contains("no pictures") && empty.contains("remove it"), "{empty}");
    let here = folder(&vec![("a/1.png".to_owned(), picture), ("b/1.png".to_owned(), b"text".to_vec())]);
    let none = message(here.path(), &options());
    assert!(none.contains("none of the 1 file") && none.contains("\"b\"") && none.contains("no picture"), "{none}");
    let nothing = tempfile::tempdir().unwrap();
    assert!(message(nothing.path(), &options()).contains("holds no pictures"));
    assert!(message(nothing.path(), &ImageOptions { size: [0, 4], ..options() }).contains("size above 0"));
    assert!(message(nothing.path(), &ImageOptions { channels: 2, ..options() }).contains("1 or 3 channels"));
    let missing = find("nothing-here.zip", &[nothing.path().to_path_buf(), PathBuf::from("elsewhere")]).unwrap_err().to_string();
    assert!(missing.contains("nothing-here.zip") && missing.contains("elsewhere") && missing.contains("--data"), "{missing}");
}

#[test]
fn entries_that_climb_out_and_links_are_refused() {
    let picture = png(2, 2, 1, &[9; 4]);
    for name in ["../a/1.png", "/a/1.png", "a/../../b/1.png", "..\\a\\1.png", "C:\\a\\1.png", "C:/a/1.png"] {
        let mut builder = tar::Builder::new(Vec::new());
        tar_entry(&mut builder, "a/0.png", tar::EntryType::Regular, &picture);
        tar_entry(&mut builder, name, tar::EntryType::Regular, &picture);
        let tar = builder.into_inner().unwrap();
        for (file_name, bytes) in [("x.tar", tar.clone()), ("x.tar.gz", gzip(&tar)), ("x.zip", zip(&[("a/0.png", &picture), (name, &picture)]))] {
            let (_keep, path) = file(file_name, &bytes);
            let message = message(&path, &options());
            assert!(message.contains("climbs out") && message.contains("x."), "{name} in {file_name}: {message}");
        }
    }
    for kind in [tar::EntryType::Symlink, tar::EntryType::Link, tar::EntryType::Char, tar::EntryType::Fifo] {
        let mut builder = tar::Builder::new(Vec::new());
        tar_entry(&mut builder, "a/1.png", kind, b"");
        let (_keep, path) = file("x.tar", &builder.into_inner().unwrap());
        let message = message(&path, &options());
        assert!(message.contains("link or a device") && message.contains("a/1.png"), "{message}");
    }
}

#[test]
fn archives_that_break_off_or_are_none_say_so() {
    let files = files();
    let tar = tar(&borrowed(&files));
    for (name, bytes) in [("x.tar", tar.clone()), ("x.tar.gz", gzip(&tar)), ("x.zip", zip(&borrowed(&files)))] {
        for part in [1, 2, 3, 5, 7, 9] {
            let (_keep, path) = file(name, &bytes[..bytes.len() * part / 10]);
            let message = message(&path, &options());
            assert!(message.contains("breaks off or is damaged") && message.contains(name), "{name} at {part}/10: {message}");
        }
    }
    // Between two entries, where nothing but the end mark is missing.
    let (_keep, path) = file("x.tar", &tar[..1024]);
    assert!(message(&path, &options()).contains("end mark"));
    for (bytes, part) in [(&b""[..], "is empty"), (b"hello, world", "no archive"), (&[7; 2000], "no archive")] {
        let (_keep, path) = file("x", bytes);
        let message = message(&path, &options());
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn archives_that_expand_without_end_are_stopped() {
    let limits = Limits { expanded: 1 << 20, ..Limits::default() };
    let zeros = vec![0u8; 40 << 20];
    let one = png(2, 2, 1, &[9; 4]);
    let (_keep, path) = file("bomb.tar.gz", &gzip(&tar(&[("a/1.png", &one), ("b/1.png", &zeros)])));
    let bomb = message(&path, &ImageOptions { limits, ..options() });
    assert!(bomb.contains("expands to more than"), "{bomb}");
    // Nothing but zeros behind the end of the tar.
    let (_keep, path) = file("tail.tar.gz", &gzip(&[tar(&[("a/1.png", &one), ("b/1.png", &one)]), zeros.clone()].concat()));
    assert!(message(&path, &ImageOptions { limits, ..options() }).contains("expands to more than"));
    let (_keep, path) = file("bomb.zip", &zip(&[("a/1.png", &zeros), ("b/1.png", &one)]));
    assert!(message(&path, &ImageOptions { limits, ..options() }).contains("expands to more than"));
    let files: Files = (0..100).map(|n| (format!("{}/{n}.png", n % 2), png(2, 2, 1, &[9; 4]))).collect();
    let (_keep, path) = file("many.tar", &tar(&borrowed(&files)));
    let many = message(&path, &ImageOptions { limits: Limits { kept: 1000, ..Limits::default() }, ..options() });
    assert!(many.contains("train_samples") && many.contains("1000 bytes") && many.contains("keep = "), "{many}");
    let many = message(&path, &ImageOptions { keep: Keep::Files, limits: Limits { kept: 1000, ..Limits::default() }, ..options() });
    assert!(many.contains("train_samples") && !many.contains("keep = "), "{many}");
}

/// Thousands of damaged archives: errors or sets, never a panic.
#[test]
fn damaged_archives_are_errors_or_sets() {
    let files: Files = files().into_iter().take(4).collect();
    let (tar, zip) = (tar(&borrowed(&files)), zip(&borrowed(&files)));
    let packed = gzip(&tar);
    let (_keep, path) = file("damaged", b"");
    let options = ImageOptions { workers: 1, limits: Limits { expanded: 1 << 20, ..Limits::default() }, ..options() };
    let mut good = 0;
    for (n, whole) in [tar, packed, zip].iter().enumerate() {
        let mut rng = wgrad_nn::data::rng::Rng::new(3, n as u64);
        for round in 0..500 {
            let mut bytes = whole.clone();
            for _ in 0..1 + rng.below(3) {
                let at = rng.below(bytes.len() as u64) as usize;
                bytes[at] = rng.next_u64() as u8;
            }
            if round % 5 == 0 {
                bytes.truncate(rng.below(whole.len() as u64) as usize);
            }
            fs::write(&path, &bytes).unwrap();
            good += usize::from(Images::read(&path, &options, None).is_ok());
        }
    }
    assert!(good > 50 && good < 1450, "{good} of 1500 could be read");
}

#[test]
fn recipe_of_pictures_reads_splits_and_records_its_framing() {
    let text = |data: &str| {
        format!(
            "name = \"p\"\nepochs = 1\nbatch_size = 2\nloss = \"cross_entropy\"\n[data]\nsource = \"images\"\n{data}\n[optimizer]\nkind = \"adam\"\nlearning_rate = 0.1\n[[layers]]\nkind = \"flatten\""
        )
    };
    let files: Files = (0..20).map(|n| (format!("{}/{n:02}.png", n % 2), png(3, 2, 3, &pattern(3, 2, 3, n)))).collect();
    let (here, _path) = file("all.tar.gz", &gzip(&tar(&borrowed(&files))));
    let read = |data: &str| Recipe::parse("p", &text(data)).unwrap().data(Some(here.path()));
    let data = read("train = \"all.tar.gz\"\nsize = [8, 9]\nfit = \"crop\"\ntest_split = 0.25\nvalidation_split = 0.2\nnormalize = \"imagenet\"\n[[data.augment]]\nkind = \"random_crop\"\nsize = 6").unwrap();
    assert_eq!((data.train.len(), data.validation.unwrap().len(), data.test.len()), (12, 3, 5));
    assert_eq!(data.train.input_shape(), [3, 6, 6]);
    let input = wgrad_nn::files::Input::of(&data.test);
    let framing = input.picture.clone().unwrap();
    assert_eq!((framing.size, framing.fit, framing.steps.len()), ([8, 9], Fit::Crop, 1));
    // A picture for prediction is given to the network as the set gives it.
    let whole = read("train = \"all.tar.gz\"\ntest = \"all.tar.gz\"\nsize = [8, 9]\nfit = \"crop\"\nnormalize = \"imagenet\"\n[[data.augment]]\nkind = \"random_crop\"\nsize = 6").unwrap();
    let picture = wgrad_nn::data::image::picture("one", &files[0].1, &input).unwrap();
    assert_eq!(input.normalized(picture), contents(&whole.test.take(1)).0);
    let error = read("train = \"all.tar.gz\"\nsize = 8").unwrap_err().to_string();
    assert!(error.contains("test_split"), "{error}");
    let error = read("train = \"none.zip\"\nsize = 8").unwrap_err().to_string();
    assert!(error.contains("none.zip"), "{error}");
    let error = read("train = \"all.tar.gz\"\nsize = 8\ntest_split = 0.5\n[[data.augment]]\nkind = \"center_crop\"\nsize = 9").unwrap_err().to_string();
    assert!(error.contains("9x9 out of 8x8"), "{error}");
}
