//! Every path of the kernels gives the same bytes, counts and windows, wherever a batch was cut.

use headrig_core::engine::{Engine, Lane};
use headrig_core::io::lines::Normalized;
use headrig_core::processed::Processed;
use headrig_core::simd::Path;
use proptest::prelude::*;

const ARRIVAL_SECONDS: f64 = 1_795_413_700.0;

/// All that an engine says about some batches, in sums.
#[derive(Debug, Default, PartialEq)]
struct Answer {
    bytes: Vec<u8>,
    lines_in: u64,
    lines_out: u64,
    count: u64,
    dropped_blank: u64,
    broken: [u64; 7],
    normalized: Normalized,
    redactions: std::collections::BTreeMap<String, u64>,
    time_max_seconds: Option<f64>,
    totals: String,
}

impl Answer {
    fn add(&mut self, processed: &Processed) {
        self.bytes.extend_from_slice(processed.lines.bytes());
        self.lines_in += processed.lines_in;
        self.lines_out += processed.lines_out;
        self.count += processed.lines.count() as u64;
        self.dropped_blank += processed.dropped_blank;
        self.broken.iter_mut().zip(processed.broken).for_each(|(sum, count)| *sum += count);
        self.normalized += processed.normalized;
        for (rule, count) in &processed.redactions {
            *self.redactions.entry(rule.clone()).or_default() += count;
        }
        let newest = [self.time_max_seconds, processed.time_max_seconds];
        self.time_max_seconds = newest.into_iter().flatten().reduce(f64::max);
    }
}

fn answer(path: Path, spec: &str, batches: &[&[u8]]) -> (Answer, Engine) {
    let engine = Engine::on_path(path, spec.as_bytes(), None).expect("a good spec");
    let lane: std::sync::Arc<Lane> = engine.lane("in");
    let mut answer = Answer::default();
    for batch in batches {
        answer.add(&lane.process(batch, ARRIVAL_SECONDS));
    }
    answer.totals = String::from_utf8(engine.totals()).expect("totals are text");
    (answer, engine)
}

/// Those this CPU has, but for the plain one that they are measured against.
fn fast_paths() -> impl Iterator<Item = Path> {
    Path::here().filter(|path| *path != Path::Scalar)
}

/// The same bytes by every path, and in one batch or in several.
fn compare(spec: &str, input: &[u8], cuts: &[prop::sample::Index]) -> Result<(), TestCaseError> {
    let (plain, plain_engine) = answer(Path::Scalar, spec, &[input]);
    for path in fast_paths() {
        let (fast, fast_engine) = answer(path, spec, &[input]);
        prop_assert_eq!(&plain, &fast, "{} by {}", String::from_utf8_lossy(input), path.name());
        prop_assert_eq!(plain_engine.state(), fast_engine.state());
        let later = ARRIVAL_SECONDS + 100.0;
        prop_assert_eq!(plain_engine.watermark(later), fast_engine.watermark(later));
        prop_assert_eq!(
            plain_engine.evaluate(ARRIVAL_SECONDS + 60.0, None),
            fast_engine.evaluate(ARRIVAL_SECONDS + 60.0, None)
        );
    }
    let ends: Vec<usize> = (0..input.len()).filter(|at| input[*at] == b'\n').map(|at| at + 1).collect();
    let mut at: Vec<usize> = cuts.iter().filter(|_| !ends.is_empty()).map(|cut| ends[cut.index(ends.len())]).collect();
    at.extend([0, input.len()]);
    at.sort_unstable();
    let batches: Vec<&[u8]> = at.windows(2).map(|pair| &input[pair[0]..pair[1]]).collect();
    for path in fast_paths() {
        prop_assert_eq!(&answer(path, spec, &batches).0, &plain);
    }
    Ok(())
}

const VALUES: &[&str] = &[
    r#""x""#,
    "1",
    "-0.5e3",
    "true",
    "null",
    "{}",
    "[]",
    r#""password=hunter22""#,
    r#""a\n\"b\" \u00e9""#,
    r#""4111 1111 1111 1111""#,
    "4111111111111111",
    r#"{"name":"authorization","value":"Bearer abcdefghijkl"}"#,
    r#"["password","secret1"]"#,
    r#"{"a":{"b":[1,"2",{"c":"d"}]}}"#,
    "NaN",
    "\"ключ пароль=x\"",
    r#""{\"api_key\":\"0123456789abcdef\"}""#,
    r#""2026-11-23T06:00:01.5Z""#,
    r#""\ud83d\ude00 \uDE00\ud83d password=\ud800hunter22""#,
    r#""{\"m\":\"\\ud83d\",\"a\":\"\ud83d\"}""#,
    r#""ghp_EXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLE""#,
];
#[rustfmt::skip]
const KEYS: &[&str] = &[
    "timestamp", "level", "message", "event", "status", "route", "duration_ms", "error", "name", "value", "password",
    r"api\u005fkey", r"k\ud800", "token", "a_key_longer_than_sixteen_bytes", "ключ", "k",
];
#[rustfmt::skip]
const TEXTS: &[&str] = &[
    "", " ", "\t", "plain text password=abc", r#"{"a":1"#, r#"{"a":"x"#, r#"{"a":1}}"#, r#"{"a":01}"#, "\u{feff}{\"a\":1}",
    "[1,2]", "{\"a\":\"\t\"}", "{\t\"a\":1}", r#""text""#, r#"{"a":"\"#, r#"{"a\":1}"#,
];

