//! Control sequences of terminals (ECMA-48; OSC as xterm writes it): the text that a terminal would show, with a way back
//! to the raw bytes. Sequences count as they are sent and as programs write them out where they may not send them.

use memchr::memchr3;

use crate::io::escape::Decoded;

const ESC: u8 = 0x1b;
const BEL: u8 = 7;
/// How the escape character is written out: C, Python and shells, JSON, Rust, `cat -v`, rsyslog, Unicode's picture of it.
const WRITTEN: [&[u8]; 14] = [
    b"\\x1b",
    b"\\x1B",
    b"\\033",
    b"\\e",
    b"\\E",
    b"\\u001b",
    b"\\u001B",
    b"\\u{1b}",
    b"\\u{1B}",
    b"^[",
    b"#033",
    "\u{241b}".as_bytes(),
    b"\\u241b",
    b"\\u241B",
];
/// And the bell, which ends an OSC sequence.
const BELLS: [&[u8]; 6] = [b"\x07", b"\\x07", b"\\a", b"\\u0007", b"^G", b"#007"];
/// Most backslashes more before a written escape: each time a string is quoted it has twice as many.
const BACKSLASHES_MAX: usize = 8;
/// Longest parameters of a sequence, in bytes: two colours of 24 bits and all attributes have 60.
const PARAMETERS_BYTES_MAX: usize = 64;
/// Longest text inside an OSC sequence, in bytes: the address of a hyperlink, a title.
const OSC_BYTES_MAX: usize = 4096;
/// Finals of sequences that move the cursor: what follows stands elsewhere.
const MOVES: &[u8] = b"ABCDEFGHTXade`f";
/// Finals that are expected of a written sequence, and those that need no parameters.
const WRITTEN_FINALS: &[u8] = b"mKJABCDEFGHfsuhl";
const WRITTEN_FINALS_BARE: &[u8] = b"mK";

/// One sequence of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Sequence {
    start: usize,
    end: usize,
    /// What follows stands elsewhere on the screen.
    moves: bool,
    /// The text inside it, which no one sees.
    inside: Option<(usize, usize)>,
}

/// What a text's sequences are beside colours.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Shown {
    /// One stands between the letters of two words or of one.
    pub joined: bool,
    /// One has a text inside it.
    pub titled: bool,
}

impl Decoded {
    /// The text that a terminal shows: nothing stands for a sequence, a space for one that moves the cursor and (`parted`) for
    /// one between the letters of two words or of one, for no one can tell.
    ///
    /// # Example
    ///
    /// ```
    /// use headrig_core::io::escape::Decoded;
    ///
    /// let mut shown = Decoded::default();
    /// assert!(!shown.shown(b"\x1b[1mkey\x1b[0m=value", false).joined);
    /// assert_eq!(shown.bytes, b"key=value");
    /// assert_eq!(shown.raw_span(0, 3), (4, 7));
    /// ```
    pub fn shown(&mut self, raw: &[u8], parted: bool) -> Shown {
        self.clear();
        let (mut at, mut shown) = (0, Shown::default());
        for sequence in sequences(raw) {
            self.bytes.extend_from_slice(&raw[at..sequence.start]);
            at = sequence.end;
            let word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
            let joins = word(self.bytes.last()) && word(raw.get(at));
            shown.joined |= joins;
            shown.titled |= sequence.inside.is_some();
            if sequence.moves || (parted && joins) {
                self.stand_in(b' ', sequence.start, at);
            } else {
                self.leave_out(sequence.start, at);
            }
        }
        self.bytes.extend_from_slice(&raw[at..]);
        shown
    }

    /// The texts inside sequences, each on a line of its own.
    pub fn inside_sequences(&mut self, raw: &[u8]) {
        self.clear();
        let mut at = 0;
        for (start, end) in sequences(raw).filter_map(|sequence| sequence.inside) {
            self.stand_in(b'\n', at, start);
            self.bytes.extend_from_slice(&raw[start..end]);
            at = end;
        }
        self.leave_out(at, raw.len());
    }
}

