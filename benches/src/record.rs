//! `record/<date>-<revision>.csv`: one line for each contender and corpus of a full run.

use std::fmt::{self, Write};
use std::path::Path;

use crate::machine::Machine;
use crate::measure::{median, Row};

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/record");
const COLUMNS: &str =
    "date,revision,cpu,cores,rustc,clock_ghz_min,clock_ghz_max,corpus,who,timed_bytes,timed_lines,passes,\
    gbps_best,gbps_median,lines_per_second_best,ignored_ratio_best,ignored_ratio_median,redactions,checksum";

/// Lowest and highest estimate of a run.
pub struct Clock {
    min: f64,
    max: f64,
}

impl Default for Clock {
    fn default() -> Self {
        Self { min: f64::INFINITY, max: 0.0 }
    }
}

impl Clock {
    pub fn add(&mut self, ghz: f64) {
        self.min = self.min.min(ghz);
        self.max = self.max.max(ghz);
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} to {:.2}", self.min, self.max)
    }
}

/// Write the record and return its path below the repository.
///
/// # Errors
/// The file cannot be written.
pub fn write(machine: &Machine, clock: &Clock, passes: usize, rows: &[Row]) -> Result<String, String> {
    let name = format!("{}-{}.csv", machine.date, machine.revision);
    let path = Path::new(DIRECTORY).join(&name);
    let text = csv(machine, clock, passes, rows).map_err(|error| error.to_string())?;
    std::fs::create_dir_all(DIRECTORY)
        .and_then(|()| std::fs::write(&path, text))
        .map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(format!("benches/record/{name}"))
}

fn csv(machine: &Machine, clock: &Clock, passes: usize, rows: &[Row]) -> Result<String, fmt::Error> {
    let mut text = String::from(COLUMNS) + "\n";
    for row in rows {
        let ignored = rows.iter().find(|other| other.corpus == row.corpus && other.who == "ignored_any");
        let best = ignored.map_or(0.0, |ignored| row.best_gbps() / ignored.best_gbps());
        write!(text, "{},{},\"{}\",{},", machine.date, machine.revision, machine.cpu, machine.cores)?;
        write!(text, "\"{}\",{:.2},{:.2},", machine.rustc, clock.min, clock.max)?;
        write!(text, "{},{},{},{},{passes},", row.corpus, row.who, row.timed_bytes, row.timed_lines)?;
        write!(text, "{:.4},{:.4},{:.0},", row.best_gbps(), row.median_gbps(), row.best_lines_per_second())?;
        let paired = ignored.map_or(0.0, |ignored| paired_ratio(row, ignored));
        writeln!(text, "{best:.4},{paired:.4},{},{:016x}", row.redactions, row.checksum)?;
    }
    Ok(text)
}

/// Median over passes of the speed ratio of two contenders that ran turn by turn.
fn paired_ratio(row: &Row, other: &Row) -> f64 {
    let ratios: Vec<_> = row.seconds.iter().zip(&other.seconds).map(|(own, other)| other / own).collect();
    if ratios.is_empty() {
        0.0
    } else {
        median(&ratios)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_every_column() {
        let row = |who, seconds| Row {
            corpus: "line_540",
            who,
            timed_bytes: 1000,
            timed_lines: 10,
            seconds,
            redactions: 3,
            checksum: 255,
        };
        let machine = Machine {
            cpu: "A CPU".into(),
            cores: 2,
            rustc: "rustc 1".into(),
            date: "2026-11-23".into(),
            revision: "abc".into(),
        };
        let mut clock = Clock::default();
        clock.add(3.4);
        let rows = [row("core", vec![2e-6, 4e-6]), row("ignored_any", vec![1e-6, 1e-6])];
        let text = csv(&machine, &clock, 2, &rows).expect("written");
        let lines: Vec<_> = text.lines().collect();
        let columns = |line: &str| line.split(',').count();
        assert_eq!([columns(COLUMNS); 3], [columns(lines[0]), columns(lines[1]), columns(lines[2])]);
        assert!(lines[1].ends_with("0.5000,0.3750,3,00000000000000ff"), "{}", lines[1]);
    }
}
