//! Figures in the form that every measuring command shares.

use anyhow::Context as _;
use serde::Serialize;

/// One figure.
#[derive(Debug, Clone, Serialize)]
struct Figure {
    id: String,
    value: Option<f64>,
    unit: &'static str,
    baseline: Option<f64>,
    ratio: Option<f64>,
    goal: Option<String>,
    pass: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

#[derive(Debug, Serialize)]
struct Machine {
    cores: usize,
    memory_bytes: u64,
}

/// A run's figures.
#[derive(Debug, Serialize)]
pub struct Report {
    name: &'static str,
    seed: u64,
    data: &'static str,
    machine: Machine,
    figures: Vec<Figure>,
}

/// Whether a file can be written when all is measured, asked before anything is: an hour's figures are not lost to a typo.
///
/// # Errors
/// It cannot; the text names the file.
pub fn writable<'a>(paths: impl IntoIterator<Item = &'a std::path::PathBuf>) -> anyhow::Result<()> {
    for path in paths {
        let there = path.exists();
        std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .with_context(|| format!("{} cannot be written", path.display()))?;
        if !there {
            std::fs::remove_file(path).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}

/// What a figure should reach.
#[derive(Debug, Clone, Copy)]
pub enum Goal {
    None,
    AtMost(f64),
    AtLeast(f64),
    /// Of the ratio to the baseline.
    RatioAtMost(f64),
}

impl Report {
    pub fn new(name: &'static str, seed: u64, data: &'static str) -> Self {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let memory_bytes = std::fs::read_to_string("/proc/meminfo")
            .ok()
            .and_then(|text| text.lines().next()?.split_whitespace().nth(1)?.parse::<u64>().ok())
            .map_or(0, |kib| kib << 10);
        Self { name, seed, data, machine: Machine { cores, memory_bytes }, figures: Vec::new() }
    }

    pub fn add(&mut self, id: &str, value: f64, unit: &'static str, goal: Goal) {
        self.push(id, Ok(value), unit, None, goal);
    }

    pub fn beside(&mut self, id: &str, value: f64, unit: &'static str, baseline: f64, goal: Goal) {
        self.push(id, Ok(value), unit, Some(baseline), goal);
    }

    pub fn missing(&mut self, id: &str, unit: &'static str, why: &str) {
        self.push(id, Err(why.to_owned()), unit, None, Goal::None);
    }

    fn push(
        &mut self,
        id: &str,
        value: Result<f64, String>,
        unit: &'static str,
        baseline: Option<f64>,
        goal: Goal,
    ) {
        let (value, why) = match value {
            Ok(value) => (Some(value), None),
            Err(why) => (None, Some(why)),
        };
        let ratio = value.zip(baseline).map(|(value, baseline)| value / baseline);
        let (goal, pass) = match goal {
            Goal::None => (None, None),
            Goal::AtMost(most) => (Some(format!("<= {most:.3}")), value.map(|value| value <= most)),
            Goal::AtLeast(least) => (Some(format!(">= {least:.3}")), value.map(|value| value >= least)),
            Goal::RatioAtMost(most) => (Some(format!("<= {most:.2} x")), ratio.map(|ratio| ratio <= most)),
        };
        self.figures.push(Figure { id: id.to_owned(), value, unit, baseline, ratio, goal, pass, why });
    }

    /// Writes every figure to a file.
    pub fn write(&self, path: &std::path::Path) -> anyhow::Result<()> {
        std::fs::write(path, serde_json::to_string_pretty(self)?)
            .with_context(|| path.display().to_string())?;
        println!("\nEvery figure is in {}", path.display());
        Ok(())
    }

    /// The same with more beside the figures, under this name.
    pub fn write_with(
        &self,
        path: &std::path::Path,
        name: &str,
        more: serde_json::Value,
    ) -> anyhow::Result<()> {
        let mut json = serde_json::to_value(self)?;
        json[name] = more;
        std::fs::write(path, serde_json::to_string_pretty(&json)?)
            .with_context(|| path.display().to_string())?;
        println!("\nEvery figure and more is in {}", path.display());
        Ok(())
    }

    /// The closing table.
    pub fn print(&self) {
        println!();
        for figure in &self.figures {
            let value = figure.value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
            let goal = match (&figure.goal, figure.pass) {
                (Some(goal), Some(true)) => format!("  goal {goal}: reached"),
                (Some(goal), Some(false)) => format!("  goal {goal}: MISSED"),
                _ => String::new(),
            };
            let why = figure.why.as_ref().map(|why| format!("  ({why})")).unwrap_or_default();
            let beside =
                figure.baseline.map(|baseline| format!("  beside {baseline:.3}")).unwrap_or_default();
            println!("  {:<32} {value:>12} {:<9}{goal}{beside}{why}", figure.id, figure.unit);
        }
    }
}

/// The sample below which this share of them lies; zero of none.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a place among the samples"
)]
pub fn percentile(samples: &mut [u64], share: f64) -> f64 {
    if samples.is_empty() {
        return 0.0;
    }
    samples.sort_unstable();
    let place = ((samples.len() as f64 * share) as usize).min(samples.len() - 1);
    samples[place] as f64
}

/// As [`percentile`], from microseconds to milliseconds.
pub fn percentile_ms(samples: &mut [u64], share: f64) -> f64 {
    percentile(samples, share) / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_says_whether_its_goal_is_reached_and_a_missing_one_why() {
        let mut report = Report::new("test", 1, "none");
        report.add("a", 2.0, "ms", Goal::AtMost(2.0));
        report.add("b", 1.0, "x", Goal::AtLeast(2.0));
        report.missing("c", "x", "not here");
        report.beside("d", 3.0, "x", 2.0, Goal::None);
        let json = serde_json::to_value(&report).unwrap();
        let of = |at: usize, key: &str| json["figures"][at][key].clone();
        assert_eq!((of(0, "pass"), of(1, "pass"), of(2, "pass")), (true.into(), false.into(), ().into()));
        assert_eq!((of(2, "value"), of(2, "why")), (().into(), "not here".into()));
        assert_eq!(of(3, "ratio"), 1.5);
    }

    #[test]
    fn a_percentile_is_one_of_the_samples() {
        let mut samples: Vec<u64> = (1..=100).map(|n| n * 1_000).rev().collect();
        assert_eq!((percentile_ms(&mut samples, 0.5), percentile_ms(&mut samples, 0.99)), (51.0, 100.0));
        assert_eq!(percentile_ms(&mut [], 0.5).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn a_file_that_cannot_be_written_is_known_before_and_one_that_can_is_left_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let (new, old) = (dir.path().join("new.json"), dir.path().join("old.json"));
        std::fs::write(&old, "before").unwrap();
        writable([&new, &old]).unwrap();
        assert!(!new.exists());
        assert_eq!(std::fs::read_to_string(&old).unwrap(), "before");
        let nowhere = dir.path().join("nowhere/new.json");
        let said = format!("{:#}", writable([&nowhere]).unwrap_err());
        assert!(said.contains("nowhere/new.json cannot be written"), "{said}");
    }
}
