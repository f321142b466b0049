//! How many threads prepare data.

/// The most threads that are taken without being asked for.
const MOST: usize = 8;

/// The number of threads for `wanted`; 0: one a core, eight at most.
pub(crate) fn workers(wanted: usize) -> usize {
    match wanted {
        0 => std::thread::available_parallelism().map_or(1, usize::from).min(MOST),
        n => n,
    }
}
