//! Real files in a directory of their own; the clock is passed in.

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use rustix::process::{getrlimit, setrlimit, Resource, Rlimit};

use super::compression::UNFINISHED;
use super::rotation::{appended, hidden, rotated_files};
use super::tidying::tidy;
use super::*;

/// A directory that goes with the test, and `app.log` in it.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let root = env::temp_dir().join(format!("headrig-log-file-{}-{number}", process::id()));
        fs::create_dir_all(&root).unwrap();
        Self(root)
    }

    fn log(&self) -> PathBuf {
        self.0.join("logs/app.log")
    }

    fn settings(&self, rotation: Option<Rotation>) -> Settings {
        Settings { path: self.log(), mode: 0o640, fsync: false, rotation }
    }

    fn open(&self, rotation: Option<Rotation>) -> LogFile {
        LogFile::open(self.settings(rotation)).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_796_000_000 + seconds)
}

fn append(log: &mut LogFile, lines: &[u8], seconds: u64) {
    log.append(lines, &mut 0, at(seconds)).unwrap();
}

fn by_size(bytes_max: u64) -> Rotation {
    Rotation { bytes_max: Some(bytes_max), ..Rotation::default() }
}

fn plain_bytes(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let file = File::open(path).unwrap();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => flate2::read::MultiGzDecoder::new(file).read_to_end(&mut bytes).unwrap(),
        Some("zst") => zstd::Decoder::new(file).unwrap().read_to_end(&mut bytes).unwrap(),
        _ => (&file).read_to_end(&mut bytes).unwrap(),
    };
    bytes
}

/// What all files of a log hold, oldest first.
fn contents(path: &Path) -> String {
    let mut bytes = Vec::new();
    for file in rotated_files(path).unwrap().values() {
        assert_eq!(file.plain.iter().count() + file.compressed.len(), 1, "{file:?}");
        bytes.extend(file.plain.iter().chain(&file.compressed).flat_map(|path| plain_bytes(path)));
    }
    bytes.extend(fs::read(path).unwrap_or_default());
    String::from_utf8(bytes).unwrap()
}

/// Each of `n` lines of each writer, whole, once, and in the order of that writer.
fn assert_all(path: &Path, writers: &[&str], n: usize) {
    let text = contents(path);
    assert!(text.ends_with('\n'));
    assert_eq!(text.lines().count(), writers.len() * n);
    for writer in writers {
        let of_writer = text.lines().filter(|line| line.starts_with(writer));
        assert!(of_writer.eq((0..n).map(|number| numbered(writer, number).trim_end().to_owned())), "{writer}");
    }
}

fn numbered(writer: &str, number: usize) -> String {
    format!("{writer} {number} {}.\n", "x".repeat(number % 50))
}

/// Write `n` lines, several at a time.
fn write_numbered(log: &mut LogFile, writer: &str, n: usize) {
    let numbers: Vec<usize> = (0..n).collect();
    for some in numbers.chunks(3) {
        let lines: String = some.iter().map(|number| numbered(writer, *number)).collect();
        log.append(lines.as_bytes(), &mut 0, SystemTime::now()).unwrap();
    }
}

#[test]
fn a_renamed_file_is_left_within_a_second() {
    let place = Place::new();
    let mut log = place.open(None);
    append(&mut log, b"1\n", 0);
    fs::rename(place.log(), appended(&place.log(), ".1")).unwrap();
    append(&mut log, b"2\n", 0);
    append(&mut log, b"3\n", 1);
    assert_eq!(fs::read(appended(&place.log(), ".1")).unwrap(), b"1\n2\n");
    assert_eq!(fs::read(place.log()).unwrap(), b"3\n");
    assert_eq!(log.changes(), []);
}

