//! Lines as services write them: short, ordinary, long, with and without secrets, escapes and other scripts.

use super::draft::{Draft, Shape};
use super::secrets::{self, Place};

const LEVELS: [&str; 10] = ["INFO", "INFO", "INFO", "INFO", "INFO", "INFO", "DEBUG", "DEBUG", "WARN", "ERROR"];
const LOGGERS: [&str; 6] = ["app.api", "app.db", "app.cache", "app.auth", "app.jobs.mail", "app.http.client"];
const EVENTS: [&str; 4] = ["db_query", "cache_lookup", "auth_checked", "http_call"];
const ROUTES: [&str; 8] = [
    "/api/v1/users",
    "/api/v1/orders",
    "/api/v1/search",
    "/api/v1/login",
    "/api/v1/cart",
    "/api/v1/reports/export",
    "/api/v2/payments",
    "/api/v2/refunds",
];
const METHODS: [&str; 4] = ["GET", "GET", "POST", "PUT"];
const STATUSES: [&str; 12] = ["200", "200", "200", "200", "200", "200", "201", "204", "304", "404", "409", "503"];
const MESSAGES: [&str; 6] = [
    "query finished within its budget, rows came from the replica and were merged in order before the caller was answered with",
    "cache lookup finished on the second tier, the entry was refreshed in the background while the caller kept waiting",
    "retry scheduled after backoff because the pool was at ninety percent of its size and two callers were already in line",
    "access checked for the caller, role viewer, scope read, decision allowed by policy of the tenant after one lookup",
    "outbound call finished, the body was streamed and the connection went back to the pool, no second attempt was necessary",
    "request left the queue after a short wait and was taken by the next free worker slot, nothing was dropped on the way there",
];
const ESCAPED: [&str; 4] = [
    r#"unexpected token near \"orders\" in C:\\srv\\app"#,
    r"line one\n\tline two\n\tline three\r\n",
    r#"field \"na\u006de\" is not valid: \u00e9\/\u4e2d"#,
    r#"{\"user\":\"u-17\",\"items\":[\"a\",\"b\"],\"path\":\"C:\\\\tmp\"}"#,
];
const SCRIPTS: [&str; 5] = [
    "Запрос завершён, строки получены из реплики и объединены по порядку",
    "リクエストが完了しました。行はレプリカから取得されました",
    "请求已完成，结果来自副本并已按顺序合并，连接已归还到池中",
    "Überfällige Bestellung für Zürich geprüft, Größe größer als zulässig ✔",
    "طلب مكتمل والصفوف من النسخة المتماثلة 🚚📦✅",
];

pub fn shapes() -> Vec<Shape> {
    let shape = |name, line_bytes, build| Shape { name, hostile: false, line_bytes, build };
    vec![
        shape("line_134", 134, short),
        shape("request_218_20", 218, |draft, _| request(draft, 200)),
        shape("request_218_100", 218, |draft, _| request(draft, 1000)),
        shape("line_540_clean", 540, |draft, _| ordinary(draft, 0, &COMPACT)),
        shape("line_540", 540, |draft, _| ordinary(draft, 20, &COMPACT)),
        shape("line_540_all", 540, |draft, _| ordinary(draft, 1000, &COMPACT)),
        shape("line_576_spaced", 576, |draft, _| ordinary(draft, 20, &SPACED)),
        shape("stack_8k", 8300, |draft, _| stack(draft, " | ")),
        shape("stack_8k_newlines", 8300, |draft, _| stack(draft, "\\n")),
        shape("escapes", 540, escapes),
        shape("utf8", 605, scripts),
    ]
}

/// Between fields and between key and value.
struct Separators {
    field: &'static str,
    value: &'static str,
}

const COMPACT: Separators = Separators { field: ",", value: ":" };
const SPACED: Separators = Separators { field: ", ", value: ": " };

