//! Lines made to be slow or to upset their neighbours. Each ends in a planted password, so that the fast
//! way out (skipping the line) is a wrong answer.

use super::draft::{Draft, Shape};
use super::secrets;

/// The longest line the core parses whole, minus the newline and the tail's leeway.
const LONG_BYTES: usize = 256 * 1024 - 100;
const SHORT_BYTES: usize = 1000;

type Build = fn(&mut Draft, usize);

pub fn shapes() -> Vec<Shape> {
    let rows: [(&'static str, &'static str, Build); 21] = [
        ("digits", "digits_256k", digits),
        ("assigns", "assigns_256k", |draft, bytes| repeated(draft, bytes, &["=", "a=", "key: "])),
        ("eyjh", "eyjh_256k", |draft, bytes| repeated(draft, bytes, &["eyJh", "eyJhbGci", "eyJhbGciOi."])),
        ("ats", "ats_256k", |draft, bytes| repeated(draft, bytes, &["@", "a@", "//a:b@"])),
        ("akia", "akia_256k", |draft, bytes| repeated(draft, bytes, &["AKIA", "AKIAIOSFODNN7EXAMPL ", "AKIA_"])),
        ("schemes", "schemes_256k", |draft, bytes| repeated(draft, bytes, &["://", "a://", "Bearer "])),
        ("quotes", "quotes_256k", quotes),
        ("braces", "braces_256k", braces),
        ("nested", "nested_256k", nested),
        ("backslashes", "backslashes_256k", backslashes),
        ("keys", "keys_256k", keys),
        ("overlaps", "overlaps_256k", |draft, bytes| repeated(draft, bytes, &["token=", "token=a1-", "pass:"])),
        ("coded", "coded_256k", |draft, bytes| {
            repeated(draft, bytes, &["cookie%3D%26", "auth%3D- %26", "pin%3Dnull%26"])
        }),
        ("percents", "percents_256k", |draft, bytes| {
            repeated(draft, bytes, &["%", "%25", "%41%2542", "a%3Db%26", "x%20%3A%20y+"])
        }),
        ("colours", "colours_256k", |draft, bytes| {
            repeated(
                draft,
                bytes,
                &["\\u001b[", "\\u001b[0m", "a\\u001b[1;31m", "\\\\x1b[36ma", "^[[0m", "\\u001b]8;;"],
            )
        }),
        ("references", "references_256k", |draft, bytes| {
            repeated(draft, bytes, &["&", "&amp;", "&quot;a", "&#61;", "&lt;b&gt;", "&amp;amp;quot;"])
        }),
        ("hex_escapes", "hex_escapes_256k", |draft, bytes| {
            repeated(draft, bytes, &["\\\\x3d", "\\\\u003d", "\\u005cx3d", "a\\\\x22b", "\\\\075", "\\\\\\\\x3d"])
        }),
        ("options", "options_256k", |draft, bytes| {
            repeated(draft, bytes, &[" -p x1y", " -p '", "login x -p x1y", "password x "])
        }),
        ("repeats", "repeats_256k", repeats),
        ("outlines", "outlines_256k", outlines),
        ("hosts", "hosts_256k", |draft, bytes| repeated(draft, bytes, &["a@b/", "x://a@b/", "x://a:b@/"])),
    ];
    let shape = |name, line_bytes, build| Shape { name, hostile: true, line_bytes, build };
    rows.into_iter()
        .flat_map(|(short, long, build)| [shape(short, SHORT_BYTES, build), shape(long, LONG_BYTES, build)])
        .collect()
}

/// `{"message":"<filler> password=…"}`, `line_bytes` long.
fn message(draft: &mut Draft, line_bytes: usize, fill: impl Fn(&mut Draft, usize) -> String) {
    draft.inexact();
    let head = r#"{"message":""#;
    let tail = secrets::password_text(draft);
    let filler = fill(draft, line_bytes - head.len() - tail.len() - 3);
    draft.out.extend_from_slice(format!("{head}{filler} {tail}\"}}").as_bytes());
}

