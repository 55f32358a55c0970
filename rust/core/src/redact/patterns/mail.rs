//! Mail addresses.

/// Longest local part of a mail address, in bytes (RFC 5321 section 4.5.3.1.1).
const LOCAL_PART_BYTES_MAX: usize = 64;
/// Longest domain of one, in bytes (RFC 1035 section 2.3.4).
const DOMAIN_BYTES_MAX: usize = 253;

/// A mail address (the dot-atom form of RFC 5322 section 3.4.1), given its `@`.
pub fn mail_address(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let local = |byte: &u8| byte.is_ascii_alphanumeric() || b"._%+-".contains(byte);
    let from = at.saturating_sub(LOCAL_PART_BYTES_MAX);
    let start = text[from..at].iter().rposition(|byte| !local(byte)).map_or(from, |index| from + index + 1);
    let domain = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'.' || **byte == b'-';
    let end = at + 1 + text[at + 1..].iter().take(DOMAIN_BYTES_MAX).take_while(domain).count();
    let end = end - text[at + 1..end].iter().rev().take_while(|byte| !byte.is_ascii_alphanumeric()).count();
    let host = &text[at + 1..end];
    let top = host.iter().rposition(|byte| *byte == b'.').map(|dot| &host[dot + 1..])?;
    let real = top.len() >= 2 && top.iter().all(u8::is_ascii_alphabetic) && host.len() > top.len() + 1;
    (start < at && real).then_some((start, end))
}

/// All of a text is one mail address.
pub fn is_mail(text: &[u8]) -> bool {
    let at = text.iter().rposition(|byte| *byte == b'@');
    at.and_then(|at| mail_address(text, at)) == Some((0, text.len()))
}