fn line() -> impl Strategy<Value = Vec<u8>> {
    let (key, value) = (prop::sample::select(KEYS), prop::sample::select(VALUES));
    let space = prop::sample::select(vec!["", "", " ", "  "]);
    let object = prop::collection::vec((key, value, space), 0..10).prop_map(|members| {
        let members = members.iter().map(|(key, value, space)| format!("\"{key}\":{space}{value}"));
        format!("{{{}}}", members.collect::<Vec<_>>().join(",")).into_bytes()
    });
    let event = (0..600_u32, 0..3_usize).prop_map(|(number, event)| {
        let event = ["request_completed", "ai_request_completed", "memory_sampled"][event];
        let second = number % 60;
        format!(
            r#"{{"timestamp":"2026-11-23T06:00:{second:02}Z","level":"ERROR","event":"{event}","route":"/a/{number}","#
        )
        .into_bytes()
        .into_iter()
        .chain(
            format!(r#""method":"GET","status":{number},"duration_ms":{number}.25,"user":"u{number}"}}"#).into_bytes(),
        )
        .collect()
    });
    let text = prop::sample::select(TEXTS).prop_map(|text| text.as_bytes().to_vec());
    prop_oneof![4 => object, 3 => event, 2 => text]
}

fn input() -> impl Strategy<Value = Vec<u8>> {
    let end = prop::sample::select(vec!["\n", "\n", "\n", "\r\n", " \n"]);
    let damage = (any::<prop::sample::Index>(), prop::sample::select(b"\"\\{}[]:, \n\t\r\xff\xc3".to_vec()));
    (prop::collection::vec((line(), end), 0..30), prop::collection::vec(damage, 0..3), any::<bool>()).prop_map(
        |(lines, damage, cut)| {
            let mut input: Vec<u8> = lines.iter().flat_map(|(line, end)| [line, end.as_bytes()].concat()).collect();
            for (place, byte) in damage {
                if !input.is_empty() {
                    let at = place.index(input.len());
                    input[at] = byte;
                }
            }
            input.truncate(input.len() - usize::from(cut && !input.is_empty()));
            input
        },
    )
}

proptest! {
    #[test]
    fn every_path_gives_the_same_answer(input in input(), cuts: [prop::sample::Index; 3], spec in 0..4_usize) {
        let spec = [
            "",
            r#"{"on_broken":"pass","blank":"keep","non_finite":"pass"}"#,
            r#"{"non_finite":"broken","lone_surrogates":"pass","line_bytes_max":60}"#,
            r#"{"redact":{"enabled":false},"fields":{"duration":{"path":"a.b","unit":"s"},"event":{"path":"error.name"}}}"#,
        ][spec];
        compare(spec, &input, &cuts)?;
    }
}

#[test]
fn segments_and_long_lines_change_nothing() {
    let long = format!("{{\"message\":\"{}\",\"status\":200}}\n", "word password=abc ".repeat(20_000));
    let short = "{\"level\":\"INFO\",\"message\":\"short\",\"n\":1}\n".repeat(5_000);
    let input = [short.as_str(), &long, "\n", &short, "{\"cut\":", "\n", &short, "no newline at the end"].concat();
    compare("", input.as_bytes(), &[]).expect("the same answer");
    compare(r#"{"line_bytes_max":100000}"#, input.as_bytes(), &[]).expect("the same answer");
}

#[test]
fn a_hostile_line_leaves_its_neighbours_alone() {
    let line = "{\"level\":\"INFO\",\"message\":\"m\",\"user\":\"u\",\"status\":200}\n";
    for hostile in ["\"", "\\", "{\"a\":\"", "{\"a\":\"\\", "\\\\\\", "\"\\\"", "{\"", "\u{0}", "{\"a\":\"\r\"}"] {
        // At every place relative to the kernel's blocks.
        for shift in 0..130 {
            let before = format!("{{\"pad\":\"{}\"}}\n", "x".repeat(shift));
            let input = [&before, line, hostile, "\n", line].concat();
            for path in Path::here() {
                let (answer, _) = answer(path, r#"{"on_broken":"pass"}"#, &[input.as_bytes()]);
                assert_eq!(String::from_utf8_lossy(&answer.bytes), input, "{hostile:?} {shift}");
                assert_eq!(answer.broken.iter().sum::<u64>(), 1, "{hostile:?} {shift}");
            }
        }
    }
}