/// One of `units` over and over, a different one each line.
fn repeated(draft: &mut Draft, line_bytes: usize, units: &[&str]) {
    let unit = units[draft.line % units.len()];
    message(draft, line_bytes, |_, bytes| unit.repeat(bytes / unit.len()));
}

/// A secret that stands in its line many times, or text that begins as it does.
fn repeats(draft: &mut Draft, line_bytes: usize) {
    message(draft, line_bytes, |draft, bytes| {
        let planted = draft.planted.last().map_or("", |planted| &planted.needle);
        let unit = if draft.line % 2 == 0 { format!("{planted} ") } else { planted[..planted.len() / 2].to_owned() };
        unit.repeat(bytes / unit.len())
    });
}

/// Parts of a document over several lines, which later lines may belong to.
fn outlines(draft: &mut Draft, line_bytes: usize) {
    draft.inexact();
    draft.broken += 1;
    let tail = secrets::password_text(draft);
    let unit = ["  ", "- ", "a: ", "\"a\": {", "name: PASSWORD, "][draft.line % 5];
    let filler = unit.repeat((line_bytes - tail.len()) / unit.len());
    draft.out.extend_from_slice(format!("{filler}{tail}").as_bytes());
}

/// One run of digits, or groups as on cards.
fn digits(draft: &mut Draft, line_bytes: usize) {
    message(draft, line_bytes, |draft, bytes| match draft.line % 3 {
        0 => draft.random.digits(bytes),
        1 => "4111-1111-1111-1112 ".repeat(bytes / 20),
        _ => (0..bytes / 5).map(|_| draft.random.digits(4) + " ").collect(),
    });
}

/// An odd number of quotes: whoever carries quote parity over the newline misreads the next line.
fn quotes(draft: &mut Draft, line_bytes: usize) {
    draft.inexact();
    draft.broken += 1;
    let tail = secrets::password_text(draft);
    let filler = r#"""a"#.repeat((line_bytes - tail.len() - 1) / 3 / 2 * 2);
    draft.out.extend_from_slice(format!("{filler}\" {tail}").as_bytes());
}

fn braces(draft: &mut Draft, line_bytes: usize) {
    draft.inexact();
    draft.broken += 1;
    let tail = secrets::password_text(draft);
    let unit = ["{", "[", "{\"a\":"][draft.line % 3];
    let filler = unit.repeat((line_bytes - tail.len()) / unit.len());
    draft.out.extend_from_slice(format!("{filler}{tail}").as_bytes());
}

/// Valid, and as deep as is allowed, many times a line.
fn nested(draft: &mut Draft, line_bytes: usize) {
    const DEPTH: usize = 120;
    draft.inexact();
    let tail = secrets::password_text(draft);
    let unit = "[".repeat(DEPTH) + &"]".repeat(DEPTH) + ",";
    let filler = unit.repeat((line_bytes - tail.len()) / unit.len());
    draft.out.extend_from_slice(format!("[{filler}\"{tail}\"]").as_bytes());
}

/// Pairs of backslashes; on every other line one more, which escapes the closing quote.
fn backslashes(draft: &mut Draft, line_bytes: usize) {
    let odd = draft.line % 2 == 1;
    draft.broken += u64::from(odd);
    message(draft, line_bytes, |_, bytes| "\\\\".repeat(bytes / 2));
    if odd {
        let end = draft.out.len() - 2;
        draft.out.insert(end, b'\\');
    }
}

/// A new key each time, so that no memo of keys helps.
fn keys(draft: &mut Draft, line_bytes: usize) {
    draft.inexact();
    let tail = secrets::password_text(draft);
    let mut line = String::from("{");
    while line.len() < line_bytes - tail.len() - 24 {
        line.push_str(&format!("\"{}Key\":1,", draft.random.hex(10)));
    }
    line.push_str(&format!("\"message\":\"{tail}\"}}"));
    draft.out.extend_from_slice(line.as_bytes());
}
