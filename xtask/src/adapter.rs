//! A graphics adapter for this machine: found, or installed, or explained.

use crate::apt;
use crate::run::{Command, Failure};
use std::path::{Path, PathBuf};

/// Debian's and Ubuntu's packages: the loader, and Mesa's drivers with the software one (lavapipe) among them.
const PACKAGES: [&str; 2] = ["mesa-vulkan-drivers", "libvulkan1"];

/// Makes sure that there is a Vulkan loader and a driver, before anything is compiled. macOS and Windows bring Metal and
/// Direct3D 12 with the system.
pub(crate) fn ensure(yes: bool) -> Result<(), Failure> {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    match missing() {
        None => Ok(()),
        Some(what) => {
            println!("No graphics adapter: {what}.");
            install(yes)?;
            missing().map_or(Ok(()), |what| Err(Failure(format!("the driver was installed, and still {what}"))))
        }
    }
}

/// Asks the built command itself, which is the last word: a driver's file says nothing about its hardware.
pub(crate) fn probe(profile: &[&str], yes: bool) -> Result<(), Failure> {
    let info = |profile: &[&str]| {
        let mut args = vec!["run", "--quiet", "--package", "wgrad-cli", "--bin", "wgrad"];
        args.extend(profile);
        crate::cargo(&args).args(&["--", "info", "--json"])
    };
    if info(profile).quiet() {
        return Ok(());
    }
    if cfg!(target_os = "linux") && !has_software_driver() {
        println!("There is a Vulkan driver, and it finds no device.");
        install(yes)?;
    }
    // Once more, now with its own explanation where it fails again.
    info(profile).output().map(|_| ())
}

/// What a Vulkan program would miss on this Linux, if anything.
fn missing() -> Option<String> {
    if !has_loader() {
        return Some("the Vulkan loader, libvulkan.so.1, is not installed".to_owned());
    }
    let drivers = drivers();
    if drivers.is_empty() {
        return Some("the Vulkan loader finds no driver".to_owned());
    }
    None
}

fn has_loader() -> bool {
    let own = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&own).collect();
    for base in ["/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/local/lib"] {
        folders.push(base.into());
        folders.push(Path::new(base).join(format!("{}-linux-gnu", std::env::consts::ARCH)));
    }
    if folders.iter().any(|f| f.join("libvulkan.so.1").exists()) {
        return true;
    }
    let cached = |program: &str| Command::new(program).args(&["-p"]).output().is_ok_and(|list| list.contains("libvulkan.so.1"));
    cached("ldconfig") || cached("/sbin/ldconfig")
}

/// The driver manifests that the loader would read, by its own rules: `VK_DRIVER_FILES` or `VK_ICD_FILENAMES` alone where
/// set, otherwise the folders `vulkan/icd.d` of the system and the user.
fn drivers() -> Vec<PathBuf> {
    for name in ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] {
        if let Some(list) = std::env::var_os(name) {
            return std::env::split_paths(&list).filter(|p| p.is_file()).collect();
        }
    }
    let mut bases: Vec<PathBuf> = ["/etc", "/usr/local/etc", "/usr/local/share", "/usr/share"].iter().map(PathBuf::from).collect();
    for name in ["XDG_DATA_DIRS", "XDG_CONFIG_DIRS", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        bases.extend(std::env::var_os(name).iter().flat_map(std::env::split_paths));
    }
    bases.extend(std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share")));
    let manifests = bases.iter().filter_map(|base| std::fs::read_dir(base.join("vulkan/icd.d")).ok()).flatten().flatten();
    manifests.map(|entry| entry.path()).filter(|p| p.extension().is_some_and(|e| e == "json")).collect()
}

fn has_software_driver() -> bool {
    drivers().iter().any(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("lvp_")))
}

/// Installs Mesa's software driver with apt-get; on systems without it, says what to do.
fn install(yes: bool) -> Result<(), Failure> {
    if apt::available() {
        return apt::install("Mesa's software Vulkan driver", &PACKAGES, yes);
    }
    Err(Failure(
        "install a Vulkan loader and a driver, then run this again. For a real GPU: its vendor's Vulkan driver. Without a GPU, Mesa's software driver:\n  \
         Fedora        sudo dnf install mesa-vulkan-drivers vulkan-loader\n  \
         Arch          sudo pacman -S vulkan-swrast vulkan-icd-loader\n  \
         openSUSE      sudo zypper install libvulkan_lvp libvulkan1\n  \
         Alpine        sudo apk add mesa-vulkan-swrast vulkan-loader\n  \
         Debian family sudo apt-get install mesa-vulkan-drivers libvulkan1"
            .to_owned(),
    ))
}

/// SwiftShader's manifest, which Debian ships inside its chromium package: a second software driver, written by others.
pub(crate) fn swiftshader() -> Result<PathBuf, Failure> {
    let listed = Command::new("dpkg").args(&["-L", "chromium-common"]).output().unwrap_or_default();
    let known = listed.lines().map(PathBuf::from).chain([PathBuf::from("/usr/lib/chromium/vk_swiftshader_icd.json")]);
    known
        .filter(|p| p.file_name().is_some_and(|n| n == "vk_swiftshader_icd.json"))
        .find(|p| p.is_file())
        .ok_or_else(|| Failure("SwiftShader was not found; on Debian it comes with: apt-get install chromium".to_owned()))
}
