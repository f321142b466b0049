//! The log: to standard error by level, and to a run's `train.log` once there is one.

use crate::args::Global;
use log::{LevelFilter, Log, Metadata, Record};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Everything of ours from this level on goes to the file, whatever is shown.
const FILE_LEVEL: LevelFilter = LevelFilter::Info;

struct Logger {
    shown: env_logger::Logger,
    file: Mutex<Option<File>>,
}

static LOGGER: OnceLock<Logger> = OnceLock::new();

/// Starts logging; `quiet` leaves out what is no warning.
pub(crate) fn start(global: &Global, quiet: bool) {
    // The adapter and why it was taken are always worth a line; a driver's chatter is not.
    let default = match global.verbose {
        0 if quiet => "warn,wgpu=error,wgpu_core=error,wgpu_hal=off,naga=error",
        0 => "warn,wgrad_runtime::device=info,wgpu=error,wgpu_core=error,wgpu_hal=off,naga=error",
        1 => "info,wgpu=warn,wgpu_core=warn,wgpu_hal=error,naga=warn",
        _ => "debug,wgpu_core=info,wgpu_hal=info,naga=info",
    };
    let set = ["WGRAD_LOG", "RUST_LOG"].into_iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    let mut builder = env_logger::Builder::new();
    builder.parse_filters(set.as_deref().unwrap_or(default));
    if global.verbose < 2 {
        builder.format(|out, record| writeln!(out, "[{}] {}", record.level().as_str().to_lowercase(), record.args()));
    }
    let shown = builder.build();
    let level = shown.filter().max(FILE_LEVEL);
    let logger = LOGGER.get_or_init(|| Logger { shown, file: Mutex::new(None) });
    if log::set_logger(logger).is_ok() {
        log::set_max_level(level);
    }
}

/// From here on the log goes to the end of this file too.
pub(crate) fn to_file(path: &Path) {
    let opened = File::options().create(true).append(true).open(path);
    match (opened, LOGGER.get()) {
        (Ok(file), Some(logger)) => *logger.file.lock().unwrap_or_else(PoisonError::into_inner) = Some(file),
        (Err(error), _) => log::warn!("{}: no log is kept: {error}", path.display()),
        (Ok(_), None) => {}
    }
}

/// Writes a line to the file alone: what the terminal shows by other means.
pub(crate) fn note(text: &str) {
    if let Some(logger) = LOGGER.get() {
        logger.write("", text);
    }
}

impl Logger {
    fn write(&self, level: &str, text: &str) {
        if let Some(file) = self.file.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
            // A log that cannot be written (a full disk) must not stop what it tells of.
            let _ = writeln!(file, "{now} {level}{text}");
        }
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.shown.enabled(metadata) || metadata.level() <= FILE_LEVEL
    }

    fn log(&self, record: &Record<'_>) {
        if self.shown.matches(record) {
            self.shown.log(record);
        }
        if record.level() <= FILE_LEVEL && record.target().starts_with("wgrad") {
            self.write(&format!("[{}] ", record.level().as_str().to_lowercase()), &record.args().to_string());
        }
    }

    fn flush(&self) {
        self.shown.flush();
    }
}
