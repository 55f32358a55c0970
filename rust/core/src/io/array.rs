//! A JSON array as lines, one for each element: in one pass, whatever the elements are.

use memchr::memchr2;

/// Each element of a valid array on a line of its own, and their number.
///
/// Between tokens a newline is only white space, so that a space in its place leaves every element as it was. Of what is
/// no valid array something comes, in the same time.
pub fn element_lines(array: &[u8]) -> (Vec<u8>, usize) {
    let mut out = Vec::with_capacity(array.len());
    // Where the element begins in `out`.
    let mut start = 0;
    let (mut at, mut depth, mut count) = (0, 0, 0);
    while let Some(&byte) = array.get(at) {
        let mut next = at + 1;
        match byte {
            b'[' | b'{' => {
                depth += 1;
                if depth > 1 {
                    out.push(byte);
                }
            }
            b',' | b']' | b'}' if depth <= 1 => {
                depth -= usize::from(byte != b',' && depth == 1);
                let blank = out[start..].iter().rev().take_while(|byte| byte.is_ascii_whitespace()).count();
                out.truncate(out.len() - blank);
                if out.len() > start {
                    out.push(b'\n');
                    count += 1;
                }
                start = out.len();
            }
            b']' | b'}' => {
                depth -= 1;
                out.push(byte);
            }
            b' ' | b'\t' if out.len() > start => out.push(byte),
            b'\r' | b'\n' if out.len() > start => out.push(b' '),
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'"' => {
                next = string_end(array, at);
                out.extend_from_slice(&array[at..next]);
            }
            _ => out.push(byte),
        }
        at = next;
    }
    out.truncate(start);
    (out, count)
}

/// Behind a string's closing quote.
fn string_end(text: &[u8], quote: usize) -> usize {
    let mut at = quote + 1;
    while let Some(found) = memchr2(b'"', b'\\', text.get(at..).unwrap_or_default()) {
        if text[at + found] == b'"' {
            return at + found + 1;
        }
        at += found + 2;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(array: &str) -> (String, usize) {
        let (lines, count) = element_lines(array.as_bytes());
        (String::from_utf8(lines).unwrap(), count)
    }

    #[test]
    fn elements_stay_as_they_are_but_for_line_breaks_between_tokens() {
        let array = " [{\"a\": [1, {\"b\": \"],[\\\"\"}]},\r\n {\"c\":\n\t2 } , \"x,y\\\\\", 3.10,[[]] ,[ ] ]\n";
        let expected = ["{\"a\": [1, {\"b\": \"],[\\\"\"}]}", "{\"c\": \t2 }", "\"x,y\\\\\"", "3.10", "[[]]", "[ ]"];
        assert_eq!(lines(array), (expected.join("\n") + "\n", 6));
    }

    #[test]
    fn an_empty_array_is_no_lines() {
        assert_eq!([lines("[]"), lines(" [ \n ] ")], [(String::new(), 0), (String::new(), 0)]);
    }

    #[test]
    fn what_is_no_array_does_no_harm() {
        for broken in ["", "[", "]", "]]]]", "[\"", "[\"\\", "{", "}{", ",", "[1,,2]", "[1]]", "1", "\"", "[[", "[}1,["]
        {
            assert!(lines(broken).0.len() <= broken.len() + 1);
        }
    }
}
