//! `quick`: the gate. Callgrind counts instructions of the core, a budget says how many a byte may cost.
//! Counts do not depend on the machine's weather, so a small growth shows.
//!
//! What is counted is how a service goes on, not how it starts: rules compile their patterns when they first meet
//! something, so lines of the same kind go before, long enough for every rule that counted lines meet. What one rule
//! costs then is a figure of its own.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use crate::contender::{Contender, Tally};
use crate::core::Core;
use crate::corpus::{shape, Corpus, Times, BATCH_BYTES};
use crate::measure::pass;

/// Short, ordinary, long, one where metrics weigh most, and one of the dear hostile ones.
const ROWS: [&str; 5] = ["line_134", "request_218_100", "line_540", "stack_8k", "digits"];
const BUDGET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/budget.toml");
const COUNTED_BYTES: usize = 1_000_000;
/// Of lines before them. Each of the eight kinds of secret in 2 % of `line_540` comes some twenty times.
const LEAD_BYTES: usize = 16 * BATCH_BYTES;
/// A line without a secret, and one with a fake one, whose rule compiles when it comes first.
const PLAIN: &[u8] = b"{\"message\":\"clone used none as remote\"}\n";
const SECRET: &[u8] = b"{\"message\":\"clone used ghp_FAKE0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5 as remote\"}\n";
const COUNTED: &str = "--toggle-collect=headrig_bench::quick::counted*";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Budget {
    tolerance_percent: f64,
    instructions_per_byte: BTreeMap<String, f64>,
}

/// Compare with the budget, or (`update`) write what was measured as the new one.
///
/// # Errors
/// A wrong answer, no valgrind, or the rows over budget and how to raise it.
pub fn run(update: bool) -> Result<(), String> {
    let text = std::fs::read_to_string(BUDGET).map_err(|error| format!("{BUDGET}: {error}"))?;
    let budget: Budget = toml::from_str(&text).map_err(|error| format!("{BUDGET}: {error}"))?;
    let mut measured = BTreeMap::new();
    for name in ROWS {
        let corpus = corpus(name)?;
        check(&corpus)?;
        let count = instructions_in(&[name])?;
        measured.insert(name.to_owned(), count as f64 / corpus.timed_bytes() as f64);
    }
    if update {
        return write_budget(&budget, &measured);
    }
    let verdicts: Vec<_> = ROWS.iter().map(|name| verdict(&budget, name, measured[*name])).collect();
    println!("{:<17}{:>12}{:>12}  verdict", "corpus", "instr/byte", "budget");
    let mut over = Vec::new();
    for (name, verdict) in ROWS.iter().zip(verdicts) {
        let allowed = budget.instructions_per_byte.get(*name).map_or("none".into(), |value| format!("{value:.2}"));
        println!("{name:<17}{:>12.2}{allowed:>12}  {}", measured[*name], verdict.as_ref().unwrap_or_else(|text| text));
        over.extend(verdict.err().map(|reason| format!("{name}: {reason}")));
    }
    println!("{}", first_use()?);
    if over.is_empty() {
        return Ok(());
    }
    Err(format!(
        "over benches/budget.toml: {}\nif the cost is wanted: cargo run --release -p headrig-bench -- quick --update, and say why in the commit",
        over.join("; ")
    ))
}

/// A row's standing: an error when it is over budget or has none.
fn verdict(budget: &Budget, name: &str, measured: f64) -> Result<String, String> {
    let Some(allowed) = budget.instructions_per_byte.get(name) else {
        return Err(format!("measured {measured:.2} instructions per byte, no budget"));
    };
    let percent = (measured / allowed - 1.0) * 100.0;
    if percent > budget.tolerance_percent {
        let tolerance = budget.tolerance_percent;
        return Err(format!(
            "measured {measured:.2} instructions per byte, budget {allowed:.2} + {tolerance} % ({percent:+.1} %)"
        ));
    }
    if percent < -budget.tolerance_percent {
        return Ok(format!("ok, {percent:+.1} %: lower the budget with quick --update"));
    }
    Ok(format!("ok, {percent:+.1} %"))
}

/// The count means nothing if the answer is wrong.
fn check(corpus: &Corpus) -> Result<(), String> {
    let mut core = Core::default();
    let mut tally = Tally::keeping_output();
    pass(corpus, &mut core, &mut tally)?;
    core.check(corpus, &tally).map_err(|reason| format!("{}, core: wrong answer: {reason}", corpus.name))
}