fn text(fields: &mut Vec<(&'static str, String)>, key: &'static str, value: &str) {
    fields.push((key, format!("\"{value}\"")));
}

fn write(draft: &mut Draft, fields: &[(&'static str, String)], separators: &Separators) {
    let members: Vec<_> = fields.iter().map(|(key, value)| format!("\"{key}\"{}{value}", separators.value)).collect();
    draft.out.extend_from_slice(format!("{{{}}}", members.join(separators.field)).as_bytes());
}

fn short(draft: &mut Draft, _: usize) {
    let logger = draft.random.pick(&["app.api", "app.job", "app.web"]);
    let line = format!(
        r#"{{"timestamp":"{}","level":"INFO","message":"{}","logger":"{logger}","traceId":"{}"}}"#,
        draft.timestamp(),
        draft.random.pick(&["cache entry stored", "row was replicated", "worker took a task"]),
        draft.random.hex(16),
    );
    draft.out.extend_from_slice(line.as_bytes());
}

/// `share` of 1,000 lines are `request_completed`.
fn request(draft: &mut Draft, share: u64) {
    let completed = draft.random.chance(share);
    let event = if completed { "request_completed" } else { draft.random.pick(&EVENTS) };
    draft.requests += u64::from(completed);
    let mut fields = Vec::with_capacity(9);
    text(&mut fields, "timestamp", &draft.timestamp());
    text(&mut fields, "level", "INFO");
    text(&mut fields, "message", if completed { "request was served" } else { "step of a request finished" });
    text(&mut fields, "traceId", &draft.random.hex(16));
    text(&mut fields, "event", event);
    text(&mut fields, "route", draft.random.pick(&ROUTES));
    text(&mut fields, "method", draft.random.pick(&METHODS));
    fields.push(("status", draft.random.pick(&STATUSES).to_owned()));
    fields.push(("duration_ms", duration(draft)));
    write(draft, &fields, &COMPACT);
}

fn duration(draft: &mut Draft) -> String {
    let magnitude = [10, 100, 100, 1000, 5000][draft.random.below(5) as usize];
    format!("{}.{:02}", draft.random.below(magnitude), draft.random.below(100))
}

/// 18 top-level fields; `share` of 1,000 lines hold one secret; some lines have an escape or another script.
fn ordinary(draft: &mut Draft, share: u64, separators: &Separators) {
    let mut message = draft.random.pick(&MESSAGES).to_owned();
    if draft.random.chance(135) {
        message.push_str(r#"; table \"orders\""#);
    }
    if draft.random.chance(19) {
        message.push_str(", Zürich überfällig");
    }
    let mut fields = common(draft);
    if draft.random.chance(share) {
        match secrets::any(draft) {
            Place::Text(secret) => message = format!("{}; {secret}", &message[..48]),
            Place::Field(key, secret) => text(&mut fields, key, &secret),
        }
    }
    fields[2].1 = format!("\"{message}\"");
    write(draft, &fields, separators);
}

/// The 18 fields of an ordinary line; `message`, the third, is left empty.
fn common(draft: &mut Draft) -> Vec<(&'static str, String)> {
    let completed = draft.random.chance(200);
    draft.requests += u64::from(completed);
    let mut fields = Vec::with_capacity(19);
    text(&mut fields, "timestamp", &draft.timestamp());
    text(&mut fields, "level", draft.random.pick(&LEVELS));
    text(&mut fields, "message", "");
    text(&mut fields, "logger", draft.random.pick(&LOGGERS));
    text(&mut fields, "traceId", &draft.random.hex(32));
    text(&mut fields, "spanId", &draft.random.hex(16));
    text(&mut fields, "event", if completed { "request_completed" } else { draft.random.pick(&EVENTS) });
    text(&mut fields, "route", draft.random.pick(&ROUTES));
    text(&mut fields, "method", draft.random.pick(&METHODS));
    fields.push(("status", draft.random.pick(&STATUSES).to_owned()));
    fields.push(("duration_ms", duration(draft)));
    fields.push(("bytes", draft.random.below(90_000).to_string()));
    fields.push(("attempt", draft.random.below(3).to_string()));
    fields.push(("cached", draft.random.pick(&["true", "false"]).to_owned()));
    let user = format!("user-{:05}", draft.random.below(20_000));
    text(&mut fields, "user", &user);
    text(&mut fields, "service", "checkout");
    let host = format!("checkout-{:02}.prod.eu-central-1.internal", draft.random.below(40));
    text(&mut fields, "host", &host);
    text(&mut fields, "version", "3.14.2-rc.1+7f3a9c");
    fields
}

/// One long string: frames of about 80 bytes with `separator` between them.
fn stack(draft: &mut Draft, separator: &str) {
    let mut trace = String::from("java.util.concurrent.TimeoutException: upstream did not answer in time");
    while trace.len() < 7950 {
        trace.push_str(separator);
        let package = draft.random.pick(&["orders", "billing", "catalog", "session"]);
        let class = draft.random.pick(&["OrderService", "ReplicaRouter", "RequestPipeline", "ConnectionPool"]);
        let line = draft.random.below(900) + 100;
        trace.push_str(&format!("    at com.example.{package}.{class}.handle({class}.java:{line}) [shop-3.14]"));
    }
    let mut fields = Vec::with_capacity(6);
    text(&mut fields, "timestamp", &draft.timestamp());
    text(&mut fields, "level", "ERROR");
    text(&mut fields, "message", "operation failed");
    text(&mut fields, "logger", draft.random.pick(&LOGGERS));
    text(&mut fields, "traceId", &draft.random.hex(32));
    let error = format!(r#"{{"name":"TimeoutException","message":"upstream did not answer","stack":"{trace}"}}"#);
    fields.push(("error", error));
    write(draft, &fields, &COMPACT);
}

/// Every string field of weight is full of escapes; 2 % of lines hide a password behind one.
fn escapes(draft: &mut Draft, _: usize) {
    let mut message = String::new();
    while message.len() < 250 {
        message.push_str(draft.random.pick(&ESCAPED));
    }
    if draft.random.chance(20) {
        let value = format!("Fake-hunter2-{}", draft.random.alnum(10));
        match draft.random.below(2) {
            0 => message = format!(r"one\ntwo\tpass\u0077ord={value}\nthree"),
            _ => message = format!(r#"{{\"user\":\"u-17\",\"pass\\u0077ord\":\"{value}\",\"ok\":true}}"#),
        }
        draft.plant(value);
    }
    let mut fields = Vec::with_capacity(8);
    text(&mut fields, "timestamp", &draft.timestamp());
    text(&mut fields, "level", draft.random.pick(&LEVELS));
    text(&mut fields, "message", &message);
    text(&mut fields, "logger", draft.random.pick(&LOGGERS));
    text(&mut fields, "traceId", &draft.random.hex(32));
    text(&mut fields, "path", r"C:\\srv\\shop\\releases\\current\\app.py");
    text(&mut fields, "detail", r#"DETAIL: process waits for \"ShareLock\"\n\tblocked by the next\n"#);
    write(draft, &fields, &COMPACT);
}

/// Mostly non-ASCII text; 2 % of lines hold one secret.
fn scripts(draft: &mut Draft, _: usize) {
    let mut message = String::new();
    while message.len() < 380 {
        message.push_str(draft.random.pick(&SCRIPTS));
        message.push(' ');
    }
    if draft.random.chance(20) {
        let secret = secrets::password_text(draft);
        message.push_str(&secret);
    }
    let mut fields = Vec::with_capacity(7);
    text(&mut fields, "timestamp", &draft.timestamp());
    text(&mut fields, "level", draft.random.pick(&LEVELS));
    text(&mut fields, "message", &message);
    text(&mut fields, "logger", draft.random.pick(&LOGGERS));
    text(&mut fields, "traceId", &draft.random.hex(32));
    text(&mut fields, "ort", "Zürich, Höhenstraße");
    write(draft, &fields, &COMPACT);
}
