//! A Rust toolchain with the standard library for wasm32: found, completed, or explained.

use super::std_source;
use crate::apt;
use crate::run::{Command, Failure};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The target.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's backport of a recent Rust, made for its browsers, with the source of the standard library.
const DEBIAN: [&str; 3] = ["cargo-web", "rustc-web", "rust-web-src"];

/// How long rustup may take where there is another way: its hosts may be out of reach, and some networks never say so.
const RUSTUP_LIMIT: Duration = Duration::from_secs(60);

/// What builds for [`TARGET`].
#[derive(Debug, Clone)]
pub(crate) struct Toolchain {
    cargo: OsString,
    rustc: OsString,
    /// Where the standard library lies, if not in the compiler's own folder.
    sysroot: Option<PathBuf>,
    /// For toolchains that bring none.
    linker: Option<String>,
}

/// Looks for a toolchain in the order of what it costs: what is there, then what rustup fetches in a minute, then Debian's
/// packages and a build of the standard library under `target`.
pub(crate) fn find(target: &Path, yes: bool) -> Result<Toolchain, Failure> {
    let own = Toolchain::own();
    if own.has_std() {
        return Ok(own.linked());
    }
    if let Some(debian) = Toolchain::debian(target).filter(Toolchain::has_std) {
        return Ok(debian.linked());
    }
    let debian = apt::available();
    if rustup(debian) && own.has_std() {
        return Ok(own.linked());
    }
    if debian {
        return from_debian(target, yes);
    }
    Err(Failure(format!(
        "there is no standard library for {TARGET}. Install it, then run this again:\n  \
         with rustup   rustup target add {TARGET}\n  \
         Fedora        sudo dnf install rust-std-static-{TARGET} lld\n  \
         Arch          sudo pacman -S rust-wasm lld\n  \
         Alpine        sudo apk add rust-wasm lld"
    )))
}

/// Lets rustup add the target to the toolchain in use.
fn rustup(limited: bool) -> bool {
    if !Command::new("rustup").args(&["--version"]).quiet() {
        return false;
    }
    println!("Adding {TARGET} to the toolchain: rustup target add {TARGET}");
    let add = Command::new("rustup").args(&["target", "add", TARGET]);
    let added = if limited { add.within(RUSTUP_LIMIT) } else { add.run().is_ok() };
    if !added {
        println!("rustup could not add it.");
    }
    added
}

fn from_debian(target: &Path, yes: bool) -> Result<Toolchain, Failure> {
    let mut wanted: Vec<String> = DEBIAN.iter().filter(|p| !apt::installed(p)).map(|&p| p.to_owned()).collect();
    let linker = wasm_ld().is_some();
    if !wanted.is_empty() || !linker {
        let mut shown: Vec<&str> = wanted.iter().map(String::as_str).collect();
        shown.extend((!linker).then_some("lld"));
        let apt = apt::agree("Rust and a linker for wasm", &shown, yes)?;
        apt.update()?;
        if !linker {
            // The newest one: an older linker may not read what a newer compiler writes.
            let listed = Command::new("apt-cache").args(&["search", "--names-only", "^lld-[0-9]+$"]).output()?;
            wanted.push(newest(&listed).unwrap_or("lld").to_owned());
        }
        apt.install(&wanted.iter().map(String::as_str).collect::<Vec<_>>())?;
    }
    let toolchain = Toolchain::debian(target).ok_or_else(|| Failure("rustc-web is installed, and there is no /usr/bin/rustc and cargo".to_owned()))?;
    let version = Command::new(&toolchain.rustc).args(&["-vV"]).output()?;
    let needed = env!("CARGO_PKG_RUST_VERSION");
    if release(&version).is_none_or(|found| found < release(&format!("release: {needed}")).unwrap_or_default()) {
        let found = version.lines().next().unwrap_or("unknown").to_owned();
        return Err(Failure(format!("Debian's compiler is too old ({found}; {needed} is needed). With rustup instead: rustup target add {TARGET}")));
    }
    if !toolchain.has_std() {
        std_source::build(&toolchain.cargo, &toolchain.rustc, target)?;
    }
    Ok(Toolchain::debian(target).unwrap_or(toolchain).linked())
}

