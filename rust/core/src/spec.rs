//! The spec: what an engine is told, as one JSON document. Everything has a default; unknown keys are refused.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use crate::limits;

/// A rule, metric or expression that cannot be used, by name, with the reason.
///
/// # Example
///
/// ```
/// use headrig_core::spec::Spec;
///
/// let error = Spec::parse(br#"{"blank": "perhaps"}"#).unwrap_err();
/// assert!(error.reason.contains("perhaps"), "{error}");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    /// Name of the rule, metric or threshold; `spec` when the document itself does not parse.
    pub rule: String,
    pub reason: String,
}

impl RuleError {
    pub fn new(rule: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { rule: rule.into(), reason: reason.into() }
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.reason)
    }
}

impl std::error::Error for RuleError {}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Spec {
    pub redact: RedactSpec,
    pub metrics: MetricsSpec,
    pub windows: WindowsSpec,
    pub thresholds: Vec<ThresholdSpec>,
    /// Role to the field that has it, before the aliases. For all lanes.
    pub fields: BTreeMap<String, FieldSpec>,
    /// Per lane, by name.
    pub lanes: BTreeMap<String, LaneSpec>,
    pub on_broken: OnBroken,
    pub non_finite: NonFinite,
    pub lone_surrogates: LoneSurrogates,
    pub blank: Blank,
    pub line_ends: LineEnds,
    pub line_bytes_max: usize,
    pub recent_bytes_max: usize,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            redact: RedactSpec::default(),
            metrics: MetricsSpec::default(),
            windows: WindowsSpec::default(),
            thresholds: Vec::new(),
            fields: BTreeMap::new(),
            lanes: BTreeMap::new(),
            on_broken: OnBroken::Wrap,
            non_finite: NonFinite::Null,
            lone_surrogates: LoneSurrogates::Replace,
            blank: Blank::Drop,
            line_ends: LineEnds::Trim,
            line_bytes_max: limits::LINE_BYTES_MAX,
            recent_bytes_max: limits::RECENT_BYTES_MAX,
        }
    }
}

impl Spec {
    /// # Errors
    /// `RuleError` on `spec` with serde's line and column.
    pub fn parse(json: &[u8]) -> Result<Self, RuleError> {
        if json.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_slice(json).map_err(|error| RuleError::new("spec", error.to_string()))
    }
}

/// What becomes of a line that is not valid JSON. It is redacted as text in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBroken {
    Wrap,
    Pass,
}

/// What becomes of `NaN` and `Infinity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NonFinite {
    Null,
    Pass,
    Broken,
}

/// What becomes of an escape that stands for half of a surrogate pair: valid JSON (RFC 8259 section 8.2), which jq 1.6
/// and others end at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoneSurrogates {
    Replace,
    Pass,
}

/// What becomes of a carriage return behind a line and of a byte order mark before it. They are no part of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineEnds {
    Trim,
    Keep,
}

/// What becomes of a blank line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blank {
    Drop,
    Keep,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedactSpec {
    pub enabled: bool,
    /// Names of built-in rules to switch off, or (those that are off by default, such as `email`) on.
    pub disable: Vec<String>,
    pub enable: Vec<String>,
    /// Further secret keys, written in any style (`dbPassword`, `db_password`): compared by tokens.
    pub keys: Vec<String>,
    /// Keys that are never secret, in any style.
    pub allow_keys: Vec<String>,
    /// Further content rules.
    pub rules: Vec<ContentRuleSpec>,
    /// Values of 12 bytes or more that are secret wherever they appear, in any encoding. Never shown anywhere.
    pub learned: Vec<String>,
    /// Secret files of which nothing was learned: only passed on, to `Engine::state`.
    pub learned_files_skipped: u32,
    /// Places in JSON lines whose value is secret: `credit_card.code`, `*.user.email`, `items[*].secret`.
    pub paths: Vec<String>,
    /// Places whose value no rule applies to.
    pub allow_paths: Vec<String>,
    /// Kinds of personal data to look for: `email`, `iban`, `phone`, ….
    pub pii: Vec<String>,
    /// Linear-time regular expressions: a value that one of them matches whole is no secret.
    pub allow_values: Vec<String>,
    /// Places of members that are taken out.
    pub remove: Vec<String>,
    /// What is written in place of every token.
    pub replacement: Option<String>,
    pub token: TokenSpec,
}

impl RedactSpec {
    /// How much was learned, by the names of `Engine::state`.
    pub fn state(&self) -> Vec<(&'static str, f64)> {
        let skipped = f64::from(self.learned_files_skipped);
        vec![("learned_values", self.learned.len() as f64), ("learned_files_skipped", skipped)]
    }
}

impl Default for RedactSpec {
    fn default() -> Self {
        Self {
            enabled: true,
            disable: Vec::new(),
            enable: Vec::new(),
            keys: Vec::new(),
            allow_keys: Vec::new(),
            rules: Vec::new(),
            learned: Vec::new(),
            learned_files_skipped: 0,
            paths: Vec::new(),
            allow_paths: Vec::new(),
            allow_values: Vec::new(),
            pii: Vec::new(),
            remove: Vec::new(),
            replacement: None,
            token: TokenSpec::default(),
        }
    }
}

