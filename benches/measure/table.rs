//! Figures beside their goals, as a Markdown table.

use std::io::{Write, stdout};

use super::{Broken, process::load};

/// The figures of one subject.
pub struct Table {
    title: &'static str,
    rows: Vec<[String; 4]>,
    missed: usize,
}

impl Table {
    /// Without figures.
    pub fn new(title: &'static str) -> Self {
        Self {
            title,
            rows: Vec::new(),
            missed: 0,
        }
    }

    /// Adds a figure that has no goal.
    pub fn tell(&mut self, figure: impl Into<String>, measured: impl Into<String>) {
        self.rows
            .push([figure.into(), measured.into(), String::new(), String::new()]);
    }

    /// Adds a figure with its goal: at most `goal`, both shown by `shown`.
    pub fn hold(
        &mut self,
        figure: impl Into<String>,
        measured: f64,
        goal: f64,
        shown: impl Fn(f64) -> String,
    ) {
        // No number at all misses any goal.
        let met = measured <= goal;
        self.missed += usize::from(!met);
        let kept = if met { "met" } else { "missed" };
        self.rows.push([
            figure.into(),
            shown(measured),
            format!("at most {}", shown(goal)),
            kept.into(),
        ]);
    }

    /// Prints it. An error if a goal was missed.
    pub fn print(&self) -> Result<(), Broken> {
        let mut out = stdout().lock();
        writeln!(out, "\n## {}\n", self.title)?;
        writeln!(out, "Load of the machine: {:.2}\n", load())?;
        writeln!(out, "| figure | measured | goal | |\n|---|---|---|---|")?;
        for row in &self.rows {
            writeln!(out, "| {} |", row.join(" | "))?;
        }
        out.flush()?;
        match self.missed {
            0 => Ok(()),
            missed => Err(format!("goals missed: {missed}").into()),
        }
    }
}

/// Says on standard error what goes on.
pub fn note(text: &str) {
    eprintln!("{text}");
}

/// A ratio.
pub fn ratio(value: f64) -> String {
    format!("{value:.2}")
}

/// A whole number.
pub fn count(value: f64) -> String {
    format!("{value}")
}

/// Seconds, as they are.
pub fn in_seconds(seconds: f64) -> String {
    format!("{seconds:.2} s")
}

/// Seconds, as milliseconds.
pub fn milliseconds(seconds: f64) -> String {
    format!("{:.1} ms", seconds * 1e3)
}

/// Seconds, as microseconds.
pub fn microseconds(seconds: f64) -> String {
    format!("{:.1} µs", seconds * 1e6)
}

/// Bytes, as MiB.
pub fn mebibytes(bytes: f64) -> String {
    format!("{:.1} MiB", bytes / 1024.0 / 1024.0)
}

/// The value below which the share `share` of `sorted` lies.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a list of a few thousand"
    )]
    let place = (sorted.len() as f64 * share).ceil() as usize;
    sorted
        .get(place.saturating_sub(1))
        .copied()
        .unwrap_or(f64::NAN)
}