/// A sequence that is written out begins before the bracket at `bracket`, or one that lost its escape character does there.
#[inline]
#[must_use]
pub fn is_written(text: &[u8], bracket: usize) -> bool {
    // Next to no bracket stands so.
    let may_be = ends_escape(&text[..bracket]) || matches!(text.get(bracket + 1), Some(b'0'..=b'9'));
    may_be && written_out(text, bracket)
}

#[cold]
#[inline(never)]
fn written_out(text: &[u8], bracket: usize) -> bool {
    written(text, bracket).is_some()
}

/// `text` ends with a control sequence, sent or written out: its final is no letter of a word.
#[must_use]
pub fn ends_with_control(text: &[u8]) -> bool {
    let near = text.len().saturating_sub(PARAMETERS_BYTES_MAX + 1);
    let Some(bracket) = text[near..].iter().rposition(|byte| *byte == b'[').map(|at| near + at) else { return false };
    let found = match text[..bracket].last() {
        Some(&ESC) => sent(text, bracket - 1),
        _ => written(text, bracket),
    };
    found.is_some_and(|sequence| sequence.end == text.len())
}

/// The sequences of a text, in order.
fn sequences(text: &[u8]) -> impl Iterator<Item = Sequence> + '_ {
    // Most texts have none; where one is the next is near.
    let (mut at, mut from) = (memchr3(ESC, b'[', b']', text).unwrap_or(text.len()), 0);
    std::iter::from_fn(move || loop {
        at += text.get(at..)?.iter().position(|byte| matches!(*byte, ESC | b'[' | b']'))?;
        if let Some(sequence) = sequence(text, at).filter(|sequence| sequence.start >= from) {
            (at, from) = (sequence.end, sequence.end);
            return Some(sequence);
        }
        at += 1;
    })
}

/// The sequence whose escape character or bracket is at `at`.
fn sequence(text: &[u8], at: usize) -> Option<Sequence> {
    match text[at] {
        ESC => sent(text, at),
        b'[' | b']' => written(text, at),
        _ => None,
    }
}

/// The sequence that begins with the escape character at `at`.
fn sent(text: &[u8], at: usize) -> Option<Sequence> {
    let alone = |len: usize| Some(Sequence { start: at, end: at + len, moves: false, inside: None });
    match (*text.get(at + 1)?, text.get(at + 2)) {
        (b'[', _) => control(text, at, at + 2, true),
        (b']' | b'P' | b'X' | b'^' | b'_', _) => with_text(text, at, at + 2).or_else(|| alone(2)),
        // Which characters are meant, and how large.
        (b'(' | b')', Some(b'0'..=b'2' | b'A' | b'B' | b'K' | b'U')) | (b'%', Some(b'G' | b'@')) => alone(3),
        (b'#', Some(b'3'..=b'8')) => alone(3),
        (b'7' | b'8' | b'=' | b'>' | b'\\' | b'c' | b'D' | b'E' | b'H' | b'M' | b'N' | b'O' | b'Z', _) => alone(2),
        _ => None,
    }
}

/// The sequence of the bracket at `bracket`, whose escape character is written out or lost.
fn written(text: &[u8], bracket: usize) -> Option<Sequence> {
    match (escape_before(&text[..bracket]), text[bracket]) {
        (Some(len), b'[') => control(text, bracket - len, bracket + 1, false),
        (Some(len), _) => with_text(text, bracket - len, bracket + 1),
        (None, b'[') => colour(text, bracket),
        _ => None,
    }
}

/// Bytes with which a written escape character ends.
const ENDS_ESCAPE: [bool; 256] = {
    let mut ends = [false; 256];
    let mut at = 0;
    while at < WRITTEN.len() {
        ends[WRITTEN[at][WRITTEN[at].len() - 1] as usize] = true;
        at += 1;
    }
    ends
};