/// How a secret is written once it is gone.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenSpec {
    /// Characters kept at the end: `[REDACTED:rule:…1234]`. 0: none.
    pub keep_last: usize,
    /// At least 32 bytes: `[REDACTED:rule#<16 hex>]`, HMAC-SHA-256. Empty: off. Never shown anywhere.
    pub hmac_key: String,
}

/// One content rule, as it stands in a pack (`[[rule]]`, TOML) or in the spec.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentRuleSpec {
    /// `[a-z0-9_]{1,64}`; stands in the token.
    pub name: String,
    /// What all matches begin with, for a reader: what is looked for is derived from the pattern, and must agree.
    #[serde(default)]
    pub anchors: Vec<String>,
    /// A candidate mask instead of anchors: `digits`, `at` or `assign`.
    #[serde(default)]
    pub candidate: Option<String>,
    /// Linear-time regular expression over bytes. Group 1, if there is one, is what is replaced, else the whole match.
    #[serde(default)]
    pub pattern: String,
    /// Neither side of the match may touch `[A-Za-z0-9]`.
    #[serde(default = "yes")]
    pub whole_word: bool,
    /// Only its end may not: `keyAKIA...`. For literals that are in no word.
    #[serde(default)]
    pub inside_word: bool,
    /// A check in code after the pattern: `luhn`, `jwt`, `basic`, ….
    #[serde(default)]
    pub check: Option<String>,
    /// Overrides `token.keep_last`.
    #[serde(default)]
    pub keep_last: Option<usize>,
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Texts in which the rule must find something.
    #[serde(default)]
    pub examples: Vec<String>,
    /// Texts that must pass all rules unchanged.
    #[serde(default)]
    pub counterexamples: Vec<String>,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsSpec {
    pub builtin: bool,
    pub rules: Vec<MetricSpec>,
    /// Series per metric; more go to `__overflow__`.
    pub series_max: usize,
    /// A series without an event for so long leaves the table.
    pub series_ttl_seconds: f64,
}

impl Default for MetricsSpec {
    fn default() -> Self {
        Self { builtin: true, rules: Vec::new(), series_max: limits::SERIES_MAX, series_ttl_seconds: 3600.0 }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricSpec {
    pub name: String,
    /// counter, gauge, histogram, quantile or ratio.
    pub kind: String,
    pub help: String,
    /// Expression; empty: every event.
    #[serde(rename = "where")]
    pub where_: String,
    /// Field path of the number; needed for gauge, histogram and quantile.
    pub value: String,
    /// Label name to field path or role.
    pub labels: BTreeMap<String, String>,
    /// `s`, `ms`, `us`, `ns`, `bytes`, `percent` or empty: the unit of `value` in the log; times are kept in seconds.
    pub unit: String,
    /// Upper bounds of a histogram's buckets.
    pub buckets: Vec<f64>,
    /// For `ratio`: the two counters, numerator first.
    pub of: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WindowsSpec {
    pub lateness_seconds: f64,
    /// Event times further ahead of arrival are counted and not trusted.
    pub future_skew_seconds: f64,
    /// A lane without a time for so long leaves the watermark's minimum, and a time says no longer what time it is.
    pub silence_seconds: f64,
    /// So does one whose newest event is so far behind the clock.
    pub holdback_seconds_max: f64,
    pub bytes_max: usize,
}

impl Default for WindowsSpec {
    fn default() -> Self {
        Self {
            lateness_seconds: 15.0,
            future_skew_seconds: 60.0,
            silence_seconds: 30.0,
            holdback_seconds_max: limits::HOLDBACK_SECONDS_MAX,
            bytes_max: 32 * 1024 * 1024,
        }
    }
}

/// A windowed question about one metric.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThresholdSpec {
    pub name: String,
    /// A metric of the spec, a built-in threshold name (`error.rate`), or one that is only recorded.
    pub metric: String,
    pub window_seconds: f64,
    /// mean sum count min max rate p50…p99; empty: the metric's natural one.
    #[serde(default)]
    pub aggregate: String,
    #[serde(default)]
    pub group_by: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldSpec {
    pub path: String,
    /// For `duration`: `s`, `ms`, `us` or `ns`. For `time`: the same, when it is a number.
    #[serde(default)]
    pub unit: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LaneSpec {
    pub fields: BTreeMap<String, FieldSpec>,
    /// `event` or `arrival`; empty: event.
    pub time: String,
    /// Offset of times that carry none, in seconds east of UTC.
    pub utc_offset_seconds: i32,
}

// Never quotes a pattern: a secret may stand in it.

/// Why a pattern does not parse, and where.
pub fn flaw(error: &regex_syntax::Error) -> String {
    let (kind, at) = match error {
        regex_syntax::Error::Parse(error) => (error.kind().to_string(), error.span().start),
        regex_syntax::Error::Translate(error) => (error.kind().to_string(), error.span().start),
        _ => return "does not parse".to_owned(),
    };
    match at.line {
        1 => format!("column {}: {kind}", at.column),
        line => format!("line {line}, column {}: {kind}", at.column),
    }
}

/// Why a pattern cannot be compiled.
pub fn unbuilt(error: &regex_automata::meta::BuildError) -> String {
    match (error.syntax_error(), error.size_limit()) {
        (Some(error), _) => flaw(error),
        (None, Some(limit)) => format!("takes more than {limit} bytes compiled"),
        (None, None) => "cannot be compiled".to_owned(),
    }
}
