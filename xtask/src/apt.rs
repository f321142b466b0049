//! Debian's packages: asked for, then installed with apt-get.

use crate::run::{Command, Failure};
use std::io::{BufRead, IsTerminal, Write};

/// The right to install, once given.
pub(crate) struct Apt {
    root: bool,
}

/// Whether this system has apt-get.
pub(crate) fn available() -> bool {
    Command::new("apt-get").args(&["--version"]).quiet()
}

/// Whether a package is installed.
pub(crate) fn installed(package: &str) -> bool {
    let state = Command::new("dpkg-query").args(&["--show", "--showformat=${db:Status-Status}", package]).output();
    state.is_ok_and(|s| s.trim() == "installed")
}

/// Installs packages, with `what` they are in the person's words.
pub(crate) fn install(what: &str, packages: &[&str], yes: bool) -> Result<(), Failure> {
    let apt = agree(what, packages, yes)?;
    apt.update()?;
    apt.install(packages)
}

/// Asks where asking is due: root needs none, and sudo deserves a question unless `yes` answered it beforehand.
pub(crate) fn agree(what: &str, packages: &[&str], yes: bool) -> Result<Apt, Failure> {
    let by_hand = format!("apt-get update && apt-get install --yes --no-install-recommends {}", packages.join(" "));
    let root = Command::new("id").args(&["-u"]).output().is_ok_and(|id| id.trim() == "0");
    if !root && !Command::new("sudo").args(&["--version"]).quiet() {
        return Err(Failure(format!("you are not root and there is no sudo; as root, run\n  {by_hand}")));
    }
    if !root && !yes && !agreed(packages)? {
        return Err(Failure(format!("nothing was installed. To do it yourself, as root:\n  {by_hand}")));
    }
    println!("Installing {what}: {by_hand}");
    Ok(Apt { root })
}

impl Apt {
    fn run(&self, args: &[&str]) -> Result<(), Failure> {
        // A package's questions would wait for ever in a script.
        let command = if self.root { Command::new("apt-get") } else { Command::new("sudo").args(&["DEBIAN_FRONTEND=noninteractive", "apt-get"]) };
        command.env("DEBIAN_FRONTEND", "noninteractive").args(args).run()
    }

    /// Fetches the lists of packages.
    pub(crate) fn update(&self) -> Result<(), Failure> {
        self.run(&["update", "--quiet=2"])
    }

    /// Installs packages; never by removing others, which might be somebody's compiler.
    pub(crate) fn install(&self, packages: &[&str]) -> Result<(), Failure> {
        let mut args = vec!["install", "--yes", "--quiet", "--no-install-recommends", "--no-remove"];
        args.extend(packages);
        self.run(&args)
    }
}

/// Asks at the terminal; without one the answer is no.
fn agreed(packages: &[&str]) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        println!("This is no terminal to ask at; --yes agrees beforehand.");
        return Ok(false);
    }
    print!("Install {} with sudo apt-get? [y/N] ", packages.join(" "));
    let mut answer = String::new();
    let asked = std::io::stdout().flush().and_then(|()| std::io::stdin().lock().read_line(&mut answer));
    asked.map_err(|e| Failure(format!("the answer could not be read: {e}")))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "Yes"))
}
