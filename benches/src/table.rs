//! `table`: every corpus through the core and the limits of the machine, one corpus through the peers too.

use crate::contender::{Contender, Ignored, Memcpy, NewlineScan};
use crate::core::{path, Core};
use crate::corpus::draft::Shape;
use crate::corpus::{self, Corpus, Redactions};
use crate::machine::{clock_ghz, Machine};
use crate::measure::{interleave, Row};
use crate::peer_python::Python;
use crate::peer_serde::{Search, SerdeRegex};
use crate::record::{self, Clock};
use crate::rules::PeerRules;

/// The peers run on this corpus only: ordinary lines, 2 % with a secret.
const PEER_CORPUS: &str = "line_540";
/// A hostile corpus is this much smaller than the others.
const HOSTILE_DIVISOR: usize = 4;
/// The Python peer is so much slower that it gets the first lines of the corpus only, and fewer passes.
const PYTHON_BYTES_DIVISOR: usize = 6;
const PYTHON_REPS_DIVISOR: usize = 5;

pub struct Options {
    pub timed_bytes: usize,
    pub reps: usize,
    pub only: Option<String>,
}

struct Peers {
    python: Python,
    rules: PeerRules,
}

/// # Errors
/// An unknown corpus, a missing peer, or the first wrong answer.
pub fn run(options: &Options) -> Result<(), String> {
    let shapes = match &options.only {
        Some(name) => vec![corpus::shape(name)?],
        None => corpus::shapes(),
    };
    let peers = match shapes.iter().any(|shape| shape.name == PEER_CORPUS) {
        true => Some(Peers { python: Python::find()?, rules: PeerRules::read()? }),
        false => None,
    };
    let machine = Machine::look();
    let mut clock = Clock::default();
    print_head(&machine, options);
    let mut rows = Vec::new();
    for shape in &shapes {
        clock.add(clock_ghz());
        rows.extend(measure(shape, options, peers.as_ref())?);
    }
    clock.add(clock_ghz());
    println!("\nclock {clock} GHz (dependent multiplications, before each corpus and at the end)");
    if let Some(peers) = &peers {
        print_peers(&rows, peers);
    }
    if options.only.is_none() {
        println!("recorded in {}", record::write(&machine, &clock, options.reps, &rows)?);
    }
    Ok(())
}

fn print_head(machine: &Machine, options: &Options) {
    println!("{}, {} cores, {}; the core's path: {}", machine.cpu, machine.cores, machine.rustc, path());
    let hostile = options.timed_bytes / HOSTILE_DIVISOR;
    println!("{}, revision {}; {} passes, one core", machine.date, machine.revision, options.reps);
    println!("{} timed bytes a pass ({hostile} of hostile lines), batches of 256 KiB", options.timed_bytes);
    println!("GB/s: best of all passes (core also the median); x: core over serde_json IgnoredAny, best over best\n");
    println!(
        "{:<17}{:>9}{:>8}{:>8}{:>11}{:>9}{:>7}{:>8}{:>8}{:>12}{:>8}  answer",
        "corpus", "B/line", "core", "median", "k lines/s", "ignored", "x", "memcpy", "scan", "redactions", "broken"
    );
}

fn measure(shape: &Shape, options: &Options, peers: Option<&Peers>) -> Result<Vec<Row>, String> {
    let divisor = if shape.hostile { HOSTILE_DIVISOR } else { 1 };
    let corpus = shape.generate(options.timed_bytes / divisor);
    let mut contenders: Vec<Box<dyn Contender>> = vec![
        Box::new(Core::default()),
        Box::new(Ignored::default()),
        Box::new(Memcpy::default()),
        Box::new(NewlineScan::default()),
    ];
    let peers = peers.filter(|_| shape.name == PEER_CORPUS);
    if let Some(peers) = peers {
        for search in [Search::Set, Search::TunedSet, Search::InTurn] {
            contenders.push(Box::new(SerdeRegex::new(&peers.rules.rules, search)?));
        }
    }
    let mut rows = interleave(&corpus, &mut contenders, options.reps)?;
    print_row(&corpus, &rows);
    if let Some(peers) = peers {
        let reps = (options.reps / PYTHON_REPS_DIVISOR).max(1);
        let prefix = shape.generate(options.timed_bytes / PYTHON_BYTES_DIVISOR);
        let (row, note) = peers.python.measure(&prefix, &peers.rules.rules, reps)?;
        println!("  orjson_re: first {} bytes, {note}", row.timed_bytes);
        rows.push(row);
    }
    Ok(rows)
}

fn print_row(corpus: &Corpus, rows: &[Row]) {
    let [core, ignored, memcpy, scan, ..] = rows else {
        return;
    };
    let exact = match corpus.expected.redactions {
        Redactions::Exactly(_) => "ok, exact",
        Redactions::AtLeast(_) => "ok, no secret left",
    };
    println!(
        "{:<17}{:>9.1}{:>8.3}{:>8.3}{:>11.1}{:>9.3}{:>7.3}{:>8.2}{:>8.2}{:>12}{:>8}  {exact}",
        corpus.name,
        core.line_bytes(),
        core.best_gbps(),
        core.median_gbps(),
        core.best_lines_per_second() / 1e3,
        ignored.best_gbps(),
        core.best_gbps() / ignored.best_gbps(),
        memcpy.best_gbps(),
        scan.best_gbps(),
        core.redactions,
        corpus.expected.broken,
    );
}

/// The peers' corpus again, everybody in it, and what each lacks.
fn print_peers(rows: &[Row], peers: &Peers) {
    let rows: Vec<_> = rows.iter().filter(|row| row.corpus == PEER_CORPUS).collect();
    let Some(core) = rows.iter().find(|row| row.who == "core") else {
        return;
    };
    println!("\n{PEER_CORPUS}, {} rules for the peers, answers checked:", peers.rules.rules.len());
    println!(
        "{:<21}{:>10}{:>10}{:>12}{:>12}{:>14}",
        "who", "GB/s best", "median", "k lines/s", "redactions", "core is"
    );
    for row in &rows {
        println!(
            "{:<21}{:>10.4}{:>10.4}{:>12.1}{:>12}{:>12.2} x",
            row.who,
            row.best_gbps(),
            row.median_gbps(),
            row.best_lines_per_second() / 1e3,
            row.redactions,
            core.best_gbps() / row.best_gbps(),
        );
    }
    println!(
        "the peers lack: metrics and windows, keys by tokens, escaped and nested secrets, the wrapping of\n\
         broken lines, a proof that the output is JSON, every check in code but Luhn's, and these rules without a pattern: {}",
        if peers.rules.lacking.is_empty() { "none".to_owned() } else { peers.rules.lacking.join(" ") }
    );
}
