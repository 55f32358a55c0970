//! What the path names is renamed, removed, truncated, full or out of reach.

use std::io::Write;
use std::os::unix::fs::symlink;
use std::sync::atomic::AtomicBool;
use std::sync::Barrier;

use super::super::naming::appended;
use super::*;

#[test]
fn a_renamed_file_is_left_at_once() {
    let place = Place::new();
    let mut log = place.open(None);
    append(&mut log, b"1\n", 0);
    fs::rename(place.log(), appended(&place.log(), ".1")).unwrap();
    append(&mut log, b"2\n", 0);
    append(&mut log, b"3\n", 0);
    assert_eq!(fs::read(appended(&place.log(), ".1")).unwrap(), b"1\n");
    assert_eq!(fs::read(place.log()).unwrap(), b"2\n3\n");
    assert_eq!(log.changes(), []);
}

#[test]
fn a_file_in_place_of_the_renamed_one_is_used_at_once() {
    let place = Place::new();
    let mut log = place.open(None);
    append(&mut log, b"1\n", 0);
    fs::rename(place.log(), appended(&place.log(), ".1")).unwrap();
    fs::write(place.log(), b"torn").unwrap();
    append(&mut log, b"2\n", 0);
    assert_eq!(fs::read(place.log()).unwrap(), b"torn\n2\n");
    assert_eq!(log.changes(), [Change::TornLineEnded]);
}

#[test]
fn whoever_renames_a_file_and_makes_a_new_one_finds_none_in_its_place() {
    let place = Place::new();
    let mut log = place.open(None);
    let stop = &AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(move || {
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                append(&mut log, numbered("a", number).as_bytes(), 0);
                number += 1;
            }
            number
        });
        for number in 0..300 {
            let name = appended(&place.log(), &format!(".20261130T000000-{number:04}"));
            fs::rename(place.log(), name).unwrap();
            let new = File::options().write(true).create_new(true).open(place.log());
            assert!(new.is_ok(), "{number}");
            while new.as_ref().unwrap().metadata().unwrap().len() == 0 {
                thread::yield_now();
            }
        }
        stop.store(true, Ordering::Relaxed);
        assert_all(&place.log(), &["a"], writer.join().unwrap());
    });
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

/// Another process that is within a write: it has the lock, shared.
fn other(place: &Place, torn: &[u8]) -> File {
    let mut other = File::options().append(true).open(place.log()).unwrap();
    other.lock_shared().unwrap();
    other.write_all(torn).unwrap();
    other
}

#[test]
fn a_line_that_another_process_died_within_is_ended_also_while_the_file_is_open() {
    for rotation in [None, Some(by_size(1000))] {
        let place = Place::new();
        let mut log = place.open(rotation);
        append(&mut log, b"1\n", 0);
        drop(other(&place, b"{\"to"));
        append(&mut log, b"2\n", 0);
        append(&mut log, b"3\n", 0);
        assert_eq!(fs::read(place.log()).unwrap(), b"1\n{\"to\n2\n3\n");
        assert_eq!(log.changes(), [Change::TornLineEnded]);
    }
}

#[test]
fn a_line_that_another_process_is_still_writing_is_waited_for() {
    let place = Place::new();
    let mut log = place.open(None);
    let mut other = other(&place, b"{\"n\"");
    let begun = Barrier::new(2);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            begun.wait();
            log.append(b"2\n", &mut 0, at(0))
        });
        begun.wait();
        thread::yield_now();
        other.write_all(b":1}\n").unwrap();
        other.unlock().unwrap();
        writer.join().unwrap().unwrap();
    });
    assert_eq!(fs::read(place.log()).unwrap(), b"{\"n\":1}\n2\n");
    assert_eq!(log.changes(), []);
}

#[test]
fn a_process_that_was_stopped_within_a_line_holds_nobody() {
    let place = Place::new();
    let mut log = place.open(None);
    let mut other = other(&place, b"{\"n\"");
    append(&mut log, b"2\n", 0);
    append(&mut log, b"3\n", 0);
    other.write_all(b":1}\n").unwrap();
    assert_eq!(fs::read(place.log()).unwrap(), b"{\"n\"\n2\n3\n:1}\n");
    drop(other);
    let alone = File::open(place.log()).unwrap();
    alone.lock().unwrap();
    append(&mut log, b"4\n", 0);
    assert!(fs::read(place.log()).unwrap().ends_with(b"4\n"));
    assert_eq!(log.changes(), [Change::TornLineEnded]);
}

#[test]
fn a_link_is_followed_to_whatever_file_it_names_now() {
    for rotation in [None, Some(by_size(1000))] {
        let place = Place::new();
        let (link, one, two) = (place.0.join("link"), place.0.join("one"), place.0.join("two"));
        symlink(&one, &link).unwrap();
        let mut log = LogFile::open(Settings { path: link.clone(), ..place.settings(rotation) }).unwrap();
        append(&mut log, b"1\n", 0);
        // The file is made anew where the link names it, the link leads elsewhere, and it is gone.
        fs::rename(&one, place.0.join("one.1")).unwrap();
        append(&mut log, b"2\n", 0);
        assert_eq!(fs::read(&one).unwrap(), b"2\n");
        symlink(&two, place.0.join("new")).unwrap();
        fs::rename(place.0.join("new"), &link).unwrap();
        append(&mut log, b"3\n", 0);
        assert_eq!((fs::read(&one).unwrap(), fs::read(&two).unwrap()), (b"2\n".to_vec(), b"3\n".to_vec()));
        fs::remove_file(&link).unwrap();
        append(&mut log, b"4\n", 0);
        assert_eq!(fs::read(&link).unwrap(), b"4\n");
        assert!(!fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(log.changes(), []);
    }
}

#[test]
fn a_full_device_is_told_once_and_so_is_its_end() {
    let place = Place::new();
    let link = place.0.join("link");
    symlink("/dev/full", &link).unwrap();
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
