//! Going on: after a stop, after SIGKILL, with more epochs, after a full disk.

use crate::common::{Done, Place, SMALL};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

/// The checkpoints of two runs are the same bytes.
#[track_caller]
fn same(place: &Place, a: &str, b: &str) {
    for file in ["last.safetensors", "best.safetensors", "last.json", "best.json"] {
        assert!(place.bytes(&format!("{a}/{file}")) == place.bytes(&format!("{b}/{file}")), "{file} of {a} and {b} differ");
    }
    let epochs = |run: &str| String::from_utf8(place.bytes(&format!("{run}/history.csv"))).unwrap().lines().count();
    assert_eq!(epochs(a), epochs(b));
}

#[test]
fn stopped_after_two_epochs_and_resumed_is_the_unbroken_run() {
    let place = Place::new();
    place.write("small.toml", SMALL);
    place.good(&["train", "small.toml", "--quiet", "--run", "whole"]);
    let stopped = place.good(&["train", "small.toml", "--run", "parts", "--stop-after", "2"]);
    assert!(stopped.stdout.contains("stopped after epoch 2 of 4") && !stopped.stdout.contains("Epoch 3/4"), "{}", stopped.stdout);
    let resumed = place.good(&["train", "--resume", "parts"]);
    assert!(resumed.stdout.contains("after epoch 2, step 20") && !resumed.stdout.contains("Epoch 2/4"), "{}", resumed.stdout);
    same(&place, "whole", "parts");
    // Nothing is left to do: the run stays as it is.
    place.good(&["train", "small.toml", "--resume", "parts", "--quiet"]);
    same(&place, "whole", "parts");
}

#[test]
fn more_epochs_can_be_added() {
    let place = Place::new();
    place.write("small.toml", SMALL);
    place.good(&["train", "small.toml", "--quiet", "--run", "six", "--epochs", "6"]);
    place.good(&["train", "small.toml", "--quiet", "--run", "more"]);
    place.good(&["train", "--resume", "more", "--epochs", "6", "--quiet"]);
    same(&place, "six", "more");
}

#[test]
fn a_run_cannot_go_on_as_another() {
    let place = Place::new();
    place.write("small.toml", SMALL);
    place.write("other.toml", SMALL.replace("units = 24", "units = 25"));
    place.good(&["train", "small.toml", "--quiet", "--run", "run", "--stop-after", "1"]);
    let before = place.bytes("run/last.safetensors");
    place.refused(&["train", "other.toml", "--resume", "run"], &["another recipe"]);
    place.refused(&["train", "--resume", "run", "--seed", "4"], &["seed 3"]);
    place.refused(&["train", "--resume", "run", "--stop-after", "1"], &["1 epochs already"]);
    place.refused(&["train", "--resume", "nowhere"], &["nowhere"]);
    assert!(place.bytes("run/last.safetensors") == before);
}

#[test]
fn a_checkpoint_of_another_model_is_refused() {
    let place = Place::new();
    place.write("small.toml", SMALL);
    place.write("other.toml", SMALL.replace("units = 24", "units = 25"));
    place.good(&["train", "small.toml", "--quiet", "--run", "run", "--stop-after", "1"]);
    place.good(&["train", "other.toml", "--quiet", "--run", "other", "--stop-after", "1"]);
    let own = place.bytes("run/recipe.toml");
    place.write("run/last.safetensors", place.bytes("other/last.safetensors"));
    for args in [&["eval", "run"][..], &["predict", "run", "run/curve.png"], &["train", "--resume", "run"]] {
        place.refused(args, &["last.safetensors", "another model", "[784, 24]", "[784, 25]"]);
    }
    assert_eq!(place.bytes("run/recipe.toml"), own);
    let whole = place.bytes("other/last.safetensors");
    for (bytes, text) in [(&whole[..whole.len() / 2], "breaks off"), (&b"hello, this is no checkpoint"[..], "last.safetensors")] {
        place.write("run/last.safetensors", bytes);
        place.refused(&["eval", "run"], &[text]);
        place.refused(&["train", "--resume", "run"], &[text]);
    }
}