#[test]
fn a_file_in_place_of_the_renamed_one_is_used() {
    let place = Place::new();
    let mut log = place.open(None);
    append(&mut log, b"1\n", 0);
    fs::rename(place.log(), appended(&place.log(), ".1")).unwrap();
    fs::write(place.log(), b"torn").unwrap();
    append(&mut log, b"2\n", 5);
    assert_eq!(fs::read(place.log()).unwrap(), b"torn\n2\n");
    assert_eq!(log.changes(), [Change::TornLineEnded]);
}

#[test]
fn a_clock_that_is_set_back_keeps_nobody_from_looking() {
    let place = Place::new();
    let mut log = place.open(None);
    append(&mut log, b"1\n", 100);
    fs::rename(place.log(), appended(&place.log(), ".1")).unwrap();
    append(&mut log, b"2\n", 3);
    assert_eq!(fs::read(place.log()).unwrap(), b"2\n");
}

#[test]
fn lines_after_copytruncate_begin_at_the_beginning() {
    let place = Place::new();
    let mut log = place.open(None);
    append(&mut log, b"first\n", 0);
    fs::copy(place.log(), appended(&place.log(), ".1")).unwrap();
    File::options().write(true).open(place.log()).unwrap().set_len(0).unwrap();
    append(&mut log, b"2\n", 0);
    assert_eq!(fs::read(place.log()).unwrap(), b"2\n");
}

#[test]
fn a_removed_file_or_directory_is_made_anew_at_once() {
    for rotation in [None, Some(by_size(1000))] {
        let place = Place::new();
        let mut log = place.open(rotation);
        append(&mut log, b"1\n", 0);
        fs::remove_file(place.log()).unwrap();
        append(&mut log, b"2\n", 0);
        assert_eq!(fs::read(place.log()).unwrap(), b"2\n");
        fs::remove_dir_all(place.log().parent().unwrap()).unwrap();
        append(&mut log, b"3\n", 0);
        assert_eq!(fs::read(place.log()).unwrap(), b"3\n");
        assert_eq!(log.changes(), []);
    }
}

#[test]
fn a_line_that_was_torn_is_ended_and_told_once() {
    let place = Place::new();
    drop(place.open(None));
    fs::write(place.log(), b"{}\n{\"to").unwrap();
    let mut log = place.open(None);
    append(&mut log, b"1\n", 0);
    assert_eq!(fs::read(place.log()).unwrap(), b"{}\n{\"to\n1\n");
    assert_eq!(log.changes(), [Change::TornLineEnded]);
    assert_eq!(log.changes(), []);
}

#[test]
fn a_full_device_is_told_once_and_so_is_its_end() {
    let place = Place::new();
    let link = place.0.join("link");
    std::os::unix::fs::symlink("/dev/full", &link).unwrap();
    let mut log =
        LogFile::open(Settings { path: link, mode: 0o640, fsync: false, rotation: Some(by_size(10)) }).unwrap();
    let mut written = 0;
    for _ in 0..3 {
        assert!(log.append(b"1\n", &mut written, at(0)).is_err());
    }
    assert_eq!(written, 0);
    let reason = "No space left on device".to_owned();
    let changes = log.changes();
    assert_eq!(changes, [Change::Failed { stage: Stage::Write, reason }]);
    assert_eq!(changes[0].to_string(), "cannot be written: No space left on device; lines wait until it can");
    log.settings.path = place.log();
    log.open = None;
    log.append(b"1\n", &mut written, at(9)).unwrap();
    assert_eq!(log.changes(), [Change::Recovered(Stage::Write)]);
    assert_eq!(fs::read(place.log()).unwrap(), b"1\n");
}

