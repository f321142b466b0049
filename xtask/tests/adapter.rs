//! `cargo xtask adapter` on machines that have no adapter: apt-get, sudo and id are scripts that write down their calls.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A machine whose Vulkan loader would find no driver: a folder of false programs, put before all others.
struct Machine(TempDir);

impl Machine {
    fn new(user: u32, with_apt: bool, with_sudo: bool) -> Self {
        let machine = Self(TempDir::new().unwrap());
        machine.program("id", &format!("echo {user}"));
        // The loader is there, the driver is not.
        machine.program("ldconfig", "echo libvulkan.so.1");
        if with_apt {
            machine.program(
                "apt-get",
                &format!("echo apt-get \"$@\" >> {0}/calls\ncase \"$*\" in *install*) echo '{{}}' > {0}/driver.json;; esac", machine.dir()),
            );
        }
        if with_sudo {
            machine.program(
                "sudo",
                &format!(
                    "echo sudo >> {}/calls\n[ \"$1\" = --version ] && exit 0\nwhile case \"$1\" in *=*) true;; *) false;; esac; do shift; done\nexec \"$@\"",
                    machine.dir()
                ),
            );
        }
        machine
    }

    fn dir(&self) -> std::path::Display<'_> {
        self.0.path().display()
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.0.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn run(&self, args: &[&str], ci: bool) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.arg("adapter").args(args).stdin(Stdio::null());
        // Only the false programs: the machine's own apt-get must never run in a test.
        command.env("PATH", self.0.path()).env("VK_ICD_FILENAMES", self.0.path().join("driver.json")).env_remove("VK_DRIVER_FILES").env_remove("CI");
        if ci {
            command.env("CI", "true");
        }
        command.output().unwrap()
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.0.path().join("calls")).unwrap_or_default()
    }
}

const INSTALL: &str = "apt-get update --quiet=2\napt-get install --yes --quiet --no-install-recommends --no-remove mesa-vulkan-drivers libvulkan1\n";

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

/// `/bin/sh` runs the false programs, and they use `echo` alone.
fn works(output: &Output) {
    assert!(output.status.success(), "{}", text(output));
}

#[test]
fn a_driver_that_is_there_installs_nothing() {
    let machine = Machine::new(0, true, false);
    fs::write(machine.0.path().join("driver.json"), "{}").unwrap();
    works(&machine.run(&[], false));
    assert_eq!(machine.calls(), "");
}

#[test]
fn root_installs_without_a_question() {
    let machine = Machine::new(0, true, false);
    works(&machine.run(&[], false));
    assert!(machine.calls().ends_with(INSTALL), "{}", machine.calls());
    assert!(!machine.calls().contains("sudo"));
}

#[test]
fn a_user_who_agreed_beforehand_installs_with_sudo() {
    for (args, ci) in [(["--yes"].as_slice(), false), (&[], true)] {
        let machine = Machine::new(1000, true, true);
        works(&machine.run(args, ci));
        let calls = machine.calls();
        assert!(calls.contains("sudo\napt-get update --quiet=2\n") && calls.contains("sudo\napt-get install"), "{calls}");
    }
}

#[test]
fn without_a_terminal_to_ask_at_nothing_is_installed() {
    let machine = Machine::new(1000, true, true);
    let output = machine.run(&[], false);
    assert!(!output.status.success());
    assert!(text(&output).contains("--yes") && text(&output).contains("apt-get install"), "{}", text(&output));
    assert!(!machine.calls().contains("install"), "{}", machine.calls());
}

#[test]
fn without_sudo_the_commands_are_shown() {
    let machine = Machine::new(1000, true, false);
    let output = machine.run(&["--yes"], false);
    assert!(!output.status.success());
    assert!(text(&output).contains("there is no sudo") && text(&output).contains("apt-get install"), "{}", text(&output));
}

#[test]
fn without_apt_other_systems_are_told_what_to_do() {
    let machine = Machine::new(0, false, false);
    let output = machine.run(&["--yes"], false);
    assert!(!output.status.success());
    assert!(text(&output).contains("dnf install") && text(&output).contains("pacman -S"), "{}", text(&output));
}

#[test]
fn a_failed_installation_is_an_error() {
    let machine = Machine::new(0, true, false);
    machine.program("apt-get", "test \"$1\" = --version");
    let output = machine.run(&[], false);
    assert!(!output.status.success());
    assert!(text(&output).contains("`apt-get update --quiet=2` failed"), "{}", text(&output));
}

#[test]
fn a_driver_that_is_still_missing_is_an_error() {
    let machine = Machine::new(0, true, false);
    machine.program("apt-get", "exit 0");
    let output = machine.run(&[], false);
    assert!(!output.status.success());
    assert!(text(&output).contains("still the Vulkan loader finds no driver"), "{}", text(&output));
}