/// The lines that are counted, after those that are not.
///
/// # Errors
/// An unknown name.
pub fn corpus(name: &str) -> Result<Corpus, String> {
    Ok(shape(name)?.generate_after(LEAD_BYTES, COUNTED_BYTES, Times::Seeded))
}

/// What callgrind counts inside `counted`, in a run of this very program's `instructions` with these arguments.
///
/// # Errors
/// No valgrind, or nothing counted.
pub fn instructions_in(arguments: &[&str]) -> Result<u64, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let done = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", COUNTED])
        .arg(program)
        .arg("instructions")
        .args(arguments)
        .output()
        .map_err(|error| format!("valgrind: {error}; install the package `valgrind`"))?;
    let log = String::from_utf8_lossy(&done.stderr);
    let collected = log.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse::<u64>().ok());
    match collected {
        Some(count @ 1..) if done.status.success() => Ok(count),
        Some(0) if done.status.success() => Err(format!("valgrind counted nothing: no symbol for {COUNTED}")),
        _ => Err(format!("valgrind failed on {}:\n{log}", arguments.join(" "))),
    }
}

/// What runs under callgrind: a whole corpus, the timed batches through `counted`.
///
/// # Errors
/// An unknown corpus, or an engine that does not start.
pub fn instructions(name: &str, mut core: Core) -> Result<(), String> {
    let corpus = corpus(name)?;
    let mut tally = Tally::default();
    core.start()?;
    for batch in &corpus.batches {
        let lines = &corpus.bytes[batch.bytes.clone()];
        match batch.timed {
            true => counted(&mut core, lines, batch.arrival_seconds),
            false => core.run(lines, batch.arrival_seconds),
        }
        core.settle(&mut tally);
    }
    Ok(())
}

/// What a rule's first match costs beyond a later one: mostly to compile its pattern.
fn first_use() -> Result<String, String> {
    let [first, later] = ["1", "2"].map(|pass| instructions_in(&["--first-use", pass]));
    let more = first?.saturating_sub(later?);
    Ok(format!("first use of a rule: {} thousand instructions, once in the life of an engine", more / 1000))
}

/// What `first_use` runs under callgrind: the same line twice, one of the two counted.
///
/// # Errors
/// A pass that is neither `1` nor `2`, or an engine that does not start.
pub fn instructions_of_first_use(pass: &str) -> Result<(), String> {
    let mut core = Core::default();
    core.start()?;
    core.run(PLAIN, 0.0);
    match pass {
        "1" => counted(&mut core, SECRET, 0.0),
        "2" => {
            core.run(SECRET, 0.0);
            counted(&mut core, SECRET, 0.0);
        }
        _ => return Err("--first-use: 1 or 2".to_owned()),
    }
    Ok(())
}

/// Callgrind collects from entering this to leaving it, so that building the engine and the corpus, which differ a
/// little from run to run, are not in the count.
#[inline(never)]
fn counted(core: &mut Core, lines: &[u8], arrival_seconds: f64) {
    core.run(lines, arrival_seconds);
}

fn write_budget(old: &Budget, measured: &BTreeMap<String, f64>) -> Result<(), String> {
    let text = std::fs::read_to_string(BUDGET).map_err(|error| format!("{BUDGET}: {error}"))?;
    let head: String = text.lines().take_while(|line| line.starts_with('#')).flat_map(|line| [line, "\n"]).collect();
    let mut new = format!("{head}tolerance_percent = {:?}\n\n[instructions_per_byte]\n", old.tolerance_percent);
    for name in ROWS {
        let before = old.instructions_per_byte.get(name).map_or("none".into(), |value| format!("{value:.2}"));
        println!("{name:<17}{before:>12} -> {:.2}", measured[name]);
        writeln!(new, "{name} = {:.2}", measured[name]).map_err(|error| error.to_string())?;
    }
    std::fs::write(Path::new(BUDGET), new).map_err(|error| format!("{BUDGET}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_growth_beyond_the_tolerance_fails() {
        let text = "tolerance_percent = 3.0\n[instructions_per_byte]\nline_540 = 10.0\n";
        let budget: Budget = toml::from_str(text).expect("a budget");
        assert_eq!(Ok("ok, +2.9 %".into()), verdict(&budget, "line_540", 10.29));
        let over = verdict(&budget, "line_540", 10.31).expect_err("over budget");
        assert_eq!("measured 10.31 instructions per byte, budget 10.00 + 3 % (+3.1 %)", over);
        assert!(verdict(&budget, "line_540", 9.0).expect("under").contains("lower the budget"));
        assert!(verdict(&budget, "line_134", 1.0).is_err());
    }
}