#[test]
fn where_nothing_can_be_opened_lines_go_on_into_the_file_that_has_a_name_and_wait_if_it_has_none() {
    for rotation in [None, Some(by_size(1000))] {
        let place = Place::new();
        let mut log = place.open(rotation);
        append(&mut log, b"1\n", 0);
        let (directory, moved) = (place.0.join("logs"), place.0.join("moved"));
        fs::rename(&directory, &moved).unwrap();
        // A file where the directory was: nobody, not even root, opens a path through it.
        fs::write(&directory, b"").unwrap();
        append(&mut log, b"2\n", 1);
        append(&mut log, b"3\n", 2);
        assert_eq!(fs::read(moved.join("app.log")).unwrap(), b"1\n2\n3\n");
        assert!(matches!(log.changes()[..], [Change::Failed { stage: Stage::Open, .. }]));
        fs::remove_file(moved.join("app.log")).unwrap();
        let mut written = 0;
        assert!(log.append(b"4\n", &mut written, at(3)).is_err());
        assert!(log.append(b"4\n", &mut written, at(3)).is_err());
        assert!(matches!(log.changes()[..], [Change::Failed { stage: Stage::Write, .. }]));
        fs::remove_file(&directory).unwrap();
        log.append(b"4\n", &mut written, at(3)).unwrap();
        assert_eq!(fs::read(place.log()).unwrap(), b"4\n");
        assert_eq!(log.changes(), [Change::Recovered(Stage::Open), Change::Recovered(Stage::Write)]);
    }
}

#[test]
fn a_line_whose_beginning_stays_in_the_old_file_is_whole_in_the_new_one() {
    let place = Place::new();
    let mut log = place.open(None);
    append(&mut log, b"one\ntw", 0);
    fs::rename(place.log(), appended(&place.log(), ".1")).unwrap();
    let mut written = 6;
    log.append(b"one\ntwo\nthree\n", &mut written, at(5)).unwrap();
    assert_eq!(written, 14);
    assert_eq!(fs::read(place.log()).unwrap(), b"two\nthree\n");
}

#[test]
fn no_file_exceeds_its_size_and_a_longer_line_has_its_own() {
    let place = Place::new();
    let mut log = place.open(Some(by_size(10)));
    append(&mut log, b"one\ntwo\nthree\nfour\nfive and more\nsix\n", 0);
    append(&mut log, b"7\n8\n9\n", 0);
    let files: Vec<Vec<u8>> = rotated_files(&place.log())
        .unwrap()
        .values()
        .map(|file| fs::read(file.plain.as_ref().unwrap()).unwrap())
        .collect();
    assert_eq!(files, [&b"one\ntwo\n"[..], b"three\n", b"four\n", b"five and more\n"].map(<[u8]>::to_vec));
    assert_eq!(fs::read(place.log()).unwrap(), b"six\n7\n8\n9\n");
    assert_eq!(log.changes(), []);
}

#[test]
fn a_file_has_lines_of_one_day() {
    let place = Place::new();
    let daily = Rotation { period_seconds: Some(86_400), ..Rotation::default() };
    let mut log = place.open(Some(daily));
    let midnight = SystemTime::UNIX_EPOCH + Duration::from_secs(20_000 * 86_400);
    let lines: [&[u8]; 4] = [b"1\n", b"2\n", b"3\n", b"4\n"];
    let times = [-10i64, -1, 0, 86_399].map(|seconds| midnight.checked_add_signed(seconds));
    for (line, time) in lines.iter().zip(times) {
        log.append(line, &mut 0, time).unwrap();
        File::open(place.log()).unwrap().set_modified(time).unwrap();
    }
    assert_eq!(fs::read(place.log()).unwrap(), b"3\n4\n");
    assert_eq!(contents(&place.log()), "1\n2\n3\n4\n");
    // Nobody wrote for two days, and another process starts: an empty file is no file of a day.
    log = place.open(log.settings.rotation.clone());
    log.append(b"5\n", &mut 0, midnight + Duration::from_secs(3 * 86_400)).unwrap();
    assert_eq!(fs::read(place.log()).unwrap(), b"5\n");
    assert_eq!(rotated_files(&place.log()).unwrap().len(), 2);
}

trait Signed {
    fn checked_add_signed(self, seconds: i64) -> SystemTime;
}

