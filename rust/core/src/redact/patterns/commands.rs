//! Options of programs that take a password, by their manuals: `mysql -pX`, `redis-cli -a X`. The same letter means something
//! else to most programs, so one counts only behind the name of its own, on the same side of `|`, `;` and `&`.

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

/// An option, how its value follows, and the programs whose it is.
type ProgramOption = (&'static [u8], Joined, &'static [&'static [u8]]);

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

const OPTIONS: [ProgramOption; 22] = [
    (b"-p", Joined::Always, MYSQL),
    (b"-p", Joined::Either, MONGO),
    (b"-p", Joined::Never, REMOTE),
    (b"-p", Joined::Never, &[LOGIN]),
    (b"-a", Joined::Never, &[b"redis-cli", b"valkey-cli", b"keydb-cli", b"http", b"https"]),
    (b"-w", Joined::Never, LDAP),
    (b"-P", Joined::Either, &[b"sqlcmd", b"bcp", b"ipmitool", b"mosquitto_pub", b"mosquitto_sub", b"zip", b"unzip"]),
    (b"-P", Joined::Never, &[b"ssh-keygen"]),
    (b"-N", Joined::Never, &[b"ssh-keygen"]),
    (b"-pw", Joined::Never, &[b"plink", b"pscp", b"psftp", b"putty"]),
    (b"-U", Joined::Never, &[b"smbclient", b"rpcclient", b"smbmap", b"net", b"winexe"]),
    (b"-u", Joined::Never, &[b"curl", b"http", b"https", b"wget", b"lftp"]),
    (b"-c", Joined::Never, SNMP),
    (b"-A", Joined::Never, SNMP),
    (b"-X", Joined::Never, SNMP),
    (b"-k", Joined::Never, &[b"openssl"]),
    (b"-storepass", Joined::Never, JAVA_KEYS),
    (b"-keypass", Joined::Never, JAVA_KEYS),
    (b"-srcstorepass", Joined::Never, JAVA_KEYS),
    (b"-srckeypass", Joined::Never, JAVA_KEYS),
    (b"-deststorepass", Joined::Never, JAVA_KEYS),
    (b"-destkeypass", Joined::Never, JAVA_KEYS),
];

/// A command of other programs, which alone says little.
const LOGIN: &[u8] = b"login";
const LOGIN_PROGRAMS: [&[u8]; 11] =
    [b"docker", b"podman", b"nerdctl", b"skopeo", b"buildah", b"crane", b"oras", b"az", b"oc", b"cf", b"helm"];

/// The option that begins at `start` takes a password, and its value begins at `value`.
pub fn takes_password(text: &[u8], start: usize, value: usize) -> bool {
    let option = &text[start..value];
    let word = option.split(|byte| *byte == b' ').next().unwrap_or_default();
    let joined = word.len() == option.len();
    OPTIONS.iter().any(|(known, how, programs)| {
        let fits = if joined { *how != Joined::Never } else { *how != Joined::Always };
        fits && *known == word && is_run(programs, text, start)
    })
}

/// The command that an option at `start` is of runs one of `programs`.
fn is_run(programs: &[&[u8]], text: &[u8], start: usize) -> bool {
    let near = &text[start.saturating_sub(COMMAND_BYTES_MAX)..start];
    let from = near.iter().rposition(|byte| b"|;&\n".contains(byte)).map_or(0, |at| at + 1);
    let command = &near[from..];
    let runs = |programs: &[&[u8]]| {
        let words = command.split(u8::is_ascii_whitespace).map(program);
        words.filter(|word| !word.is_empty()).any(|word| programs.iter().any(|known| known.eq_ignore_ascii_case(word)))
    };
    runs(programs) && (programs != [LOGIN] || runs(&LOGIN_PROGRAMS))
}

/// What a word of a command runs: without its path, the quotes around it, and `.exe`.
fn program(word: &[u8]) -> &[u8] {
    let word = word.trim_ascii_start();
    let word = word.strip_suffix(b"\"").or(word.strip_suffix(b"'")).unwrap_or(word);
    let name = &word[word.iter().rposition(|byte| b"/\\\"'([=`".contains(byte)).map_or(0, |at| at + 1)..];
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
