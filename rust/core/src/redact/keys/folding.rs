//! Keys of other languages: letters without accents, in lower case, so that `CONTRASEÑA` and `contrasena` are one word.

use std::borrow::Cow;

/// The last of the marks that stand behind a letter instead of in it (Unicode, combining diacritical marks).
const MARKS: std::ops::RangeInclusive<char> = '\u{300}'..='\u{36f}';
/// The last letter of the Latin script in common use (Unicode, Latin Extended-B).
const LATIN_MAX: char = '\u{24f}';
/// How far the full-width forms of ASCII are behind it.
const FULL_WIDTH: u32 = 0xfee0;

/// A key for its words: ASCII as it is, other letters in lower case, and what is no letter as `_`. U+FFFD stays, and so
/// do bytes that are not UTF-8.
pub fn folded(key: &[u8]) -> Cow<'_, [u8]> {
    if key.is_ascii() {
        return Cow::Borrowed(key);
    }
    let mut out = Vec::with_capacity(key.len());
    for chunk in key.utf8_chunks() {
        let mut before = '_';
        for letter in chunk.valid().chars() {
            fold(letter, before, &mut out);
            before = letter;
        }
        out.extend_from_slice(chunk.invalid());
    }
    Cow::Owned(out)
}

fn fold(letter: char, before: char, out: &mut Vec<u8>) {
    // A word of another script ends where ASCII begins, and the other way round: `apiキー`.
    let other = |letter: char| !letter.is_ascii() && letter.is_alphanumeric() && letter > LATIN_MAX;
    if other(letter) && before.is_ascii_alphanumeric() || other(before) && letter.is_ascii_alphanumeric() {
        out.push(b'_');
    }
    match letter {
        '\0'..='\x7f' => out.push(letter as u8),
        '\u{ff01}'..='\u{ff5e}' => out.push((letter as u32 - FULL_WIDTH) as u8),
        '\u{fffd}' => out.extend_from_slice("\u{fffd}".as_bytes()),
        // Seen by nobody, or a part of the letter before.
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{feff}' => {}
        _ if MARKS.contains(&letter) => {}
        _ if !is_of_word(letter) => out.push(b'_'),
        _ => {
            if letter.is_uppercase() && before.is_lowercase() {
                out.push(b'_');
            }
            for lower in letter.to_lowercase().filter(|lower| !MARKS.contains(lower)) {
                let from = out.len();
                match base(lower) {
                    Some(base) => out.extend_from_slice(base.as_bytes()),
                    None => out.extend_from_slice(lower.encode_utf8(&mut [0; 4]).as_bytes()),
                }
                if letter.is_uppercase() {
                    // Where words begin is told by capitals.
                    out[from..].make_ascii_uppercase();
                }
            }
        }
    }
}

/// A letter, or a mark of a script that writes its vowels so.
pub fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric()
        || MARKS.contains(&letter)
        || matches!(letter, '\u{900}'..='\u{dff}' | '\u{e31}'..='\u{e4e}')
}

/// The letters of ASCII that a Latin one is read as.
fn base(lower: char) -> Option<&'static str> {
    Some(match lower {
        'à'..='å' | 'ā' | 'ă' | 'ą' => "a",
        'æ' => "ae",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'ð' | 'ď' | 'đ' => "d",
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => "e",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => "i",
        'ĺ' | 'ļ' | 'ľ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' => "n",
        'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => "o",
        'œ' => "oe",
        'ŕ' | 'ŗ' | 'ř' => "r",
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => "s",
        'ß' => "ss",
        'ţ' | 'ť' | 'ț' => "t",
        'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => "u",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_lose_accents_and_case_but_ascii_stays() {
        for (key, expected) in [
            ("dbPassword", "dbPassword"),
            ("CONTRASEÑA", "CONTRASENA"),
            ("contrasen\u{303}a", "contrasena"),
            ("ŞİFRE", "SIFRE"),
            ("ключБД", "ключ_бд"),
            ("Пароль", "пароль"),
            ("ＤＢ＿ｐａｓｓ", "DB_pass"),
            ("密码（新）", "密码(新)"),
            ("a\u{a0}b", "a_b"),
            ("a\u{fffd}b", "a\u{fffd}b"),
        ] {
            assert_eq!(String::from_utf8_lossy(&folded(key.as_bytes())), expected, "{key}");
        }
        assert_eq!(&*folded(b"a\xffb"), b"a\xffb");
    }
}
