//! Rotation of our own, and what becomes of rotated files.

use std::os::unix::fs::{symlink, PermissionsExt};

use super::super::compression::UNFINISHED;
use super::super::naming::{appended, hidden};
use super::super::tidying::tidy;
use super::*;

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
fn a_link_stays_and_the_file_it_names_is_rotated() {
    let place = Place::new();
    let link = place.0.join("link.log");
    fs::create_dir(place.0.join("logs")).unwrap();
    symlink("logs/app.log", &link).unwrap();
    let rotation = Rotation { compression: Some(Compression::Gzip), compress_delay: 1, keep: Some(2), ..by_size(4) };
    let settings = Settings { path: link.clone(), ..place.settings(Some(rotation)) };
    let mut log = LogFile::open(settings).unwrap();
    append(&mut log, b"one\ntwo\nthr\nfou\n", 0);
    log.wait_until_tidy();
    assert_eq!(fs::read_link(&link).unwrap(), Path::new("logs/app.log"));
    assert_eq!(contents(&place.log()), "two\nthr\nfou\n");
    let beside: Vec<_> = fs::read_dir(&place.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(beside.len(), 2, "{beside:?}");
    assert_eq!(log.changes(), []);
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
    fs::write(appended(&names[1], ".zst"), b"by other settings").unwrap();
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
