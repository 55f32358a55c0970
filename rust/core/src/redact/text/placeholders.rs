//! What only tells about a secret: `password: incorrect`, `secret: must be set`, `token=<nil>`.

/// Values that give nothing away, after any sign.
const EMPTY: [&[u8]; 25] = [
    b"*mut",
    b"*const",
    b"&mut",
    b"unsafe",
    b"null",
    b"none",
    b"nil",
    b"true",
    b"false",
    b"undefined",
    b"-",
    b"missing",
    b"unset",
    b"empty",
    b"redacted",
    b"filtered",
    b"hidden",
    b"masked",
    b"omitted",
    b"n/a",
    b"!0",
    b"!1",
    b"sensitive value",
    b"sensitive",
    b"known after apply",
];
/// Shortest run of letters or dots that is a mask, in bytes.
const MASK_BYTES_MIN: usize = 4;
/// Words that go on with a sentence after a colon. As passwords they would be the first ones guessed.
const WORDS: [&[u8]; 215] = [
    b"a",
    b"absent",
    b"accepted",
    b"added",
    b"after",
    b"all",
    b"allowed",
    b"already",
    b"an",
    b"and",
    b"are",
    b"argument",
    b"as",
    b"async",
    b"at",
    b"authentication",
    b"await",
    b"bad",
    b"be",
    b"because",
    b"been",
    b"before",
    b"begin",
    b"being",
    b"bool",
    b"boolean",
    b"but",
    b"by",
    b"bytes",
    b"cached",
    b"can",
    b"cannot",
    b"changed",
    b"check",
    b"closed",
    b"configured",
    b"contains",
    b"could",
    b"created",
    b"creating",
    b"creation",
    b"decoded",
    b"decrypted",
    b"deleted",
    b"denied",
    b"deprecated",
    b"destroying",
    b"destruction",
    b"detected",
    b"did",
    b"disabled",
    b"do",
    b"does",
    b"empty",
    b"enabled",
    b"encoded",
    b"encrypted",
    b"end",
    b"error",
    b"expected",
    b"expects",
    b"expired",
    b"expires",
    b"expiring",
    b"fail",
    b"failed",
    b"failure",
    b"field",
    b"file",
    b"flag",
    b"for",
    b"found",
    b"from",
    b"function",
    b"generated",
    b"generating",
    b"given",
    b"granted",
    b"has",
    b"hashed",
    b"have",
    b"header",
    b"if",
    b"ignored",
    b"imported",
    b"importing",
    b"in",
    b"include",
    b"incorrect",
    b"input",
    b"instead",
    b"int",
    b"integer",
    b"into",
    b"invalid",
    b"invalidated",
    b"is",
    b"issued",
    b"it",
    b"its",
    b"known",
    b"lambda",
    b"lax",
    b"length",
    b"loaded",
    b"malformed",
    b"match",
    b"matched",
    b"matches",
    b"may",
    b"mismatch",
    b"missing",
    b"modifications",
    b"modifying",
    b"must",
    b"needs",
    b"never",
    b"new",
    b"no",
    b"not",
    b"now",
    b"null",
    b"number",
    b"object",
    b"of",
    b"off",
    b"ok",
    b"omit",
    b"on",
    b"only",
    b"opened",
    b"option",
    b"optional",
    b"or",
    b"out",
    b"over",
    b"parameter",
    b"passed",
    b"planned",
    b"please",
    b"present",
    b"prompt",
    b"protected",
    b"provided",
    b"read",
    b"reading",
    b"recently",
    b"refreshed",
    b"refreshing",
    b"refused",
    b"rejected",
    b"removed",
    b"requested",
    b"required",
    b"requires",
    b"reset",
    b"resetting",
    b"reused",
    b"revoked",
    b"rotated",
    b"saved",
    b"secret",
    b"secrets",
    b"see",
    b"sent",
    b"set",
    b"should",
    b"skipped",
    b"specified",
    b"stdin",
    b"still",
    b"stored",
    b"str",
    b"strict",
    b"string",
    b"success",
    b"supplied",
    b"switches",
    b"takes",
    b"that",
    b"the",
    b"then",
    b"there",
    b"this",
    b"to",
    b"too",
    b"typeof",
    b"unable",
    b"unauthorized",
    b"unchanged",
    b"under",
    b"unexpected",
    b"unknown",
    b"unsupported",
    b"updated",
    b"use",
    b"used",
    b"using",
    b"valid",
    b"value",
    b"variable",
    b"verification",
    b"verified",
    b"verifying",
    b"via",
    b"was",
    b"when",
    b"which",
    b"will",
    b"with",
    b"without",
    b"would",
    b"wrong",
    b"yes",
    b"your",
];

