//! What is too much of a set of pictures, and which files are none of it.

/// What may be read before it is too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Pixels of one picture.
    pub pixels: usize,
    /// Bytes of one file.
    pub file: u64,
    /// Bytes that an archive may expand to whatever its size; beyond, 32 times its size.
    pub expanded: u64,
    /// Bytes of all pictures of a set as they are kept.
    pub kept: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { pixels: super::MAX_PIXELS, file: super::MAX_FILE, expanded: 1 << 30, kept: 16 << 30 }
    }
}

/// Whether a path is none of the set's: hidden files, and what file managers leave behind.
pub fn is_litter(path: &str) -> bool {
    let known = |name: &str| ["thumbs.db", "desktop.ini", "__macosx"].contains(&name.to_ascii_lowercase().as_str());
    path.split('/').any(|part| part.starts_with('.') || known(part))
}
