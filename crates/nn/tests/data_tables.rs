//! Tables and CIFAR-10's binary files: what is read, and what is wrong with its place.

mod pictures;

use pictures::{gzip, png, tar};
use std::fs;
use tempfile::TempDir;
use wgrad_nn::data::cifar::{CLASSES, FILES, cifar10, cifar10_from_bytes};
use wgrad_nn::data::rng::Rng;
use wgrad_nn::data::{BatchTargets, Dataset};
use wgrad_nn::recipe::Data;
use wgrad_nn::{Error, Recipe};

fn contents(set: &Dataset) -> (Vec<f32>, BatchTargets) {
    let (mut x, mut y) = (Vec::new(), BatchTargets::default());
    set.fill_batch(&(0..set.len()).collect::<Vec<_>>(), &mut x, &mut y);
    (x, y)
}

/// The data of a recipe with these settings, in a folder with these files.
fn data(files: &[(&str, &str)], settings: &str) -> Result<Data, Error> {
    let folder = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, text)| fs::write(folder.path().join(name), text).unwrap());
    let text = format!(
        "name = \"t\"\nepochs = 1\nbatch_size = 2\nloss = \"mse\"\ndata = {{ source = \"csv\", {settings} }}\noptimizer = {{ kind = \"adam\" }}\nlayers = [{{ kind = \"relu\" }}]"
    );
    Recipe::parse("t", &text)?.data(Some(folder.path()))
}

const IRIS: &str = "length,width,\"the kind\"\n1.0,2,b\r\n3,4e0,\"a, quoted\"\n\n-5,6,b\n";

#[test]
fn classes_and_values_by_name_number_or_place() {
    let read = |settings: &str| data(&[("t.csv", IRIS)], &format!("train = \"t.csv\", test = \"t.csv\", {settings}")).unwrap().train;
    let set = read("standardize = false");
    assert_eq!((set.classes(), set.input_shape()), (&["a, quoted".to_owned(), "b".to_owned()][..], &[2][..]));
    assert_eq!(contents(&set), (vec![1.0, 2.0, 3.0, 4.0, -5.0, 6.0], BatchTargets::Classes(vec![1, 0, 1])));
    let set = read("standardize = false, target = \"length\", targets = \"values\", ignore = [\"the kind\"]");
    assert_eq!(contents(&set), (vec![2.0, 4.0, 6.0], BatchTargets::Values(vec![1.0, 3.0, -5.0])));
    assert!(set.classes().is_empty());
    let set = read("standardize = false, target = 1, targets = \"values\", ignore = [\"the kind\"]");
    assert_eq!(contents(&set).0, [1.0, 3.0, -5.0]);
    // Brought to mean 0 and deviation 1.
    let (x, _) = contents(&read("target = \"the kind\""));
    for column in 0..2 {
        let values: Vec<f32> = x.iter().skip(column).step_by(2).copied().collect();
        let mean = values.iter().sum::<f32>() / 3.0;
        let variance = values.iter().map(|v| v * v).sum::<f32>() / 3.0;
        assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-5, "{values:?}");
    }
}

#[test]
fn tables_without_header_with_other_separators_and_splits() {
    let lines: String = (0..20).map(|n| format!("{n};{}\n", n * 2)).collect();
    let settings = "train = \"t.csv\", header = false, separator = \";\", targets = \"values\", standardize = false, test_split = 0.25, validation_split = 0.2";
    let data = data(&[("t.csv", &lines)], settings).unwrap();
    assert_eq!((data.train.len(), data.validation.unwrap().len(), data.test.len()), (12, 3, 5));
    let (x, y) = contents(&data.test);
    assert_eq!(y, BatchTargets::Values(x.iter().map(|v| 2.0 * v).collect()));
}

#[test]
fn test_table_is_scaled_as_the_training_table_and_knows_no_other_class() {
    let settings = "train = \"a.csv\", test = \"b.csv\"";
    let both = data(&[("a.csv", "x,k\n0,p\n2,q\n"), ("b.csv", "x,k\n4,q\n")], settings).unwrap();
    assert_eq!(contents(&both.test), (vec![3.0], BatchTargets::Classes(vec![1])));
    let message = |b: &str| data(&[("a.csv", "x,k\n0,p\n2,q\n"), ("b.csv", b)], settings).unwrap_err().to_string();
    let unknown = message("x,k\n4,q\n4,r\n");
    assert!(unknown.contains("b.csv: line 3, column \"k\"") && unknown.contains("p, q"), "{unknown}");
    let columns = message("y,k\n4,q\n");
    assert!(columns.contains("b.csv") && columns.contains('y'), "{columns}");
}

