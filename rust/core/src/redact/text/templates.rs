//! What is written where a secret comes later or stands elsewhere: templates, parameters of statements, names in brackets,
//! paths. `{{ .Values.password }}`, `WHERE password = ?`, `<your-token>`, `/run/secrets/x`.

use memchr::{memchr, memmem};

use crate::redact::bytes::is_word;
use crate::redact::text::placeholders::one_of;
use crate::redact::text::types::is_type;

/// Shortest string among the arguments of a call that may be a secret, in bytes: shorter ones separate and format.
const LITERAL_BYTES_MIN: usize = 4;

/// What opens and closes templates: Jinja and Helm, Ruby, shells and Terraform, Puppet and logstash, ERB.
const TEMPLATES: [(&[u8], &[u8]); 7] =
    [(b"{{", b"}}"), (b"${", b"}"), (b"#{", b"}"), (b"%{", b"}"), (b"$(", b")"), (b"<%", b"%>"), (b"{%", b"%}")];

/// The longest of `PATHS` has its first sign by here, in bytes.
const PATH_HEAD_BYTES_MAX: usize = 11;

/// Places of files: `/run/secrets/x`, `~/x`, `./x`; and of secrets in stores.
const PATHS: [&[u8]; 33] = [
    b"/app/",
    b"/bin/",
    b"/certs/",
    b"/config/",
    b"/data/",
    b"/dev/",
    b"/etc/",
    b"/home/",
    b"/keys/",
    b"/mnt/",
    b"/opt/",
    b"/private/",
    b"/proc/",
    b"/root/",
    b"/run/",
    b"/secrets/",
    b"/srv/",
    b"/tmp/",
    b"/Users/",
    b"/usr/",
    b"/var/",
    b"/vault/",
    b"/workspace/",
    b"~/",
    b"./",
    b"../",
    b"file:",
    b"arn:aws",
    b"vault:",
    b"op://",
    b"ssm:",
    b"secretref:",
    b"keyvault:",
];

/// A word of a placeholder in angle brackets: `<your-token>`.
const PLACEHOLDERS: [&[u8]; 24] = [
    b"binary",
    b"bytes",
    b"empty",
    b"enter",
    b"example",
    b"hidden",
    b"here",
    b"insert",
    b"masked",
    b"my",
    b"nil",
    b"none",
    b"null",
    b"object",
    b"omitted",
    b"placeholder",
    b"redacted",
    b"removed",
    b"replace",
    b"sensitive",
    b"some",
    b"string",
    b"value",
    b"your",
];

/// Names of secrets, as the keys know them.
pub struct Names<F> {
    pub secret: F,
}

impl<F: FnMut(&[u8]) -> bool> Names<F> {
    /// `{password}`, `<your-token>`, `[password]`: a name of a secret between brackets.
    pub fn brackets(&mut self, rest: &[u8]) -> Option<usize> {
        let close = match rest.first()? {
            b'{' => b'}',
            b'[' => b']',
            b'<' => return self.angle_brackets(rest).then(|| memchr(b'>', rest).map(|len| len + 1))?,
            _ => return None,
        };
        let len = memchr(close, rest)?;
        let inside = &rest[1..len];
        let name = &inside[..chain_len(inside)];
        let format = matches!(inside.get(name.len()), None | Some(b'!' | b':'));
        let known = inside.iter().all(u8::is_ascii_digit) && close == b'}' || !name.is_empty() && (self.secret)(name);
        (format && known && !name.iter().any(|byte| byte.is_ascii_digit() && close != b'}')).then_some(len + 1)
    }

    /// A string among arguments that may be a secret.
    pub fn literal(&mut self, arguments: &[u8]) -> bool {
        let mut strings = arguments.split(|byte| b"\"'`".contains(byte)).skip(1).step_by(2);
        strings.any(|string| string.len() >= LITERAL_BYTES_MIN && !(self.secret)(string))
    }

    pub fn angle_brackets(&mut self, text: &[u8]) -> bool {
        let Some(inside) = text.strip_prefix(b"<") else { return false };
        let Some(inside) = memchr(b'>', inside).map(|len| &inside[..len]) else { return false };
        let words = inside.split(|byte| !byte.is_ascii_alphabetic()).filter(|word| !word.is_empty());
        let plain = inside.iter().all(|byte| byte.is_ascii_alphabetic() || b" _-.:'".contains(byte));
        plain
            && !inside.is_empty()
            && (words.clone().any(|word| one_of(word, &PLACEHOLDERS))
                || words.clone().any(|word| (self.secret)(word))
                || (self.secret)(inside))
    }
}