/// A written escape character may end here.
#[inline]
fn ends_escape(text: &[u8]) -> bool {
    text.last().is_some_and(|last| ENDS_ESCAPE[usize::from(*last)])
}

/// Length of the written escape character that `text` ends with.
fn escape_before(text: &[u8]) -> Option<usize> {
    if !ends_escape(text) {
        return None;
    }
    let written = WRITTEN.iter().find(|written| text.ends_with(written))?;
    let before = &text[..text.len() - written.len()];
    let backslashes = match written[0] {
        b'\\' => before.iter().rev().take(BACKSLASHES_MAX).take_while(|byte| **byte == b'\\').count(),
        _ => 0,
    };
    Some(written.len() + backslashes)
}

/// A control sequence whose parameters begin at `at`: they, a final, and what may go between (ECMA-48 section 5.4).
fn control(text: &[u8], start: usize, at: usize, sent: bool) -> Option<Sequence> {
    let near = &text[at..text.len().min(at + PARAMETERS_BYTES_MAX)];
    let parameters = near.iter().take_while(|byte| matches!(byte, b'0'..=b'?')).count();
    let between = usize::from(sent && parameters > 0 && matches!(near.get(parameters), Some(b' '..=b'/')));
    let last = *near.get(parameters + between)?;
    let expected = match near[..parameters].first() {
        // A token of ours is no position of the cursor.
        _ if sent => matches!(last, b'@'..=b'~') && (parameters > 0 || last != b'R'),
        None => WRITTEN_FINALS_BARE.contains(&last),
        Some(b'0'..=b'9' | b'?') => WRITTEN_FINALS.contains(&last),
        Some(_) => false,
    };
    let end = at + parameters + between + 1;
    // Most sequences are colours.
    expected.then(|| Sequence { start, end, moves: last != b'm' && MOVES.contains(&last), inside: None })
}

/// A colour whose escape character was removed on the way: `[1;32m`. In `rate(x[5m])` a bracket follows.
fn colour(text: &[u8], bracket: usize) -> Option<Sequence> {
    let found = text
        .get(bracket + 1)
        .filter(|byte| byte.is_ascii_digit())
        .and_then(|_| control(text, bracket, bracket + 1, false))?;
    (text[found.end - 1] == b'm' && text.get(found.end) != Some(&b']')).then_some(found)
}

