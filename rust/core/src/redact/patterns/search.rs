//! Content: credentials found by what they look like, in one decoded text without tokens.

use std::ops::Range;

use regex_automata::{Anchored, Input};

use crate::limits::VERIFY_BYTES_PER_BYTE_MAX;
use crate::redact::bytes::{ends_run, is_word};
use crate::redact::patterns::address::Ats;
use crate::redact::patterns::checks::{high_entropy, Check};
use crate::redact::patterns::mail;
use crate::redact::patterns::rules::{Rule, Rules};
use crate::redact::patterns::{cards, commands, config_lines};
use crate::redact::prefilter::places::{within, Places, Seen};
use crate::redact::text::entropy::Window;
use crate::redact::text::logins;
use crate::redact::text::placeholders::one_of;

/// Verification granted to any text, in bytes read, before its length counts.
const VERIFY_BYTES_FREE: usize = 64 * 1024;
/// Verification work done for one text, and a window for its values.
pub struct Work<'a> {
    spent: usize,
    allowed: usize,
    /// A private key may have begun.
    pub key_begun: bool,
    pub window: &'a mut Window,
}

impl<'a> Work<'a> {
    pub fn new(bytes: usize, window: &'a mut Window) -> Self {
        let allowed = VERIFY_BYTES_FREE + bytes * VERIFY_BYTES_PER_BYTE_MAX;
        Self { spent: 0, allowed, key_begun: false, window }
    }

    pub fn exhausted(&self) -> bool {
        self.spent > self.allowed
    }
}

impl Rules {
    /// At this place of a text with four bytes more stands a literal, and around it what may be a match of its pattern.
    pub fn may_begin(&self, text: &[u8], at: usize) -> bool {
        self.prefixes.rules_at(&text[at..]).any(|rule| self.list[rule].may_start(text, at))
    }

    /// Call `found(start, end, rule)` for each credential in `text`, which is the part of the text of `places` that
    /// begins at `start`.
    #[expect(clippy::too_many_arguments, reason = "per string or event: a struct would be filled each time")]
    pub fn scan(
        &self,
        text: &[u8],
        seen: Seen,
        places: &Places,
        start: usize,
        work: &mut Work<'_>,
        mut found: impl FnMut(usize, usize, &Rule),
    ) {
        let end = start + text.len();
        if !self.pii.is_empty() {
            self.pii.scan(text, |start, end, rule| found(start, end, &self.list[rule]));
        }
        if seen.prefix() {
            let prefixes = within(&places.prefixes, start, end).take_while(|at| at + 4 <= text.len());
            self.at_literals(text, prefixes, work, &mut found);
            self.combined(text, &mut found);
        }
        let signs = within(&places.signs, start, end);
        if let Some(rule) = self.card.filter(|_| seen.digits()) {
            let digits = signs.clone().filter(|at| text[*at].is_ascii_digit());
            cards::scan(text, digits, |start, end| found(start, end, &self.list[rule]));
        }
        if !seen.at() {
            return;
        }
        work.window.clear();
        let mut ats = Ats::new(text);
        for at in signs.filter(|at| text[*at] == b'@') {
            // What looks like an address may be the end of a password and its host.
            let password = self.url_credentials.and_then(|rule| Some((rule, ats.url_password(at, work.window)?)));
            let first = password.or_else(|| self.email.and_then(|rule| Some((rule, mail::mail_address(text, at)?))));
            if let Some((rule, (start, end))) = first {
                found(start, end, &self.list[rule]);
            }
        }
    }

    fn at_literals(
        &self,
        text: &[u8],
        prefixes: impl Iterator<Item = usize>,
        work: &mut Work<'_>,
        found: &mut impl FnMut(usize, usize, &Rule),
    ) {
        // Rules that need not look again before a position.
        let mut done: Vec<(usize, usize)> = Vec::new();
        // The end of the run that the last place was in.
        let mut run_end = 0;
        for at in prefixes {
            for index in self.prefixes.rules_at(&text[at..]) {
                if work.exhausted() {
                    return;
                }
                if done.iter().any(|(rule, until)| *rule == index && at < *until) {
                    continue;
                }
                let rule = &self.list[index];
                let Some(begin) = rule.start(text, at) else { continue };
                work.key_begun |= rule.key_block;
                let until = match verify(rule, text, begin) {
                    Some((start, end, matched)) => {
                        if !(rule.check == Some(Check::UserPassword) && self.is_known_by_form(text, start)) {
                            found(start, end, rule);
                        }
                        matched
                    }
                    // What follows in the same run may still match: only the reading is paid for.
                    None => {
                        let Some(pattern) = rule.pattern.as_ref() else { continue };
                        if at >= run_end {
                            run_end = text[at..].iter().position(ends_run).map_or(text.len(), |len| at + len);
                        }
                        let end = if pattern.far { text.len() } else { run_end };
                        work.spent += (end - at).min(pattern.reach_bytes());
                        continue;
                    }
                };
                work.spent += until - at;
                done.retain(|(rule, until)| *rule != index && at < *until);
                done.push((index, until));
            }
        }
    }

