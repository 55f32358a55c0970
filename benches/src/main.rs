//! headrig-bench: what the core costs. `table` times and records, `quick` gates on instruction counts,
//! `aggregate` prices metrics, `corpus` writes the lines themselves. No number is printed before its answer was checked.

mod aggregate;
mod answer;
mod calendar;
mod contender;
mod core;
mod corpus;
mod machine;
mod measure;
#[cfg(test)]
mod paths;
mod peer_python;
mod peer_serde;
mod quick;
mod random;
mod record;
mod rules;
mod table;

use std::io::Write;
use std::process::ExitCode;

use corpus::Times;

const USAGE: &str = "usage: headrig-bench table [--mb 12] [--reps 15] [--only NAME]
       headrig-bench quick [--update]
       headrig-bench aggregate [--mb 12] [--reps 15]  what a metric rule and a series cost
       headrig-bench corpus NAME [--mb 12] [--start MILLIS --rate LINES_PER_SECOND]   lines to stdout
       headrig-bench instructions NAME [--rules N] | --first-use 1|2    what quick and aggregate run under callgrind";
const MEGABYTE: usize = 1_000_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match dispatch(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("headrig-bench: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(words: &[&str]) -> Result<(), String> {
    match words {
        ["table", flags @ ..] => table::run(&table_options(flags)?),
        ["quick"] => quick::run(false),
        ["quick", "--update"] => quick::run(true),
        ["aggregate", flags @ ..] => aggregate::run(&table_options(flags)?),
        ["instructions", "--first-use", pass] => quick::instructions_of_first_use(pass),
        ["instructions", name] => quick::instructions(name, core::Core::default()),
        ["instructions", name, "--rules", rules] => quick::instructions(name, aggregate::core(rules)?),
        ["corpus", name, flags @ ..] => write_corpus(name, flags),
        _ => Err(USAGE.into()),
    }
}

fn table_options(flags: &[&str]) -> Result<table::Options, String> {
    let mut options = table::Options { timed_bytes: 12 * MEGABYTE, reps: 15, only: None };
    for flag in flags.chunks(2) {
        match flag {
            ["--mb", value] => options.timed_bytes = number("--mb", value)? * MEGABYTE,
            ["--reps", value] => options.reps = number("--reps", value)?,
            ["--only", name] => options.only = Some((*name).to_owned()),
            _ => return Err(USAGE.into()),
        }
    }
    Ok(options)
}

fn number(flag: &str, value: &str) -> Result<usize, String> {
    match value.parse() {
        Ok(0) | Err(_) => Err(format!("{flag}: {value} is not a whole number above 0")),
        Ok(number) => Ok(number),
    }
}

fn write_corpus(name: &str, flags: &[&str]) -> Result<(), String> {
    let (mut bytes, mut start_millis, mut lines_per_second) = (12 * MEGABYTE, None, None);
    for flag in flags.chunks(2) {
        match flag {
            ["--mb", value] => bytes = number("--mb", value)? * MEGABYTE,
            ["--start", value] => start_millis = Some(number("--start", value)? as i64),
            ["--rate", value] => lines_per_second = Some(number("--rate", value)?),
            _ => return Err(USAGE.into()),
        }
    }
    let times = match (start_millis, lines_per_second) {
        (None, None) => Times::Seeded,
        (Some(start_millis), Some(lines_per_second)) => Times::From { start_millis, lines_per_second },
        _ => return Err(USAGE.into()),
    };
    let corpus = corpus::shape(name)?.generate_at(bytes, times);
    std::io::stdout().write_all(&corpus.bytes).map_err(|error| format!("stdout: {error}"))
}
