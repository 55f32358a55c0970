//! The obvious way in Python, orjson and `re`, as a process of its own over the same bytes.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::answer;
use crate::contender::{checksum, Tally};
use crate::corpus::Corpus;
use crate::measure::Row;
use crate::rules::PeerRule;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peer_orjson.py");

pub struct Python(String);

/// What the script prints.
#[derive(Deserialize)]
struct Report {
    seconds: Vec<f64>,
    lines: u64,
    broken: u64,
    redactions: u64,
    /// How it ran the rules: the faster of the two ways it knows.
    strategy: String,
    /// Rules that `re` cannot express.
    untranslated: Vec<String>,
    versions: String,
}

impl Python {
    /// `$HEADRIG_BENCH_PYTHON`, else `python3`.
    ///
    /// # Errors
    /// It has no orjson, or cannot be run.
    pub fn find() -> Result<Self, String> {
        let program = std::env::var("HEADRIG_BENCH_PYTHON").unwrap_or_else(|_| "python3".into());
        let found = Command::new(&program).args(["-c", "import orjson"]).output();
        match found {
            Ok(done) if done.status.success() => Ok(Self(program)),
            Ok(_) => Err(format!(
                "{program} has no orjson: pip install orjson, or set HEADRIG_BENCH_PYTHON to a Python that has it"
            )),
            Err(error) => Err(format!("{program}: {error}; set HEADRIG_BENCH_PYTHON")),
        }
    }

    /// Time `reps` passes over the corpus, check the answer of the last. Returns the row and a note on how it ran.
    ///
    /// # Errors
    /// The script failed, or its answer is wrong.
    pub fn measure(&self, corpus: &Corpus, rules: &[PeerRule], reps: usize) -> Result<(Row, String), String> {
        let directory = Scratch::new()?;
        let [lines, patterns, output] = ["lines.log", "rules.json", "output.log"].map(|name| directory.0.join(name));
        write(&lines, &corpus.bytes)?;
        write(&patterns, &serde_json::to_vec(rules).map_err(|error| error.to_string())?)?;
        let warm = corpus.expected.lines - corpus.timed_lines();
        let done = Command::new(&self.0)
            .arg(SCRIPT)
            .args([&lines, &patterns, &output])
            .args([warm.to_string(), reps.to_string()])
            .output()
            .map_err(|error| format!("{}: {error}", self.0))?;
        if !done.status.success() {
            return Err(format!("peer_orjson.py failed: {}", String::from_utf8_lossy(&done.stderr).trim()));
        }
        let report: Report =
            serde_json::from_slice(&done.stdout).map_err(|error| format!("peer_orjson.py: {error}"))?;
        let bytes = std::fs::read(&output).map_err(|error| format!("{}: {error}", output.display()))?;
        self.row(corpus, report, bytes)
    }

    fn row(&self, corpus: &Corpus, report: Report, output: Vec<u8>) -> Result<(Row, String), String> {
        let wrong = |reason| format!("{}, orjson_re: wrong answer: {reason}", corpus.name);
        let tally = Tally {
            lines_in: report.lines,
            lines_out: report.lines,
            broken: report.broken,
            redactions: report.redactions,
            checksum: checksum(0, &output),
            output: Some(output),
            ..Tally::default()
        };
        answer::equal("broken lines", &corpus.expected.broken, &tally.broken).map_err(wrong)?;
        answer::check_peer(corpus, &tally).map_err(wrong)?;
        let lacking = match report.untranslated.as_slice() {
            [] => String::from("all rules"),
            names => format!("without {}", names.join(" ")),
        };
        let row = Row {
            corpus: corpus.name,
            who: "orjson_re",
            timed_bytes: corpus.timed_bytes(),
            timed_lines: corpus.timed_lines(),
            seconds: report.seconds,
            redactions: tally.redactions,
            checksum: tally.checksum,
        };
        Ok((row, format!("{}, patterns {}, {lacking}", report.versions, report.strategy)))
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()))
}

/// A temporary directory, removed when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("headrig-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing useful can be done about a temporary directory that does not go away.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
