//! The progress of training: a bar on a terminal, plain lines elsewhere.
//!
//! ```text
//! Epoch 2/5
//! 1875/1875 ━━━━━━━━━━━━━━━━━━━━ 12s 6ms/step - loss: 0.1293 - accuracy: 0.9611 - val_loss: 0.1021 - val_accuracy: 0.9702
//! ```

use crate::files::checkpoint::Checkpoint;
use std::time::Duration;

/// Names and values in the order in which they are shown.
pub type Metrics<'a> = &'a [(&'a str, f64)];

/// What the trainer tells while it runs. A browser page or a test implements it for itself.
pub trait Progress {
    /// Epoch number `epoch` of `epochs`, both from 1, begins; it has `steps` steps.
    fn start_epoch(&mut self, epoch: usize, epochs: usize, steps: usize);

    /// `done` steps of the epoch are finished; a resumed epoch starts above 1. Where `metrics` is empty
    /// the values told before stay: reading values back from the device costs time and is done now and then.
    fn step(&mut self, done: usize, metrics: Metrics<'_>);

    /// The epoch is over, validation included.
    fn finish_epoch(&mut self, metrics: Metrics<'_>);

    /// A line for the user between two epochs.
    fn note(&mut self, text: &str);

    /// The loss of the batch of step `step` alone, counted from 1 over all epochs, where it was read.
    fn batch_loss(&mut self, step: u64, loss: f64) {
        let _ = (step, loss);
    }

    /// The state, where the trainer keeps it in memory.
    fn checkpoint(&mut self, checkpoint: &Checkpoint) {
        let _ = checkpoint;
    }

    /// Asked after each step: whether to stop here. A stopped run goes on as if it had not been stopped.
    fn stop(&mut self) -> bool {
        false
    }
}

/// Says nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct Quiet;

impl Progress for Quiet {
    fn start_epoch(&mut self, _: usize, _: usize, _: usize) {}
    fn step(&mut self, _: usize, _: Metrics<'_>) {}
    fn finish_epoch(&mut self, _: Metrics<'_>) {}
    fn note(&mut self, _: &str) {}
}

/// Metrics as they stand behind the bar: `loss: 0.1293 - accuracy: 0.9611`.
///
/// Four decimals, or an exponent where those would show little but zeros.
pub fn format_metrics(metrics: Metrics<'_>) -> String {
    let format = |&(name, value): &(&str, f64)| {
        if value == 0.0 || value.abs() >= 1e-3 || !value.is_finite() { format!("{name}: {value:.4}") } else { format!("{name}: {value:.4e}") }
    };
    metrics.iter().map(format).collect::<Vec<_>>().join(" - ")
}

/// A time in whole seconds, minutes or hours: `12s`, `1:05`, `1:02:03`.
pub fn format_time(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// The mean time of a step: `2s/step`, `6ms/step`, `350us/step`.
pub fn format_step_time(time: Duration, steps: usize) -> String {
    let each = time.as_secs_f64() / steps.max(1) as f64;
    match each {
        s if s >= 1.0 => format!("{s:.0}s/step"),
        s if s >= 1e-3 => format!("{:.0}ms/step", s * 1e3),
        s => format!("{:.0}us/step", s * 1e6),
    }
}

#[cfg(not(target_arch = "wasm32"))]
pub use console::{BarProgress, LineProgress, ProgressMode, Stream, progress};

#[cfg(not(target_arch = "wasm32"))]
mod console {
    use super::{Metrics, Progress, Quiet, format_metrics, format_step_time, format_time};
    use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
    use std::io::{IsTerminal, Write};
    use std::time::{Duration, Instant};

    /// Cells of the bar.
    const WIDTH: usize = 20;

    /// How progress is shown.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub enum ProgressMode {
        /// A bar on a terminal, lines elsewhere.
        #[default]
        Auto,
        /// A bar.
        Bar,
        /// Lines.
        Lines,
        /// Nothing.
        Quiet,
    }

    /// Where progress goes.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Stream {
        /// Standard output.
        Stdout,
        /// Standard error.
        Stderr,
    }

    /// The way of showing progress that `mode` and `stream` ask for.
    pub fn progress(mode: ProgressMode, stream: Stream) -> Box<dyn Progress> {
        let terminal = match stream {
            Stream::Stdout => std::io::stdout().is_terminal(),
            Stream::Stderr => std::io::stderr().is_terminal(),
        };
        match mode {
            ProgressMode::Bar => Box::new(BarProgress::new(stream)),
            ProgressMode::Auto if terminal => Box::new(BarProgress::new(stream)),
            ProgressMode::Auto | ProgressMode::Lines => Box::new(LineProgress::new(writer(stream))),
            ProgressMode::Quiet => Box::new(Quiet),
        }
    }

    fn writer(stream: Stream) -> Box<dyn Write> {
        match stream {
            Stream::Stdout => Box::new(std::io::stdout()),
            Stream::Stderr => Box::new(std::io::stderr()),
        }
    }

    /// The epoch under way.
    #[derive(Debug, Clone)]
    struct Epoch {
        started: Instant,
        steps: usize,
        /// Steps finished before the first that was seen: a resumed epoch does not begin at 0.
        skipped: Option<usize>,
        done: usize,
        shown: String,
    }

    impl Epoch {
        fn new(steps: usize) -> Self {
            Self { started: Instant::now(), steps, skipped: None, done: 0, shown: String::new() }
        }

        fn step(&mut self, done: usize, metrics: Metrics<'_>) {
            self.skipped.get_or_insert(done.saturating_sub(1));
            self.done = done;
            if !metrics.is_empty() {
                self.shown = format_metrics(metrics);
            }
        }

        /// `12s 6ms/step - loss: …`: the time left while steps are left, then the time taken.
        fn message(&self) -> String {
            let elapsed = self.started.elapsed();
            let seen = self.done - self.skipped.unwrap_or(0).min(self.done);
            let left = elapsed.mul_f64((self.steps.saturating_sub(self.done)) as f64 / seen.max(1) as f64);
            let time = format_time(if left.is_zero() { elapsed } else { left });
            let metrics = if self.shown.is_empty() { String::new() } else { format!(" - {}", self.shown) };
            format!("{time} {}{metrics}", format_step_time(elapsed, seen))
        }

        fn counter(&self) -> String {
            let width = self.steps.to_string().len();
            format!("{:>width$}/{}", self.done, self.steps)
        }
    }

    /// A bar for each epoch that is redrawn in place.
    pub struct BarProgress {
        stream: Stream,
        epoch: Epoch,
        bar: ProgressBar,
    }

    impl BarProgress {
        /// A bar on `stream`, which should be a terminal.
        pub fn new(stream: Stream) -> Self {
            Self { stream, epoch: Epoch::new(0), bar: ProgressBar::hidden() }
        }

        /// Puts a line of text in place of the bar, so that what comes next stands below it.
        fn close(&mut self) {
            self.bar.finish_and_clear();
            let full = WIDTH * self.epoch.done / self.epoch.steps.max(1);
            let bar: String = (0..WIDTH).map(|cell| if cell < full { '━' } else { '─' }).collect();
            self.note(&format!("{} {bar} {}", self.epoch.counter(), self.epoch.message()));
        }
    }

    impl Progress for BarProgress {
        fn start_epoch(&mut self, epoch: usize, epochs: usize, steps: usize) {
            self.note(&format!("Epoch {epoch}/{epochs}"));
            self.epoch = Epoch::new(steps);
            let target = match self.stream {
                Stream::Stdout => ProgressDrawTarget::stdout(),
                Stream::Stderr => ProgressDrawTarget::stderr(),
            };
            self.bar = ProgressBar::with_draw_target(Some(steps as u64), target);
            let width = steps.to_string().len();
            let template = format!("{{pos:>{width}}}/{{len}} {{bar:{WIDTH}.green/dim}} {{msg}}");
            match ProgressStyle::with_template(&template) {
                Ok(style) => self.bar.set_style(style.progress_chars("━╸─")),
                Err(error) => log::debug!("the bar's template is refused: {error}"),
            }
        }

        fn step(&mut self, done: usize, metrics: Metrics<'_>) {
            self.epoch.step(done, metrics);
            // The library draws at most twenty times a second; a set message costs far less than a step.
            self.bar.set_message(self.epoch.message());
            self.bar.set_position(done as u64);
        }

        fn finish_epoch(&mut self, metrics: Metrics<'_>) {
            self.epoch.step(self.epoch.steps, metrics);
            self.close();
        }

        fn note(&mut self, text: &str) {
            // A closed stream is no reason to stop a training run.
            let _ = writeln!(writer(self.stream), "{text}");
        }
    }

    impl Drop for BarProgress {
        fn drop(&mut self) {
            // After an error in mid epoch: how far it came stays to be seen.
            if self.epoch.done > 0 && !self.bar.is_finished() {
                self.close();
            }
        }
    }

    /// Lines for a file or a pipe: one at the end of each epoch, and in a long epoch one after each tenth.
    pub struct LineProgress<W: Write> {
        out: W,
        /// The least time between two lines of one epoch.
        pause: Duration,
        last_line: Instant,
        tenth: usize,
        epoch: Epoch,
    }

    impl<W: Write> LineProgress<W> {
        /// Lines to `out`, within an epoch at least ten seconds apart.
        pub fn new(out: W) -> Self {
            Self::with_pause(out, Duration::from_secs(10))
        }

        /// Lines to `out`, within an epoch at least `pause` apart.
        pub fn with_pause(out: W, pause: Duration) -> Self {
            Self { out, pause, last_line: Instant::now(), tenth: 0, epoch: Epoch::new(0) }
        }

        fn line(&mut self) {
            let text = format!("{} {}", self.epoch.counter(), self.epoch.message());
            self.note(&text);
            self.last_line = Instant::now();
        }
    }

    impl<W: Write> Progress for LineProgress<W> {
        fn start_epoch(&mut self, epoch: usize, epochs: usize, steps: usize) {
            self.note(&format!("Epoch {epoch}/{epochs}"));
            self.epoch = Epoch::new(steps);
            self.last_line = Instant::now();
            self.tenth = 0;
        }

        fn step(&mut self, done: usize, metrics: Metrics<'_>) {
            self.epoch.step(done, metrics);
            let tenth = done * 10 / self.epoch.steps.max(1);
            // The last tenth is the line of the whole epoch.
            if tenth > self.tenth && tenth < 10 && self.last_line.elapsed() >= self.pause {
                self.tenth = tenth;
                self.line();
            }
        }

        fn finish_epoch(&mut self, metrics: Metrics<'_>) {
            self.epoch.step(self.epoch.steps, metrics);
            self.line();
        }

        fn note(&mut self, text: &str) {
            // A closed stream is no reason to stop a training run.
            let _ = writeln!(self.out, "{text}").and_then(|()| self.out.flush());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_have_four_decimals_or_an_exponent() {
        let metrics = [("loss", 0.12934), ("lr", 0.00001), ("zero", 0.0), ("nan", f64::NAN)];
        assert_eq!(format_metrics(&metrics), "loss: 0.1293 - lr: 1.0000e-5 - zero: 0.0000 - nan: NaN");
    }

    #[test]
    fn times_are_short() {
        let time = |s| format_time(Duration::from_secs(s));
        assert_eq!([time(0), time(12), time(65), time(3723)], ["0s", "12s", "1:05", "1:02:03"]);
        let step = |us, steps| format_step_time(Duration::from_micros(us), steps);
        assert_eq!([step(12_000_000, 2000), step(350, 1), step(4_000_000, 2)], ["6ms/step", "350us/step", "2s/step"]);
        assert_eq!(step(5, 0), "5us/step");
    }

    #[test]
    #[cfg(not(target_arch = "wasm32"))]
    fn lines_for_each_tenth_and_the_whole_epoch() {
        let mut out = Vec::new();
        let mut lines = LineProgress::with_pause(&mut out, Duration::ZERO);
        lines.start_epoch(2, 5, 100);
        for step in 1..=100 {
            lines.step(step, if step % 20 == 0 { &[("loss", 0.5)] } else { &[] });
        }
        lines.finish_epoch(&[("loss", 0.25), ("val_loss", 0.125)]);
        lines.note("stopped");
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 12, "{text}");
        assert_eq!(lines[0], "Epoch 2/5");
        assert!(lines[1].starts_with(" 10/100 ") && !lines[1].contains("loss"), "{text}");
        assert!(lines[2].starts_with(" 20/100 ") && lines[2].ends_with("/step - loss: 0.5000"), "{text}");
        assert!(lines[10].starts_with("100/100 ") && lines[10].ends_with("loss: 0.2500 - val_loss: 0.1250"), "{text}");
        assert_eq!(lines[11], "stopped");
    }

    #[test]
    #[cfg(not(target_arch = "wasm32"))]
    fn short_epoch_is_one_line_and_no_steps_are_no_panic() {
        let mut out = Vec::new();
        let mut lines = LineProgress::with_pause(&mut out, Duration::from_secs(3600));
        for steps in [0, 50] {
            lines.start_epoch(1, 1, steps);
            (1..=steps).for_each(|step| lines.step(step, &[]));
            lines.finish_epoch(&[]);
        }
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 4, "{text}");
    }
}