/// Words that a note about a part begins with, if more words follow: `credential: sanitize the user prompt`.
const VERBS: [&[u8]; 64] = [
    b"adapt",
    b"add",
    b"adjust",
    b"adopt",
    b"allow",
    b"apply",
    b"avoid",
    b"backport",
    b"bump",
    b"clean",
    b"convert",
    b"correct",
    b"cover",
    b"deny",
    b"describe",
    b"detect",
    b"disable",
    b"disallow",
    b"document",
    b"drop",
    b"enable",
    b"ensure",
    b"environment",
    b"extend",
    b"fix",
    b"fixes",
    b"grant",
    b"handle",
    b"implement",
    b"improve",
    b"include",
    b"introduce",
    b"make",
    b"mention",
    b"merge",
    b"migrate",
    b"move",
    b"my",
    b"parse",
    b"prevent",
    b"print",
    b"refactor",
    b"refresh",
    b"refuse",
    b"reject",
    b"remove",
    b"rename",
    b"replace",
    b"require",
    b"restore",
    b"return",
    b"returns",
    b"revert",
    b"rewrite",
    b"sanitize",
    b"show",
    b"simplify",
    b"store",
    b"support",
    b"translate",
    b"update",
    b"upgrade",
    b"warn",
    b"wrap",
];

/// Without regard to case.
pub fn one_of(word: &[u8], list: &[&[u8]]) -> bool {
    list.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// The value is a word for having none, a mask, a bracket that a token or nothing follows, or the name of what holds it:
/// `$DB_PASSWORD`, `${password}`.
pub fn nothing(value: &[u8]) -> bool {
    let variable = |name: &[u8]| {
        name.starts_with(b"{") && !name.windows(2).any(|pair| pair == b":-")
            || name.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
    };
    let marks: &[u8] = if value.len() < MASK_BYTES_MIN { b"*" } else { b"*xX#." };
    // A quote that a program closes right after the sign: `print("Password: ")  # …`.
    let closed = matches!(value, [b')' | b']' | b'}', rest @ ..]
        if rest.iter().find(|byte| !b")]};,.".contains(byte)).is_none_or(u8::is_ascii_whitespace));
    matches!(value, b"{" | b"[" | b"(" | b"<")
        || closed
        || value.iter().all(|byte| *byte == value[0] && marks.contains(byte))
        || value.strip_prefix(b"$").is_some_and(|name| !name.is_empty() && variable(name))
        || EMPTY.iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// A word of a sentence about a secret, a placeholder of a usage text, or nothing, where a value was looked for.
pub fn says_nothing(value: &[u8]) -> bool {
    let placeholder = value.iter().all(|byte| byte.is_ascii_uppercase() || b"_-.".contains(byte));
    placeholder || nothing(value) || WORDS.iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// After `key:` or `key=` and a space, a sentence goes on at `start` instead of a value.
pub fn is_placeholder(text: &[u8], sign: usize, start: usize) -> bool {
    if !matches!(text[sign], b':' | b'=' | b'-') || start < sign + 2 {
        return false;
    }
    let word = &text[start..start + text[start..].iter().take(16).take_while(|b| b.is_ascii_alphabetic()).count()];
    let ends = match (text.get(start + word.len()), text.get(start + word.len() + 1)) {
        (None, _) => true,
        (Some(byte), after) => {
            let mark = b".,;!?)]}:\"'".contains(byte)
                && after.is_none_or(|b| b.is_ascii_whitespace() || !b.is_ascii_alphanumeric());
            byte.is_ascii_whitespace() || mark
        }
    };
    ends && (WORDS.iter().chain(&EMPTY).any(|known| word.eq_ignore_ascii_case(known))
        || one_of(word, &VERBS) && words_follow(&text[start + word.len()..]))
}

/// A word follows that is no key of the next value.
fn words_follow(rest: &[u8]) -> bool {
    let Some(rest) = rest.strip_prefix(b" ") else { return false };
    let len = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(byte)).count();
    len > 0 && !matches!(rest.get(len), Some(b'=' | b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_told_from_a_value() {
        for text in ["pin: ok", "secret: Must be set", "password: incorrect.", "password:  not \"x\""] {
            assert!(
                is_placeholder(
                    text.as_bytes(),
                    text.find(':').unwrap(),
                    text.find(':').unwrap() + 2 + usize::from(text.contains(":  "))
                ),
                "{text}"
            );
        }
        for text in ["pin: ok1", "secret: must_be", "password: is.me", "password: letmein"] {
            assert!(!is_placeholder(text.as_bytes(), text.find(':').unwrap(), text.find(':').unwrap() + 2), "{text}");
        }
        assert!(!is_placeholder(b"pin=ok", 3, 4) && !is_placeholder(b"pin:ok", 3, 4));
        assert!(nothing(b"****") && nothing(b"None") && !nothing(b"ok"));
    }
}
