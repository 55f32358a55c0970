//! Lines whose text is what redaction has to read: pairs, URLs, encodings, tracebacks, colours. 2 % hold one password.

use super::draft::{Draft, Shape};
use super::secrets;

const PATHS: [&str; 5] = ["/api/v1/orders", "/search", "/static/app.7f3a9c.js", "/login/callback", "/reports/export"];
const WORDS: [&str; 8] = ["order", "refund", "customer", "invoice", "shipment", "basket", "coupon", "warehouse"];
const FILES: [&str; 4] = ["app/api/orders.py", "app/db/session.py", "app/http/client.py", "app/jobs/mail.py"];
/// One line in so many thousand holds a password.
const SECRETS_PER_MILLE: u64 = 20;

pub fn shapes() -> Vec<Shape> {
    let shape = |name, line_bytes, build| Shape { name, hostile: false, line_bytes, build };
    vec![
        shape("pairs_171", 171, pairs),
        shape("urls_270", 270, urls),
        shape("base64_413", 413, base64),
        shape("unicode_escapes_334", 334, unicode_escapes),
        shape("traceback_806", 806, traceback),
        shape("python_dict_282", 282, python_dict),
        shape("json_in_string_286", 286, json_in_string),
        shape("coloured_200", 200, coloured),
        shape("coloured_json_259", 259, coloured_json),
    ]
}

/// A password to append, with what goes before it; empty in most lines.
fn secret(draft: &mut Draft, before: &str) -> String {
    if draft.random.chance(SECRETS_PER_MILLE) {
        format!("{before}{}", secrets::password_text(draft))
    } else {
        String::new()
    }
}

/// A JSON line with this message, which is escaped already.
fn event(draft: &mut Draft, message: &str) {
    let line = format!(
        r#"{{"timestamp":"{}","level":"INFO","message":"{message}","logger":"app.http","traceId":"{}"}}"#,
        draft.timestamp(),
        draft.random.hex(32),
    );
    draft.out.extend_from_slice(line.as_bytes());
}

/// `key=value`, as logfmt has it: no JSON.
fn pairs(draft: &mut Draft, _: usize) {
    let line = format!(
        "time={} level=info msg=\"{} stored\" component=storage shard={} took={}ms user=user-{} request_id={} size={}{}",
        draft.timestamp(),
        draft.random.pick(&WORDS),
        draft.random.below(64),
        draft.random.digits(3),
        draft.random.digits(5),
        draft.random.hex(32),
        draft.random.digits(6),
        secret(draft, " "),
    );
    draft.broken += 1;
    draft.out.extend_from_slice(line.as_bytes());
}

fn urls(draft: &mut Draft, _: usize) {
    let message = format!(
        "GET https://shop.example.com{}?page={}&sort=price&filter={}%20{}&utm_source=mail&ref={}{} HTTP/1.1 200 {}",
        draft.random.pick(&PATHS),
        draft.random.below(100),
        draft.random.pick(&WORDS),
        draft.random.pick(&WORDS),
        draft.random.digits(10),
        secret(draft, "&"),
        draft.random.digits(5),
    );
    event(draft, &message);
}

fn base64(draft: &mut Draft, _: usize) {
    let message = format!("payload {}== of {} bytes stored{}", draft.random.alnum(250), 187, secret(draft, " "));
    event(draft, &message);
}

/// What `json.dumps` makes of other scripts.
fn unicode_escapes(draft: &mut Draft, _: usize) {
    let mut message = String::new();
    for _ in 0..8 {
        for _ in 0..4 {
            message.push_str(&format!("\\u04{:02x}", 0x30 + draft.random.below(0x20)));
        }
        message.push(' ');
    }
    message.push_str(&secret(draft, ""));
    event(draft, &message);
}

fn traceback(draft: &mut Draft, _: usize) {
    let mut message = String::from("Traceback (most recent call last):");
    for _ in 0..5 {
        message.push_str(&format!(
            "\\n  File \\\"/srv/{}\\\", line {}, in handle_{}\\n    return await self._call(\\\"{}\\\", timeout=self.timeout)",
            draft.random.pick(&FILES),
            draft.random.digits(3),
            draft.random.digits(2),
            draft.random.pick(&WORDS),
        ));
    }
    message.push_str(&format!("\\nKeyError: '{}_id'{}", draft.random.pick(&WORDS), secret(draft, "\\n")));
    event(draft, &message);
}

/// `str()` of a mapping.
fn python_dict(draft: &mut Draft, _: usize) {
    let message = format!(
        "saved {{'id': {}, 'kind': '{}', 'tags': ['a', 'b'], 'owner': None, 'size': {}.5, 'state': 'open', 'ref': '{}'}}{}",
        draft.random.digits(6),
        draft.random.pick(&WORDS),
        draft.random.digits(3),
        draft.random.hex(32),
        secret(draft, " "),
    );
    event(draft, &message);
}

fn json_in_string(draft: &mut Draft, _: usize) {
    let message = format!(
        r#"{{\"id\":{},\"kind\":\"{}\",\"tags\":[\"a\",\"b\"],\"size\":{}.5,\"state\":\"open\",\"ref\":\"{}\",\"note\":\"{}\"}}"#,
        draft.random.digits(6),
        draft.random.pick(&WORDS),
        draft.random.digits(3),
        draft.random.hex(32),
        secret(draft, ""),
    );
    event(draft, &message);
}

/// What structlog prints to a terminal.
fn coloured(draft: &mut Draft, _: usize) {
    let pair = |key: &str, value: String| format!(" \x1b[36m{key}\x1b[0m=\x1b[35m{value}\x1b[0m");
    let line = format!(
        "\x1b[2m{}\x1b[0m [\x1b[32m\x1b[1minfo     \x1b[0m] \x1b[1m{} stored\x1b[0m{}{}{}{}",
        draft.timestamp(),
        draft.random.pick(&WORDS),
        pair("request_id", draft.random.hex(32)),
        pair("size", draft.random.digits(6)),
        pair("shard", draft.random.digits(2)),
        secret(draft, " "),
    );
    draft.broken += 1;
    draft.out.extend_from_slice(line.as_bytes());
}

/// The same in a JSON string, as a container's log driver has it.
fn coloured_json(draft: &mut Draft, _: usize) {
    let message = format!(
        "\\u001b[2m{}\\u001b[0m \\u001b[1m{} stored\\u001b[0m \\u001b[36msize\\u001b[0m=\\u001b[35m{}\\u001b[0m{}",
        draft.timestamp(),
        draft.random.pick(&WORDS),
        draft.random.digits(6),
        secret(draft, " "),
    );
    event(draft, &message);
}