impl Toolchain {
    /// The toolchain that runs this program.
    fn own() -> Self {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let beside = Path::new(&cargo).with_file_name(format!("rustc{}", std::env::consts::EXE_SUFFIX));
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| if beside.is_file() { beside.into() } else { "rustc".into() });
        Self { cargo, rustc, sysroot: None, linker: None }
    }

    /// Debian's, with the standard library that was built for it, if one was.
    fn debian(target: &Path) -> Option<Self> {
        let (cargo, rustc) = ("/usr/bin/cargo", "/usr/bin/rustc");
        if !(Path::new(cargo).is_file() && Path::new(rustc).is_file()) {
            return None;
        }
        Some(Self { cargo: cargo.into(), rustc: rustc.into(), sysroot: std_source::built(rustc.as_ref(), target), linker: None })
    }

    /// Whether the compiler finds a core library for the target.
    fn has_std(&self) -> bool {
        let sysroot = self.sysroot.iter().map(|s| format!("--sysroot={}", s.display()));
        let args: Vec<String> = sysroot.chain(["--print", "target-libdir", "--target", TARGET].map(str::to_owned)).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let Ok(folder) = Command::new(&self.rustc).args(&args).output() else { return false };
        let files = std::fs::read_dir(folder.trim()).into_iter().flatten().flatten();
        files.map(|f| f.file_name()).any(|name| name.to_string_lossy().starts_with("libcore-"))
    }

    /// With a linker, where the toolchain does not bring its own.
    fn linked(mut self) -> Self {
        let sysroot = Command::new(&self.rustc).args(&["--print", "sysroot"]).output().unwrap_or_default();
        let libraries = Path::new(sysroot.trim()).join("lib/rustlib");
        let hosts = std::fs::read_dir(libraries).into_iter().flatten().flatten();
        let brought = hosts.map(|host| host.path().join("bin").join(format!("rust-lld{}", std::env::consts::EXE_SUFFIX))).any(|p| p.is_file());
        if !brought {
            self.linker = wasm_ld();
        }
        self
    }

    /// A cargo command that builds with this toolchain into a folder of its own, never into the native builds' one.
    pub(crate) fn cargo(&self, target: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(&self.cargo).args(args).dir(crate::root());
        command = command.env("RUSTC", &self.rustc).env("CARGO_TARGET_DIR", target.join("wasm")).without("CARGO_BUILD_TARGET");
        if let Some(linker) = &self.linker
            && std::env::var_os("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER").is_none()
        {
            command = command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
        if let Some(sysroot) = &self.sysroot {
            // With --target, these flags reach the program only, not build scripts and macros, which run here.
            let mut flags: Vec<String> = std::env::var("RUSTFLAGS").iter().flat_map(|f| f.split_whitespace().map(str::to_owned)).collect();
            flags.push(format!("--sysroot={}", sysroot.display()));
            command = command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
        }
        command
    }
}

/// The newest `wasm-ld` in the path, with or without a version in its name.
fn wasm_ld() -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let files = std::env::split_paths(&path).filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let names: Vec<String> = files.map(|f| f.file_name().to_string_lossy().into_owned()).filter(|n| n == "wasm-ld" || n.starts_with("wasm-ld-")).collect();
    newest(&names.join("\n")).map(str::to_owned).or_else(|| names.into_iter().find(|n| n == "wasm-ld"))
}

/// The first word, over all lines, that ends in the highest number.
fn newest(lines: &str) -> Option<&str> {
    let words = lines.lines().filter_map(|l| l.split_whitespace().next());
    words.filter_map(|w| Some((w.rsplit_once('-')?.1.parse::<u32>().ok()?, w))).max().map(|(_, word)| word)
}

/// The version in what `rustc -vV` says.
fn release(text: &str) -> Option<(u32, u32)> {
    let version = text.lines().find_map(|l| l.strip_prefix("release: "))?;
    let mut parts = version.split('.').map_while(|p| p.parse().ok());
    Some((parts.next()?, parts.next()?))
}

#[cfg(test)]
mod tests {
    use super::{newest, release};

    #[test]
    fn the_newest_linker_is_taken_by_number_not_by_letters() {
        assert_eq!(newest("lld-9 - LLVM-based linker\nlld-22 - LLVM-based linker\nlld-14 - LLVM-based linker\n"), Some("lld-22"));
        assert_eq!(newest("wasm-ld\nwasm-ld-19"), Some("wasm-ld-19"));
        assert_eq!(newest("wasm-ld\n"), None);
    }

    #[test]
    fn a_compilers_release_is_compared_as_numbers() {
        let found = release("rustc 1.100.0 (x)\nbinary: rustc\nrelease: 1.100.0-nightly\nLLVM version: 22.1.2\n");
        assert_eq!(found, Some((1, 100)));
        assert!(found > release("release: 1.95"));
        assert_eq!(release("rustc"), None);
    }
}