/// How long the template is that `text` begins with. `${NAME:-default}` may hold a value.
pub fn template(text: &[u8]) -> Option<usize> {
    // Most values begin with none of these.
    if !b"{$#%<".contains(text.first()?) {
        return None;
    }
    let (open, close) = TEMPLATES.iter().find(|(open, _)| text.starts_with(open))?;
    let len = memmem::find(&text[open.len()..], close)?;
    let inside = &text[open.len()..open.len() + len];
    let default = memmem::find(inside, b":-").map_or(&b""[..], |at| &inside[at + 2..]);
    ((default.is_empty() || default[0] == b'$') && !holds_literal(inside)).then_some(open.len() + len + close.len())
}

/// A template holds a literal to be taken instead: `<%= ENV['X'] || 'hunter2' %>`, `{{ x | default('hunter2') }}`.
fn holds_literal(template: &[u8]) -> bool {
    let literal = |at: usize| match *template[at..].trim_ascii_start() {
        [quote @ (b'"' | b'\'' | b'`'), next, ..] => next != quote,
        _ => false,
    };
    let operators = [&b"||"[..], b"??", b"?:", b" or ", b"default(", b"default ", b"{ "];
    operators.iter().any(|operator| memmem::find_iter(template, operator).any(|at| literal(at + operator.len())))
}

/// `%s`, `%(name)s`, `%1$s`, `%+v`, `%NAME%`, `{}`: a value is written here later.
pub fn printf(value: &[u8]) -> bool {
    let Some(rest) = value.strip_prefix(b"%") else { return value == b"{}" };
    if let Some(name) = rest.strip_suffix(b"%") {
        return !name.is_empty() && name.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'_');
    }
    let rest = match (rest.first(), memchr(b')', rest)) {
        (Some(b'('), Some(end)) => &rest[end + 1..],
        _ => &rest[rest.iter().take_while(|byte| b"0123456789$+#-.*l".contains(byte)).count()..],
    };
    matches!(rest, [b's' | b'd' | b'v' | b'r' | b'q' | b'i' | b'u' | b'x' | b'@' | b'a'])
}

/// A parameter of a statement: `?`, `?1`, `:1`, `@p1`, `:password`, `@Password`.
pub fn bound(value: &[u8], names: &mut Names<impl FnMut(&[u8]) -> bool>) -> bool {
    let Some((first, name)) = value.split_first() else { return false };
    let digits = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
    match first {
        b'?' => digits(name),
        b':' | b'@' => {
            let numbered = name.strip_prefix(b"p").unwrap_or(name);
            let word = || name.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
            !numbered.is_empty() && digits(numbered) && numbered.len() <= 2
                || !name.is_empty() && word() && ((names.secret)(name) || is_type(name))
        }
        _ => false,
    }
}

/// What `docker` takes behind `--secret` begins with: which secret it is and where it comes from.
const MOUNTS: [&[u8]; 6] = [b"id=", b"type=", b"src=", b"source=", b"env=", b"target="];

/// `--secret id=npmrc,src=.npmrc`: which secret is meant and where it comes from.
pub fn is_mount(value: &[u8]) -> bool {
    MOUNTS.iter().any(|name| value.starts_with(name))
}

pub fn path(value: &[u8]) -> bool {
    let drive = matches!(value, [b'A'..=b'Z' | b'c', b':', b'\\' | b'/', _, ..]);
    if !value.iter().take(PATH_HEAD_BYTES_MAX).any(|byte| matches!(byte, b'/' | b':')) {
        return false;
    }
    let begins = |head: &&[u8]| value.starts_with(head) && value.len() > head.len();
    (drive || PATHS.iter().any(begins)) && value.iter().all(|byte| is_word(*byte) || b"/.-~:\\@ #+".contains(byte))
}

/// Length of `name`, `a.b`, `a->b`, `a::b` and `a?.b` at the beginning.
pub fn chain_len(text: &[u8]) -> usize {
    let mut len = 0;
    loop {
        let name = text[len..].iter().take_while(|byte| is_word(**byte)).count();
        let end = len + name;
        let joint = [&b"."[..], b"->", b"::", b"?.", b"!."].into_iter().find(|joint| text[end..].starts_with(joint));
        match joint.map(|joint| end + joint.len()) {
            Some(next) if name > 0 && text.get(next).is_some_and(|byte| is_word(*byte)) => len = next,
            _ => return end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_in_a_template_makes_it_a_value() {
        for text in ["ENV['X'] || 'a'", "x | default('a')", "x | default \"a\"", "ENV.fetch('X') { 'a' }"] {
            assert!(holds_literal(text.as_bytes()), "{text}");
        }
        for text in ["ENV['X']", "x | default('')", "x | default(omit)", "lookup('env', 'X')", "required \"X\" x"] {
            assert!(!holds_literal(text.as_bytes()), "{text}");
        }
    }
}
