//! Options of programs that take a password, by their manuals: `mysql -pX`, `redis-cli -a X`. The same letter means something
//! else to most programs, so one counts only behind the name of its own, on the same side of `|`, `;` and `&`.

use memchr::{memrchr, memrchr3};

use crate::redact::bytes::table;

/// How far before an option its program is looked for, in bytes.
const COMMAND_BYTES_MAX: usize = 192;

/// How an option and its value are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Joined {
    /// `-pX`: behind a blank comes something else.
    Always,
    /// `-p X`.
    Never,
    Either,
}

/// How a value follows an option, and the programs that read it so.
type Reading = (Joined, &'static [&'static [u8]]);

const MYSQL: &[&[u8]] = &[
    b"mysql",
    b"mysqldump",
    b"mysqladmin",
    b"mysqlimport",
    b"mariadb",
    b"mariadb-dump",
    b"7z",
    b"7za",
    b"7zr",
    b"rar",
    b"unrar",
];
const MONGO: &[&[u8]] =
    &[b"sshpass", b"mongo", b"mongosh", b"mongodump", b"mongorestore", b"mongoimport", b"mongoexport", b"cqlsh"];
const REMOTE: &[&[u8]] = &[
    b"psexec",
    b"psexec64",
    b"netexec",
    b"nxc",
    b"crackmapexec",
    b"evil-winrm",
    b"ncftp",
    b"xfreerdp",
    b"rdesktop",
    b"wmic",
    b"winrs",
];
const SNMP: &[&[u8]] = &[
    b"snmpwalk",
    b"snmpget",
    b"snmpset",
    b"snmpgetnext",
    b"snmpbulkwalk",
    b"snmpbulkget",
    b"snmptrap",
    b"snmpstatus",
    b"snmptable",
];
const LDAP: &[&[u8]] =
    &[b"ldapsearch", b"ldapmodify", b"ldapadd", b"ldapdelete", b"ldapwhoami", b"ldappasswd", b"ldapmodrdn"];
const JAVA_KEYS: &[&[u8]] = &[b"keytool", b"jarsigner"];

/// Each option once, so that the command before it is read once.
const OPTIONS: [(&[u8], &[Reading]); 18] = [
    (b"-p", &[(Joined::Always, MYSQL), (Joined::Either, MONGO), (Joined::Never, REMOTE)]),
    (b"-a", &[(Joined::Never, &[b"redis-cli", b"valkey-cli", b"keydb-cli", b"http", b"https"])]),
    (b"-w", &[(Joined::Never, LDAP)]),
    (
        b"-P",
        &[
            (Joined::Either, &[b"sqlcmd", b"bcp", b"ipmitool", b"mosquitto_pub", b"mosquitto_sub", b"zip", b"unzip"]),
            (Joined::Never, &[b"ssh-keygen"]),
        ],
    ),
    (b"-N", &[(Joined::Never, &[b"ssh-keygen"])]),
    (b"-pw", &[(Joined::Never, &[b"plink", b"pscp", b"psftp", b"putty"])]),
    (b"-U", &[(Joined::Never, &[b"smbclient", b"rpcclient", b"smbmap", b"net", b"winexe"])]),
    (b"-u", &[(Joined::Never, &[b"curl", b"http", b"https", b"wget", b"lftp"])]),
    (b"-c", &[(Joined::Never, SNMP)]),
    (b"-A", &[(Joined::Never, SNMP)]),
    (b"-X", &[(Joined::Never, SNMP)]),
    (b"-k", &[(Joined::Never, &[b"openssl"])]),
    (b"-storepass", &[(Joined::Never, JAVA_KEYS)]),
    (b"-keypass", &[(Joined::Never, JAVA_KEYS)]),
    (b"-srcstorepass", &[(Joined::Never, JAVA_KEYS)]),
    (b"-srckeypass", &[(Joined::Never, JAVA_KEYS)]),
    (b"-deststorepass", &[(Joined::Never, JAVA_KEYS)]),
    (b"-destkeypass", &[(Joined::Never, JAVA_KEYS)]),
];