#[test]
fn what_is_wrong_is_told_with_line_and_column() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("a,b,k\n1,2,x\n1,2\n", "", &["line 3", "2 fields", "3 columns"]),
        ("a,b,k\n1,2,x\n1,2,y,4\n", "", &["line 3", "4 fields"]),
        ("a,b,k\n1,,x\n", "", &["line 2", "column \"b\"", "empty"]),
        ("a,b,k\n1,2,x\n3,\"two\nlines\",y\n1,2,z\n", "", &["line 3", "column \"b\"", "no number"]),
        ("a,b,k\n1,2,x\n3,\"two\n\",y\nnan,2,z\n", "ignore = [\"b\"]", &["line 5", "column \"a\"", "\"nan\" is no number"]),
        ("a,b,k\n1,1e99,x\n", "", &["line 2", "column \"b\"", "1e99"]),
        ("a,b,k\n1,2,\n", "", &["line 2", "column \"k\"", "target is empty"]),
        ("a,b,k\n1,2,x\n", "", &["one class only", "\"k\""]),
        ("a,b,k\n1,2,x\n2,2,y\n", "target = \"z\"", &["no column \"z\"", "a, b, k"]),
        ("a,b,k\n1,2,x\n2,2,y\n", "target = 3", &["no column 3"]),
        ("a,b,k\n1,2,x\n2,2,y\n", "ignore = [\"c\"]", &["no column \"c\""]),
        ("a;b;k\n1;2;x\n", "", &["separator"]),
        ("a,b,k\n1,2,x\n", "separator = \"\"", &["one character"]),
        ("a,b,k\n", "", &["no line of numbers"]),
        ("", "", &["no line of numbers"]),
        ("a,b,k\n1,2,x\n2,3,y\n", "targets = \"values\"", &["line 2", "column \"k\"", "\"x\" is no number"]),
    ];
    for (text, settings, parts) in cases {
        let comma = if settings.is_empty() { "" } else { ", " };
        let message = data(&[("t.csv", text)], &format!("train = \"t.csv\", test_split = 0.5{comma}{settings}")).unwrap_err().to_string();
        assert!(message.contains("t.csv"), "{message}");
        parts.iter().for_each(|part| assert!(message.contains(part), "{text:?}: no {part:?} in {message}"));
    }
    let message = data(&[("t.csv", IRIS)], "train = \"t.csv\"").unwrap_err().to_string();
    assert!(message.contains("test_split"), "{message}");
}

/// Thousands of damaged tables: errors or sets.
#[test]
fn damaged_tables_are_errors_or_sets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let text = "name = \"t\"\nepochs = 1\nbatch_size = 2\nloss = \"mse\"\ndata = { source = \"csv\", train = \"t.csv\", test = \"t.csv\" }\noptimizer = { kind = \"adam\" }\nlayers = [{ kind = \"relu\" }]";
    let recipe = Recipe::parse("t", text).unwrap();
    let (mut rng, mut good) = (Rng::new(4, 4), 0);
    for _ in 0..1500 {
        let mut bytes = IRIS.as_bytes().to_vec();
        for _ in 0..1 + rng.below(3) {
            let at = rng.below(bytes.len() as u64) as usize;
            // Bytes that mean something to the format come more often.
            bytes[at] = if rng.below(2) == 0 { b",\"\n\r 0-e"[rng.below(8) as usize] } else { rng.next_u64() as u8 };
        }
        fs::write(&path, &bytes).unwrap();
        good += usize::from(recipe.data(Some(folder.path())).is_ok());
    }
    assert!(good > 100 && good < 1400, "{good} of 1500 could be read");
}

/// Records of CIFAR-10: label n % 10 and one value for each channel.
fn records(n: usize, from: usize) -> Vec<u8> {
    (from..from + n).flat_map(|n| [vec![(n % 10) as u8], vec![n as u8; 1024], vec![1; 1024], vec![2; 1024]].concat()).collect()
}

