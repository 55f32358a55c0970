//! The password in a URL: what stands before an `@`.

use crate::redact::bytes::table;
use crate::redact::text::entropy::{Window, WEIGHED_BYTES_MAX};

/// Longest `user:password` looked for before an `@`, in bytes.
const USER_INFO_BYTES_MAX: usize = 512;
/// Shortest token that stands alone before an `@`, in bytes: a user's name is shorter.
const USER_TOKEN_BYTES_MIN: usize = 20;
const _: () = assert!(USER_INFO_BYTES_MAX <= WEIGHED_BYTES_MAX);
/// Schemes of addresses with paths (`http://localhost:${PORT}/a@2x.png`), where a slash ends the host in any case.
const WEB: [&[u8]; 4] = [b"http", b"https", b"ws", b"wss"];
/// Bytes that no URL holds, and those with which its host ends.
const APART: [bool; 256] = table(b" \t\n\x0c\r\"'<>");
const HOST_ENDS: [bool; 256] = table(b" \t\n\x0c\r/\"'?#@<>");

/// What stands before one `@` after the other, each byte read once.
pub struct Ats<'a> {
    text: &'a [u8],
    /// Bytes read.
    at: usize,
    /// Where what may be a URL begins.
    begin: usize,
    /// The place after the last `://`, and after that: its first colon, and what the first slash
    /// after that began: a path, or none.
    user: Option<usize>,
    colon: Option<usize>,
    path: Option<bool>,
}

impl<'a> Ats<'a> {
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, begin: 0, user: None, colon: None, path: None }
    }

    /// Read on to an `@`.
    fn go_to(&mut self, at: usize) {
        for (place, &byte) in self.text[..at].iter().enumerate().skip(self.at) {
            match byte {
                b'/' if self.text[..place].ends_with(b":/") => {
                    (self.user, self.colon, self.path) = (Some(place + 1), None, None);
                }
                b'/' | b'?' | b'#' if self.path.is_none() => self.path = Some(self.ends_host(place)),
                b':' => self.colon = self.colon.or(Some(place)),
                _ if APART[usize::from(byte)] => self.begin = place + 1,
                _ => {}
            }
        }
        self.at = at;
    }

    /// What begins at a slash or question mark behind `://` is a path. A password may hold one, and does so in the addresses of
    /// databases and queues that people write by hand; no port does.
    fn ends_host(&self, place: usize) -> bool {
        let Some((user, colon)) = self.user.zip(self.colon) else { return true };
        let (scheme, host) = (&self.text[..user - b"://".len()], &self.text[user..colon]);
        let of_web = WEB.iter().any(|web| scheme.ends_with(web));
        of_web || host.contains(&b'@') || self.text[colon + 1..place].iter().all(u8::is_ascii_digit)
    }

    /// The password of `scheme://user:password@host` (RFC 3986 section 3.2.1), given its last `@`; asked for in order.
    pub fn url_password(&mut self, at: usize, window: &mut Window) -> Option<(usize, usize)> {
        let text = self.text;
        let rest = &text[at + 1..];
        let host = rest.iter().position(|byte| HOST_ENDS[usize::from(*byte)]).unwrap_or(rest.len());
        if rest.get(host) == Some(&b'@') || host == 0 {
            return None;
        }
        self.go_to(at);
        let begin = self.begin.max(at.saturating_sub(USER_INFO_BYTES_MAX));
        let user = self.user.filter(|user| *user >= begin + b"://".len())?;
        if self.path == Some(true) {
            return None;
        }
        // A token alone or in the place of the name: `https://TOKEN@host`, `https://TOKEN:x-oauth-basic@host`.
        let name_end = self.colon.unwrap_or(at);
        if name_end - user >= USER_TOKEN_BYTES_MIN && window.random(text, user, name_end) {
            return Some((user, at));
        }
        let password = self.colon? + 1;
        (password < at).then_some((password, at))
    }
}