impl Signed for SystemTime {
    fn checked_add_signed(self, seconds: i64) -> SystemTime {
        let by = Duration::from_secs(seconds.unsigned_abs());
        if seconds < 0 {
            self - by
        } else {
            self + by
        }
    }
}

#[test]
fn a_thousand_rotations_lose_and_tear_nothing() {
    for (compression, lines) in [(None, 3000), (Some(Compression::Gzip), 600), (Some(Compression::Zstd), 600)] {
        let place = Place::new();
        let mut log = place.open(Some(Rotation { compression, ..by_size(100) }));
        write_numbered(&mut log, "a", lines);
        log.wait_until_tidy();
        assert!(rotated_files(&place.log()).unwrap().len() >= lines / 3);
        assert_all(&place.log(), &["a"], lines);
        let files = rotated_files(&place.log()).unwrap();
        assert!(files.values().all(|file| file.plain.is_none() == compression.is_some()));
        assert_eq!(log.changes(), []);
    }
}

#[test]
fn threads_with_a_log_file_each_lose_and_tear_nothing() {
    let place = Place::new();
    let rotation = Rotation { compression: Some(Compression::Gzip), ..by_size(2000) };
    let writers = ["a", "b", "c"];
    thread::scope(|scope| {
        for writer in writers {
            let (place, rotation) = (&place, rotation.clone());
            scope.spawn(move || {
                let mut log = place.open(Some(rotation));
                write_numbered(&mut log, writer, 2000);
                log.wait_until_tidy();
                assert_eq!(log.changes(), []);
            });
        }
    });
    // Fewer than by size alone: nobody waits for whoever rotates and has lost the processor meanwhile.
    assert!(rotated_files(&place.log()).unwrap().len() >= 5);
    assert_all(&place.log(), &writers, 2000);
}

/// What a child process does, told by the environment; nothing if run by itself.
#[test]
#[ignore = "run by other tests, as a process of its own"]
fn child() {
    let (Some(path), Ok(writer)) = (env::var_os("HEADRIG_TEST_PATH"), env::var("HEADRIG_TEST_WRITER")) else { return };
    let rotation = (writer != "limited" && !writer.starts_with("watched"))
        .then(|| Rotation { compression: Some(Compression::Zstd), ..by_size(2000) });
    let mut log = LogFile::open(Settings { path: path.into(), mode: 0o640, fsync: false, rotation }).unwrap();
    if writer == "limited" {
        return write_beyond_a_limit(&mut log);
    }
    write_numbered(&mut log, &writer, 2000);
    log.wait_until_tidy();
}

fn spawn_child(path: &Path, writer: &str, shell: &str) -> Child {
    let script = format!("{shell} exec \"$0\" \"$@\"");
    Command::new("sh")
        .args(["-c", &script])
        .arg(env::current_exe().unwrap())
        .args(["--exact", "log_file::tests::child", "--ignored", "--quiet"])
        .env("HEADRIG_TEST_PATH", path)
        .env("HEADRIG_TEST_WRITER", writer)
        .spawn()
        .unwrap()
}

#[test]
fn processes_with_a_log_file_each_lose_and_tear_nothing() {
    let place = Place::new();
    let writers = ["a", "b", "c"];
    let children = writers.map(|writer| spawn_child(&place.log(), writer, ""));
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    // Fewer than by size alone: nobody waits for whoever rotates and has lost the processor meanwhile.
    assert!(rotated_files(&place.log()).unwrap().len() >= 5);
    tidy(&place.settings(Some(by_size(2000)))).unwrap();
    assert_all(&place.log(), &writers, 2000);
}