#[test]
fn a_loss_that_is_not_a_number_stops_and_keeps_the_last_good_checkpoint() {
    let place = Place::new();
    place.write("small.toml", SMALL.replace("0.003", "1e30").replace("save_every = 3", "save_every = 1"));
    place.refused(&["train", "small.toml", "--run", "run"], &["not finite", "step ", "epoch 1", "in run", "learning rate"]);
    let kept = place.good(&["eval", "run", "--json"]).json();
    assert!(kept["loss"].as_f64().is_some_and(f64::is_finite), "{kept}");
    let log = String::from_utf8(place.bytes("run/train.log")).unwrap();
    assert!(log.contains("not finite"), "{log}");
}

/// The program under a limit on the size of files, which is how a full disk looks to it.
#[cfg(unix)]
fn with_little_room(place: &Place, args: &[&str]) -> Done {
    let mut shell = Command::new("sh");
    // Blocks are of 512 or 1,024 bytes, as the shell likes; the checkpoint needs more than either.
    let script = "trap '' XFSZ; ulimit -f 100; exec \"$0\" \"$@\"";
    place.prepare(&mut shell).args(["-c", script, env!("CARGO_BIN_EXE_wgrad")]).args(args);
    Done::of(shell.output().unwrap())
}

#[test]
#[cfg(unix)]
fn a_full_disk_leaves_no_half_made_run_and_keeps_the_last_good_checkpoint() {
    let place = Place::new();
    place.write("small.toml", SMALL);
    let args = ["train", "small.toml", "--out", "runs"];
    with_little_room(&place, &args).expect_refusal("a new run", &["disk is full"]);
    assert_eq!(std::fs::read_dir(place.path("runs")).unwrap().count(), 0);
    place.good(&["train", "small.toml", "--quiet", "--run", "whole"]);
    place.good(&["train", "small.toml", "--quiet", "--run", "parts", "--stop-after", "2"]);
    let before = place.bytes("parts/last.safetensors");
    with_little_room(&place, &["train", "--resume", "parts"]).expect_refusal("a resumed run", &["disk is full", "last.safetensors"]);
    assert!(place.bytes("parts/last.safetensors") == before);
    place.good(&["train", "--resume", "parts", "--quiet"]);
    same(&place, "whole", "parts");
}

/// Up to `most`, random.
fn random(most: Duration) -> Duration {
    let share = RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64;
    most.mul_f64(share)
}

#[test]
fn killed_twenty_times_it_always_goes_on_to_the_same_bytes() {
    let place = Place::new();
    // A save after every step, so that many kills fall into one.
    place.write("small.toml", SMALL.replace("save_every = 3", "save_every = 1").replace("epochs = 4", "epochs = 8"));
    let began = Instant::now();
    place.good(&["train", "small.toml", "--quiet", "--run", "whole"]);
    let whole = began.elapsed();
    let (mut kills, mut resumed, mut run) = (0, 0, 0);
    while kills < 20 {
        let name = format!("run{run}");
        let resume = place.exists(&name);
        let args = if resume { ["train", "--quiet", "--resume", &name].to_vec() } else { ["train", "--quiet", "small.toml", "--run", &name].to_vec() };
        let mut child = place.command(&args).spawn().unwrap();
        std::thread::sleep(random(whole));
        child.kill().unwrap();
        let status: ExitStatus = child.wait().unwrap();
        if status.code().is_none() {
            kills += 1;
            resumed += usize::from(resume);
            if place.exists(&name) {
                wgrad_nn::files::Checkpoint::load(&place.path(&name), wgrad_nn::files::Kind::Last).unwrap();
            }
            continue;
        }
        // It was done before the kill came.
        let done = Done::of(child.wait_with_output().unwrap());
        assert_eq!(status.code(), Some(0), "{args:?}\n{}", done.stderr);
        same(&place, "whole", &name);
        run += 1;
    }
    assert!(resumed > 0, "no killed run was ever resumed");
    let name = format!("run{run}");
    if place.exists(&name) {
        place.good(&["train", "--quiet", "--resume", &name]);
        same(&place, "whole", &name);
    }
}
