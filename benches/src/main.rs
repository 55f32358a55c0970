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
mod peer_python;
mod peer_serde;
mod quick;
mod random;
mod record;
mod rules;
mod table;

use std::io::Write;
use std::process::ExitCode;

const USAGE: &str = "usage: headrig-bench table [--mb 12] [--reps 15] [--only NAME]
       headrig-bench quick [--update]
       headrig-bench aggregate [--mb 12] [--reps 15]  what a metric rule and a series cost
       headrig-bench corpus NAME [--mb 12]            lines to stdout
       headrig-bench instructions NAME [--rules N]    what quick and aggregate run under callgrind";
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
        ["instructions", name] => quick::instructions(name, core::Core::default()),
        ["instructions", name, "--rules", rules] => quick::instructions(name, aggregate::core(rules)?),
        ["corpus", name] => write_corpus(name, 12 * MEGABYTE),
        ["corpus", name, "--mb", megabytes] => write_corpus(name, number("--mb", megabytes)? * MEGABYTE),
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

fn write_corpus(name: &str, bytes: usize) -> Result<(), String> {
    let corpus = corpus::shape(name)?.generate(bytes);
    std::io::stdout().write_all(&corpus.bytes).map_err(|error| format!("stdout: {error}"))
}
