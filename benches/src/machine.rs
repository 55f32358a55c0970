//! Where and when a run took place: model of CPU, clock, date, revision. Nothing that names a host.

use std::process::Command;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::calendar;

pub struct Machine {
    pub cpu: String,
    pub cores: usize,
    pub rustc: String,
    pub date: String,
    /// Short hash, with `-dirty` when the tree differs from it.
    pub revision: String,
}

impl Machine {
    pub fn look() -> Self {
        let days = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 86_400);
        Self {
            cpu: cpu_model(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            rustc: output("rustc", &["--version"]),
            date: calendar::date(days as i64),
            revision: revision(),
        }
    }
}

fn cpu_model() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = info.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name));
        line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
    };
    match (field("model name"), field("cpu family"), field("model")) {
        (Some(name), Some(family), Some(model)) => {
            format!("{name} (family {family} model {model})")
        }
        _ => format!("unknown {}", std::env::consts::ARCH),
    }
}

fn revision() -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    let hash = output("git", &["-C", root, "rev-parse", "--short=10", "HEAD"]);
    let changes = output("git", &["-C", root, "status", "--porcelain", "--untracked-files=no"]);
    if changes.is_empty() || hash == "unknown" {
        hash
    } else {
        format!("{hash}-dirty")
    }
}

fn output(program: &str, arguments: &[&str]) -> String {
    let done = Command::new(program).args(arguments).output().ok().filter(|done| done.status.success());
    done.map_or_else(|| "unknown".into(), |done| String::from_utf8_lossy(&done.stdout).trim().to_owned())
}

/// Core clock in GHz, from a chain of dependent multiplications (3 cycles each on every x86-64 of the last
/// fifteen years and on current aarch64). Virtual machines do not tell it otherwise.
pub fn clock_ghz() -> f64 {
    const STEPS: u64 = 20_000_000;
    const CYCLES_PER_STEP: f64 = 3.0;
    let begin = Instant::now();
    // Squares: a chain of products with one constant would be folded into fewer.
    let value = (0..STEPS).fold(std::hint::black_box(3u64), |value, _| value.wrapping_mul(value));
    std::hint::black_box(value);
    STEPS as f64 * CYCLES_PER_STEP / begin.elapsed().as_secs_f64() / 1e9
}