/// A command of these programs, which alone says little, and its option.
const LOGIN: &[u8] = b"login";
const LOGIN_OPTION: &[u8] = b"-p";
const LOGIN_PROGRAMS: [&[u8]; 11] =
    [b"docker", b"podman", b"nerdctl", b"skopeo", b"buildah", b"crane", b"oras", b"az", b"oc", b"cf", b"helm"];

/// Bytes behind a part of a path, and behind a word.
const ENDS_NAME: [bool; 256] = table(b"/\\\"'([=` \t\n\x0c\r");

/// The option that begins at `start` takes a password, and its value begins at `value`.
pub fn takes_password(text: &[u8], start: usize, value: usize) -> bool {
    let option = &text[start..value];
    let word = option.split(|byte| *byte == b' ').next().unwrap_or_default();
    let Some((_, readings)) = OPTIONS.iter().find(|(known, _)| *known == word) else { return false };
    let other = if word.len() == option.len() { Joined::Never } else { Joined::Always };
    let logs_in = word == LOGIN_OPTION && other != Joined::Never;
    let (mut login, mut login_program) = (false, false);
    for program in programs(text, start) {
        let one_of = |list: &[&[u8]]| list.iter().any(|known| known.eq_ignore_ascii_case(program));
        if readings.iter().any(|(joined, list)| *joined != other && one_of(list)) {
            return true;
        }
        login |= logs_in && one_of(&[LOGIN]);
        login_program |= logs_in && one_of(&LOGIN_PROGRAMS);
    }
    login && login_program
}

/// What the words of the command that an option at `start` is of may run: without their paths and the quotes around them.
fn programs(text: &[u8], start: usize) -> impl Iterator<Item = &[u8]> {
    let near = &text[start.saturating_sub(COMMAND_BYTES_MAX)..start];
    let from = memrchr3(b'|', b';', b'&', near).max(memrchr(b'\n', near)).map_or(0, |at| at + 1);
    let command = &near[from..];
    let mut begin = 0;
    std::iter::from_fn(move || loop {
        let rest = command.get(begin..)?;
        let len = rest.iter().position(|byte| ENDS_NAME[usize::from(*byte)]).unwrap_or(rest.len());
        begin += len + 1;
        let next = rest.get(len + usize::from(matches!(rest.get(len), Some(b'"' | b'\''))));
        // Most words are options, whose names no program has.
        if next.is_none_or(u8::is_ascii_whitespace) && !matches!(rest[..len], [] | [b'-', ..]) {
            return Some(without_exe(&rest[..len]));
        }
    })
}

fn without_exe(name: &[u8]) -> &[u8] {
    match name.split_last_chunk::<4>() {
        Some((stem, extension)) if extension.eq_ignore_ascii_case(b".exe") => stem,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(text: &str) -> bool {
        let start = text.rfind(" -").unwrap() + 1;
        takes_password(text.as_bytes(), start, text.len())
    }

    #[test]
    fn an_option_counts_behind_its_own_program() {
        for text in [
            "mysql -u bob -p",
            "sshpass -p ",
            "sshpass -p",
            "/usr/bin/redis-cli -h x -a ",
            "PsExec.exe \\\\h -u b -p ",
            "\"C:\\Program Files\\PsExec64.exe\" \\\\h -p ",
            "$(mysql -p",
            "docker login -u b -p ",
            "login with docker -p ",
            "curl -s -u bob:",
            "lftp -u bob,",
            "smbclient //h/s -U bob%",
            "plink.exe -pw ",
            "keytool -list -storepass ",
            "snmpwalk -v2c -c ",
        ] {
            assert!(takes(text), "{text}");
        }
        for text in [
            "mysql -u bob -p ",
            "mkdir -p ",
            "ssh -p ",
            "ssh login -p ",
            "docker login -p",
            "docker run -p ",
            "redis-cli -p ",
            "sshpass -e; ssh -p ",
            "cat x | grep mysql | cut -p",
            "my-mysql-x -p",
            "tar -C /var/lib/mysql/ -p",
            "ls -a ",
            "python -c ",
        ] {
            assert!(!takes(text), "{text}");
        }
    }
}