#[test]
fn processes_whose_file_is_renamed_under_them_lose_and_tear_nothing() {
    let place = Place::new();
    let writers = ["watched-a", "watched-b"];
    let mut children = writers.map(|writer| spawn_child(&place.log(), writer, ""));
    let mut number = 0;
    while children.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
        if fs::rename(place.log(), appended(&place.log(), &format!(".20261130T000000-{number:04}"))).is_ok() {
            number += 1;
        }
        thread::yield_now();
    }
    assert!(children.iter_mut().all(|child| child.wait().unwrap().success()));
    let text = contents(&place.log());
    let lines: BTreeSet<&str> = text.lines().collect();
    let expected: Vec<String> =
        writers.iter().flat_map(|writer| (0..2000).map(move |number| numbered(writer, number))).collect();
    assert_eq!((text.lines().count(), lines.len()), (4000, 4000));
    assert!(expected.iter().all(|line| lines.contains(line.trim_end())));
}

/// A disk that is full in the middle of a line, then has space again: the process's limit of a file's size.
fn write_beyond_a_limit(log: &mut LogFile) {
    let lines: String = (0..500).map(|number| numbered("limited", number)).collect();
    let mut written = 0;
    for _ in 0..3 {
        let error = log.append(lines.as_bytes(), &mut written, SystemTime::now()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        let so_far = fs::read(&log.settings.path).unwrap();
        assert_eq!(so_far, lines.as_bytes()[..written]);
        assert!(so_far.ends_with(b"\n") && so_far.len() > 4000);
    }
    assert_eq!(log.changes().len(), 1);
    let limit = getrlimit(Resource::Fsize);
    setrlimit(Resource::Fsize, Rlimit { current: limit.maximum, ..limit }).unwrap();
    log.append(lines.as_bytes(), &mut written, SystemTime::now()).unwrap();
    assert_eq!(log.changes(), [Change::Recovered(Stage::Write)]);
}

#[test]
fn a_disk_that_is_full_within_a_line_holds_whole_lines_and_gets_the_rest_later() {
    let place = Place::new();
    let mut child = spawn_child(&place.log(), "limited", "trap '' XFSZ; ulimit -S -f 10;");
    assert!(child.wait().unwrap().success());
    assert_all(&place.log(), &["limited"], 500);
}

#[test]
fn as_many_files_and_bytes_are_kept_as_told() {
    let place = Place::new();
    let lines = |numbers: std::ops::Range<usize>| numbers.map(|number| format!("{number:09}\n")).collect::<String>();
    let mut log = place.open(Some(Rotation { keep: Some(3), ..by_size(20) }));
    append(&mut log, lines(0..20).as_bytes(), 0);
    log.wait_until_tidy();
    assert_eq!(contents(&place.log()), lines(12..20));
    drop(log);
    let settings = place.settings(Some(Rotation { total_bytes_max: Some(59), ..by_size(20) }));
    tidy(&settings).unwrap();
    assert_eq!(contents(&place.log()), lines(16..20));
}

#[test]
fn the_newest_rotated_files_stay_plain_as_told() {
    let place = Place::new();
    let rotation = Rotation { compression: Some(Compression::Gzip), compress_delay: 2, ..by_size(5) };
    let mut log = place.open(Some(rotation));
    append(&mut log, b"one\ntwo\nthr\nfou\nfiv\n", 0);
    log.wait_until_tidy();
    let plain: Vec<bool> = rotated_files(&place.log()).unwrap().values().map(|file| file.plain.is_some()).collect();
    assert_eq!(plain, [false, false, true, true]);
    assert_eq!(contents(&place.log()), "one\ntwo\nthr\nfou\nfiv\n");
}

#[test]
fn what_a_crash_left_of_a_compression_is_made_whole_or_removed() {
    let place = Place::new();
    drop(place.open(None));
    let names =
        ["20261130T000000-0000", "20261130T000000-0001"].map(|name| appended(&place.log(), &format!(".{name}")));
    for name in &names {
        fs::write(name, b"whole\n").unwrap();
    }
    // Before the rename, after it, and of a file that is gone.
    fs::write(hidden(&names[0], UNFINISHED), b"hal").unwrap();
    let gone = hidden(&appended(&place.log(), ".20261129T000000-0000"), UNFINISHED);
    fs::write(&gone, b"hal").unwrap();
    fs::write(appended(&names[1], ".gz"), b"anything").unwrap();
    let foreign = ["other.log.20261130T000000-0000", "app.log.1", "app.log.20261130T000000-0000.bak", ".app.log.swp"]
        .map(|name| place.0.join("logs").join(name));
    for name in &foreign {
        fs::write(name, b"not ours\n").unwrap();
    }
    let mut log = place.open(Some(Rotation { compression: Some(Compression::Gzip), ..by_size(100) }));
    log.wait_until_tidy();
    append(&mut log, b"next\n", 0);
    assert_eq!(contents(&place.log()), "whole\nwhole\nnext\n");
    assert!(!gone.exists() && !hidden(&names[0], UNFINISHED).exists());
    assert!(foreign.iter().all(|name| fs::read(name).unwrap() == b"not ours\n"));
    assert_eq!(log.changes(), []);
}

#[test]
fn a_file_that_somebody_still_writes_to_is_not_touched() {
    let place = Place::new();
    let rotation = Rotation { compression: Some(Compression::Gzip), keep: Some(1), ..by_size(100) };
    let mut log = place.open(None);
    append(&mut log, b"1\n", 0);
    let names =
        ["20261130T000000-0000", "20261130T000000-0001"].map(|name| appended(&place.log(), &format!(".{name}")));
    fs::rename(place.log(), &names[0]).unwrap();
    fs::write(&names[1], b"2\n").unwrap();
    let writers = names.clone().map(|name| File::open(name).unwrap());
    writers.iter().for_each(|file| file.lock_shared().unwrap());
    tidy(&place.settings(Some(rotation.clone()))).unwrap();
    assert!(names.iter().all(|name| name.exists()));
    writers.iter().for_each(|file| file.unlock().unwrap());
    tidy(&place.settings(Some(rotation))).unwrap();
    assert_eq!(contents(&place.log()), "2\n");
    assert!(!names[1].exists());
}

#[test]
fn a_compressed_file_has_the_permissions_and_the_age_of_the_plain_one() {
    let place = Place::new();
    drop(place.open(None));
    let plain = appended(&place.log(), ".20261130T000000-0000");
    fs::write(&plain, b"1\n").unwrap();
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o600)).unwrap();
    File::open(&plain).unwrap().set_modified(at(0)).unwrap();
    tidy(&place.settings(Some(Rotation { compression: Some(Compression::Zstd), ..Rotation::default() }))).unwrap();
    let about = fs::metadata(appended(&plain, ".zst")).unwrap();
    assert_eq!((about.mode() & 0o777, about.modified().unwrap()), (0o600, at(0)));
}

#[test]
fn a_rotation_that_fails_or_is_anothers_holds_no_line() {
    let place = Place::new();
    let mut log = place.open(Some(by_size(3)));
    append(&mut log, b"1\n", 0);
    let lock = hidden(&place.log(), ".lock");
    fs::create_dir(&lock).unwrap();
    append(&mut log, b"2\n", 1);
    append(&mut log, b"3\n", 2);
    assert_eq!(fs::read(place.log()).unwrap(), b"1\n2\n3\n");
    assert!(matches!(log.changes()[..], [Change::Failed { stage: Stage::Rotate, .. }]));
    fs::remove_dir(&lock).unwrap();
    let busy = File::create(&lock).unwrap();
    busy.lock().unwrap();
    append(&mut log, b"4\n", 4);
    assert_eq!(fs::read(place.log()).unwrap(), b"1\n2\n3\n4\n");
    busy.unlock().unwrap();
    append(&mut log, b"5\n", 4);
    assert_eq!(fs::read(place.log()).unwrap(), b"5\n");
    assert_eq!(log.changes(), [Change::Recovered(Stage::Rotate)]);
}