    /// A secret that its own form tells begins here, which is a better name for it than the words before.
    fn is_known_by_form(&self, text: &[u8], at: usize) -> bool {
        self.prefixes.rules_at(&text[at..]).map(|index| &self.list[index]).any(|rule| {
            !rule.check.is_some_and(Check::is_of_prose)
                && rule.start(text, at) == Some(at)
                && verify(rule, text, at).is_some()
        })
    }

    fn combined(&self, text: &[u8], found: &mut impl FnMut(usize, usize, &Rule)) {
        for captures in self.combined.iter().flat_map(|regex| regex.captures_iter(text)) {
            let (Some(pattern), Some(whole)) = (captures.pattern(), captures.get_match()) else { continue };
            let rule = &self.list[self.combined_rules[pattern.as_usize()]];
            let secret = captures.get_group(1).map_or(whole.range(), |group| group.range());
            if accepts(rule, text, whole.range(), secret.clone()) {
                found(secret.start, secret.end, rule);
            }
        }
    }
}

/// The secret's span and the end of the whole match, if the rule's pattern matches at `begin`.
fn verify(rule: &Rule, text: &[u8], begin: usize) -> Option<(usize, usize, usize)> {
    if rule.check == Some(Check::UserPassword) && !logins::follows_login(text, begin) {
        return None;
    }
    let pattern = rule.pattern.as_ref()?.compiled()?;
    let end = text.len().min(begin + pattern.reach_bytes);
    let input = Input::new(text).span(begin..end).anchored(Anchored::Yes);
    let mut slots = [None; 4];
    pattern.regex.search_slots(&input, &mut slots[..if pattern.parts { 4 } else { 2 }])?;
    let span = |slot: usize| Some((slots[slot]?.get(), slots[slot + 1]?.get()));
    let whole = span(0)?;
    let secret = span(2).unwrap_or(whole);
    accepts(rule, text, whole.0..whole.1, secret.0..secret.1).then_some((secret.0, secret.1, whole.1))
}

fn accepts(rule: &Rule, text: &[u8], whole: Range<usize>, secret: Range<usize>) -> bool {
    !secret.is_empty()
        && rule.stands(text, whole.start, whole.end)
        && rule.check.is_none_or(|check| {
            check.passes(&text[secret.clone()])
                && !(check.is_lenient() && tells(text, whole.clone(), secret.clone()))
                && match check {
                    Check::PasswordOption => commands::takes_password(text, whole.start + 1, secret.start),
                    Check::LoginPassword => config_lines::expects_password(text, whole.start, secret.end),
                    Check::UserPassword => logins::apart(text, secret),
                    Check::NamedKey => is_of_secret(&text[..whole.start]),
                    _ => true,
                }
        })
}

/// Words before `key` that make it a secret.
const OF_SECRETS: [&[u8]; 16] = [
    b"access",
    b"account",
    b"admin",
    b"api",
    b"app",
    b"auth",
    b"client",
    b"license",
    b"licence",
    b"master",
    b"private",
    b"secret",
    b"service",
    b"shared",
    b"subscription",
    b"webhook",
];

/// The text before a `key` ends with a word that makes it a secret: `access key`, `api_key`.
fn is_of_secret(before: &[u8]) -> bool {
    let Some((sign, rest)) = before.split_last() else { return false };
    let len = rest.iter().rev().take(OPTION_BYTES_MAX).take_while(|byte| byte.is_ascii_alphabetic()).count();
    b" _-".contains(sign) && one_of(&rest[rest.len() - len..], &OF_SECRETS)
}

/// A label in prose that no secret follows.
fn tells(text: &[u8], whole: Range<usize>, secret: Range<usize>) -> bool {
    in_path(text, whole.start) || is_flag(text, whole.start) && !high_entropy(&text[secret])
}

/// Words of options that ask for a secret or say whether there is one: no value follows.
const FLAG_WORDS: [&[u8]; 20] = [
    b"allow",
    b"ask",
    b"disable",
    b"enable",
    b"generate",
    b"has",
    b"hide",
    b"ignore",
    b"no",
    b"print",
    b"prompt",
    b"remember",
    b"require",
    b"show",
    b"skip",
    b"stdin",
    b"use",
    b"verify",
    b"with",
    b"without",
];
/// Longest option that is read, in bytes.
const OPTION_BYTES_MAX: usize = 64;

/// The label at `at` is an option, or its end, that takes no value: `--ask-vault-pass`, `--no-password`.
fn is_flag(text: &[u8], at: usize) -> bool {
    let of_option = |byte: &&u8| is_word(**byte) || **byte == b'-';
    let before = text[..at].iter().rev().take(OPTION_BYTES_MAX).take_while(of_option).count();
    let after = text[at..].iter().take(OPTION_BYTES_MAX).take_while(of_option).count();
    let option = &text[at - before..at + after];
    option.starts_with(b"-") && option.split(|byte| b"-_".contains(byte)).any(|word| one_of(word, &FLAG_WORDS))
}

/// A label that is a part of a path is none: `/v1/users/password`.
fn in_path(text: &[u8], start: usize) -> bool {
    matches!(text[..start], [.., before, b'/'] if is_word(before))
}