fn binary_files() -> Vec<(String, Vec<u8>)> {
    FILES.iter().enumerate().map(|(n, name)| ((*name).to_owned(), records(4, 4 * n))).collect()
}

#[test]
fn binary_batches_in_a_folder_and_in_the_archive() {
    let meta = CLASSES.map(|class| format!("{class}\n")).concat() + "\n";
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("cifar-10-batches-bin");
    fs::create_dir(&inside).unwrap();
    binary_files().iter().for_each(|(name, bytes)| fs::write(inside.join(name), bytes).unwrap());
    fs::write(inside.join("batches.meta.txt"), &meta).unwrap();
    let read = |folder: &TempDir, samples| cifar10(&[folder.path().to_path_buf()], samples, 1);
    let [train, test] = read(&folder, [None, None]).unwrap();
    assert_eq!((train.len(), test.len(), train.input_shape(), train.classes()[3].as_str()), (20, 4, &[3, 32, 32][..], "cat"));
    assert_eq!((train.label(13), test.label(0)), (Some(3), Some(0)));
    let (x, _) = contents(&train.subset(&[7]));
    assert_eq!([x[0], x[1023], x[1024], x[3071]], [7.0, 7.0, 1.0, 2.0].map(|v| v / 255.0));
    let names: Vec<(String, Vec<u8>)> = binary_files().into_iter().map(|(name, bytes)| (format!("cifar-10-batches-bin/{name}"), bytes)).collect();
    let entries: Vec<(&str, &[u8])> = names.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let archive = tempfile::tempdir().unwrap();
    fs::write(archive.path().join("cifar-10-binary.tar.gz"), gzip(&tar(&entries))).unwrap();
    let [again, _] = read(&archive, [None, None]).unwrap();
    assert_eq!(contents(&again), contents(&train));
    let [few, one] = read(&archive, [Some(10), Some(1)]).unwrap();
    assert_eq!((few.class_counts(), one.len()), (vec![1; 10], 1));
    let missing = tempfile::tempdir().unwrap();
    fs::write(missing.path().join("cifar-10-binary.tar.gz"), gzip(&tar(&entries[..5]))).unwrap();
    let message = read(&missing, [None, None]).unwrap_err().to_string();
    assert!(message.contains("test_batch.bin") && message.contains("not there"), "{message}");
    let nothing = tempfile::tempdir().unwrap();
    let message = read(&nothing, [None, None]).unwrap_err().to_string();
    assert!(message.contains("cifar-10-binary.tar.gz") && message.contains("cifar10-train.tar.gz") && message.contains("--data"), "{message}");
}

#[test]
fn pictures_of_cifar_are_found_too() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = CLASSES.iter().map(|class| format!("{class}/0000.png")).collect();
    let picture = png(32, 32, 3, &[7; 3072]);
    let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), picture.as_slice())).collect();
    fs::create_dir(folder.path().join("cifar10")).unwrap();
    for name in ["cifar10-train.tar.gz", "cifar10-test.tar.gz"] {
        fs::write(folder.path().join("cifar10").join(name), gzip(&tar(&entries))).unwrap();
    }
    let [train, test] = cifar10(&[folder.path().to_path_buf()], [None, Some(3)], 1).unwrap();
    assert_eq!((train.len(), test.len(), train.classes()), (10, 3, &CLASSES.map(str::to_owned)[..]));
    assert_eq!(contents(&train).0, vec![7.0 / 255.0; 30720]);
}

#[test]
fn damaged_batches_are_errors() {
    let named = |bytes: Vec<u8>| cifar10_from_bytes("c", &[("data_batch_1.bin".to_owned(), bytes)], None).map_err(|e| e.to_string());
    assert!(named(records(2, 0)).is_ok());
    for bytes in [vec![], records(2, 0)[..6145].to_vec(), [records(1, 0), vec![0]].concat()] {
        let message = named(bytes).unwrap_err();
        assert!(message.contains("data_batch_1.bin") && message.contains("3073"), "{message}");
    }
    let mut wrong = records(3, 0);
    wrong[2 * 3073] = 10;
    let message = named(wrong).unwrap_err();
    assert!(message.contains("label 10 at offset 6146 (sample 2)"), "{message}");
    let message = cifar10_from_bytes("c", &[("x".to_owned(), records(1, 0))], Some("cat\ndog\n")).unwrap_err().to_string();
    assert!(message.contains("names 2 classes"), "{message}");
}