/// A sequence with a text inside it that begins at `at`: it ends with a bell or a string terminator.
fn with_text(text: &[u8], start: usize, at: usize) -> Option<Sequence> {
    let near = &text[at..text.len().min(at + OSC_BYTES_MAX)];
    let found = |len: usize, end: usize| Some(Sequence { start, end, moves: false, inside: Some((at, at + len)) });
    for (len, &byte) in near.iter().enumerate() {
        let rest = &near[len..];
        match byte {
            ESC => return rest.starts_with(b"\x1b\\").then_some(len + 2).and_then(|end| found(len, at + end)),
            BEL | b'\\' | b'^' | b'#' | 0xe2 => {
                if let Some(bell) = BELLS.iter().find(|bell| rest.starts_with(bell)) {
                    return found(len, at + len + bell.len());
                }
                if let Some(escape) = WRITTEN.iter().find(|escape| rest.starts_with(escape)) {
                    let backslashes = rest[escape.len()..].iter().take(2).take_while(|byte| **byte == b'\\').count();
                    return (backslashes > 0)
                        .then_some(escape.len() + backslashes)
                        .and_then(|end| found(len, at + len + end));
                }
            }
            0..=8 | 10..=31 => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(raw: &str) -> String {
        let mut decoded = Decoded::default();
        decoded.shown(raw.as_bytes(), false);
        String::from_utf8(decoded.bytes).unwrap()
    }

    fn inside(raw: &str) -> String {
        let mut decoded = Decoded::default();
        decoded.inside_sequences(raw.as_bytes());
        String::from_utf8(decoded.bytes).unwrap()
    }

    #[test]
    fn a_terminal_shows_no_sequence() {
        for sequence in [
            "\x1b[0m",
            "\x1b[m",
            "\x1b[38;2;255;100;0;48;2;1;2;3;1m",
            "\x1b[38:5:12m",
            "\x1b[K",
            "\x1b[2J",
            "\x1b[?25h",
            "\x1b[5 q",
            "\x1b(B",
            "\x1b7",
            "\x1b]0;a title\x07",
            "\x1b]8;id=1;https://a.io/?x=1\x1b\\",
            "\x1bPq#0;2\x1b\\",
            "\\x1b[31m",
            "\\x1B[0m",
            "\\\\x1b[31m",
            "\\033[1;31m",
            "\\e[m",
            "\\E[0K",
            "\\u001b[36m",
            "\\u{1b}[36m",
            "^[[36m",
            "#033[36m",
            "\u{241b}[36m",
            "[36m",
            "[1;36m",
            "\\x1b]8;;https://a.io\\x07",
            "\\033]0;a title\\a",
            "^[]8;;https://a.io^[\\",
        ] {
            assert_eq!(shown(&format!("a{sequence}b")), "ab", "{sequence:?}");
            assert_eq!(shown(&format!("{sequence}{sequence}ab{sequence}")), "ab", "{sequence:?}");
        }
        assert_eq!(shown("a\x1b[5Cb\x1b[2;1Hc"), "a b c");
        assert_eq!(inside("a\x1b]0;one\x07b\x1b[0mc\x1b]8;;two\x1b\\d"), "\n0;one\n8;;two");
        assert_eq!(inside("a\x1b[0mb"), "");
    }

    #[test]
    fn the_final_of_a_control_sequence_belongs_to_it() {
        for text in ["\x1b[35m", "a\x1b[0;1;32m", "\\x1b[35m", "^[[1m", "[32m", "\x1b[2K"] {
            assert!(ends_with_control(text.as_bytes()), "{text}");
            assert!(!ends_with_control(format!("{text}x").as_bytes()), "{text}x");
        }
        for text in ["", "m", "[m", "x[mm", "[35m]", "list[a", "\x1b]0;m"] {
            assert!(!ends_with_control(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_sequence_stays() {
        for text in [
            "",
            "[",
            "a[5]",
            "rate(x[5m])",
            "x[3] m",
            "[INFO] m",
            "^[a-z]m",
            "^[[:lower:]]",
            "node[12]",
            "#033",
            "\x1b",
            "\x1b[",
            "\x1b[REDACTED:x]",
            "\\e[REDACTED:x]",
            "\\x1b",
            "\\e]8;;https://a.io",
            "\x1bhunter2",
            "[12:30:01m]",
        ] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn spans_of_what_is_shown_leave_the_sequences_around_them() {
        let raw = format!("\x1b[1mkey\x1b[0m=\x1b]8;;{}\x1b\\va\x1b[0ml\x1b[5Cx", "u".repeat(700));
        let mut decoded = Decoded::default();
        assert!(decoded.shown(raw.as_bytes(), false).joined);
        assert_eq!(decoded.bytes, b"key=val x");
        let raw_of = |start, end| {
            let (start, end) = decoded.raw_span(start, end);
            &raw[start..end]
        };
        assert_eq!(raw_of(0, 3), "key");
        assert_eq!(raw_of(3, 4), "=");
        assert_eq!(raw_of(4, 7), "va\x1b[0ml");
        assert_eq!(raw_of(7, 8), "\x1b[5C");
        assert_eq!(raw_of(8, 9), "x");
        assert!(decoded.shown(raw.as_bytes(), true).joined);
        assert_eq!(decoded.bytes, b"key=va l x");
    }
}
