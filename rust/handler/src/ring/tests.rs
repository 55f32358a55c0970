//! Rings whose owners died at each moment, as files: a ring that is only forgotten keeps what it held.

use std::thread;
use std::time::SystemTime;

use super::drain::drain;
use super::*;
use crate::limits::RING_UNFINISHED_MAX;
use crate::log_file::{Compression, LogFile, Rotation, Settings};
use crate::state::{BufferState, Turn};

fn directory(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("headrig-ring-{name}-{}", process::id()));
    fs::create_dir_all(&path).unwrap();
    path
}

/// Leave the ring as a dead process does: the file stays, its lock is gone.
fn die(ring: Ring) {
    drop(ring);
}

fn append(log: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new().append(true).open(log).unwrap();
    io::Write::write_all(&mut file, bytes).unwrap();
}

/// What the log's name stands for now.
fn place(log: &Path) -> WrittenTo {
    WrittenTo::of(&fs::metadata(log).unwrap())
}

fn rings(directory: &Path) -> usize {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_str().unwrap().ends_with(".ring")).count()
}

#[test]
fn what_was_not_written_is_drained_once() {
    let directory = directory("drained");
    let log = directory.join("app.log");
    for written in 0..4 {
        let mut ring = Ring::create(&log).unwrap();
        for line in [b"{1}\n", b"{2}\n", b"{3}\n"] {
            ring.push(line);
        }
        for _ in 0..written {
            ring.begin_piece(4, WrittenTo::default());
            ring.end_piece(4);
        }
        die(ring);
        assert_eq!(drain(&log, 0o640).unwrap(), 3 - written);
        assert_eq!(drain(&log, 0o640).unwrap(), 0);
        assert_eq!(rings(&directory), 0);
    }
    assert_eq!(fs::read(&log).unwrap(), b"{1}\n{2}\n{3}\n{2}\n{3}\n{3}\n");
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_piece_that_was_cut_off_anywhere_is_there_once_and_whole() {
    let directory = directory("piece");
    let log = directory.join("app.log");
    let piece = b"{\"a\":1}\n{\"bb\":2}\n{\"ccc\":3}\n";
    for cut in 0..=piece.len() {
        fs::write(&log, b"{\"before\":1}\n").unwrap();
        let mut ring = Ring::create(&log).unwrap();
        ring.push(piece);
        ring.push(b"{\"after\":1}\n");
        ring.begin_piece(piece.len(), place(&log));
        append(&log, &piece[..cut]);
        die(ring);
        drain(&log, 0o640).unwrap();
        let expected = [&b"{\"before\":1}\n"[..], piece, b"{\"after\":1}\n"].concat();
        assert_eq!(fs::read(&log).unwrap(), expected, "cut off after {cut}");
    }
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_drain_that_was_cut_off_anywhere_is_gone_on_with() {
    let directory = directory("cut-drain");
    let log = directory.join("app.log");
    let lines = b"{\"a\":1}\n{\"bb\":2}\n{\"ccc\":3}\n{\"dddd\":4}\n";
    let kept = directory.join("kept");
    for first in [0, 8, 17] {
        for cut in first..=lines.len() {
            fs::write(&log, b"{\"before\":1}\n").unwrap();
            let mut ring = Ring::create(&log).unwrap();
            ring.push(lines);
            ring.begin_piece(17, place(&log));
            append(&log, &lines[..first]);
            let path = ring.path.clone();
            // A second name keeps the ring as it was when the drain removed it.
            fs::hard_link(&path, &kept).unwrap();
            die(ring);
            drain(&log, 0o640).unwrap();
            fs::rename(&kept, &path).unwrap();
            // What a drain leaves that is killed, or whose disk is full, while others go on writing.
            let file = OpenOptions::new().write(true).open(&log).unwrap();
            file.set_len(13 + cut as u64).unwrap();
            let whole = cut == lines.len() || lines[..cut].ends_with(b"\n");
            if whole {
                append(&log, b"{\"other\":1}\n");
            }
            drain(&log, 0o640).unwrap();
            let done = if whole { cut } else { lines.len() };
            let other = if whole { &b"{\"other\":1}\n"[..] } else { b"" };
            let expected = [b"{\"before\":1}\n", &lines[..done], other, &lines[done..]].concat();
            assert_eq!(fs::read(&log).unwrap(), expected, "begun at {first}, cut off after {cut}");
            assert_eq!(rings(&directory), 0);
        }
    }
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_drain_takes_turns_with_those_who_write() {
    let directory = directory("turns");
    let log = directory.join("app.log");
    for round in 0..20 {
        fs::write(&log, b"{0}\n{\"unfin").unwrap();
        let writer = OpenOptions::new().append(true).open(&log).unwrap();
        writer.lock_shared().unwrap();
        let mut ring = Ring::create(&log).unwrap();
        ring.push(b"{1}\n");
        die(ring);
        let draining = {
            let log = log.clone();
            thread::spawn(move || drain(&log, 0o640).unwrap())
        };
        // In each round the drain is further when the line ends; the last ones find it waiting.
        for _ in 0..200 * round {
            thread::yield_now();
        }
        io::Write::write_all(&mut &writer, b"ished\"}\n").unwrap();
        writer.unlock().unwrap();
        assert_eq!(draining.join().unwrap(), 1);
        assert_eq!(fs::read(&log).unwrap(), b"{0}\n{\"unfinished\"}\n{1}\n");
    }
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_piece_that_went_to_a_file_renamed_since_is_found_there() {
    let directory = directory("renamed");
    let log = directory.join("app.log");
    fs::write(&log, b"{0}\n").unwrap();
    let mut ring = Ring::create(&log).unwrap();
    ring.push(b"{1}\n");
    ring.begin_piece(4, place(&log));
    fs::write(&log, b"{0}\n{1}\n").unwrap();
    fs::rename(&log, directory.join("app.log.1")).unwrap();
    die(ring);
    assert_eq!(drain(&log, 0o640).unwrap(), 0);
    assert!(!log.exists());
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_piece_whose_file_was_compressed_since_is_found_there() {
    let directory = directory("compressed");
    let log = directory.join("app.log");
    let piece = b"{1}\n{2}\n{3}\n";
    for compression in [Compression::Gzip, Compression::Zstd] {
        for done in [0, 1, 2, 3] {
            fs::write(&log, b"{0}\n").unwrap();
            let mut ring = Ring::create(&log).unwrap();
            ring.push(piece);
            ring.begin_piece(piece.len(), place(&log));
            append(&log, &piece[..4 * done]);
            die(ring);
            let bytes_max = Some(1);
            let rotation = Rotation { bytes_max, compression: Some(compression), ..Rotation::default() };
            let settings = Settings { path: log.clone(), mode: 0o640, fsync: false, rotation: Some(rotation) };
            let mut other = LogFile::open(settings).unwrap();
            other.append(b"{9}\n", &mut 0, SystemTime::now()).unwrap();
            other.wait_until_tidy();
            assert_eq!(drain(&log, 0o640).unwrap(), 3 - done as u64, "{done}");
            assert_eq!(fs::read(&log).unwrap(), [b"{9}\n", &piece[4 * done..]].concat());
            fs::remove_file(&log).unwrap();
        }
    }
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn lines_go_around() {
    let directory = directory("around");
    let log = directory.join("app.log");
    let mut ring = Ring::create(&log).unwrap();
    let line = [vec![b'x'; RING_BYTES / 3], b"\n".to_vec()].concat();
    ring.push(b"first\n");
    for _ in 0..5 {
        ring.push(&line);
        ring.begin_piece(6, WrittenTo::default());
        ring.end_piece(6);
        ring.push(b"other\n");
        ring.begin_piece(line.len(), WrittenTo::default());
        ring.end_piece(line.len());
    }
    ring.push(&line);
    die(ring);
    assert_eq!(drain(&log, 0o640).unwrap(), 2);
    assert_eq!(fs::read(&log).unwrap(), [&b"other\n"[..], &line].concat());
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn living_foreign_and_truncated_rings_harm_nobody() {
    let directory = directory("foreign");
    let log = directory.join("app.log");
    let mut living = Ring::create(&log).unwrap();
    living.push(b"{1}\n");
    let foreign = directory.join(".app.log.1-1.ring");
    for content in [&b"x"[..], &[0xff; 5000], MAGIC] {
        fs::write(&foreign, content).unwrap();
        assert_eq!(drain(&log, 0o640).unwrap(), 0);
        assert_eq!(fs::read(&foreign).unwrap(), content);
    }
    for bytes in [RING_HEADER_BYTES + 6, RING_HEADER_BYTES + 4, RING_HEADER_BYTES, 200] {
        let mut ring = Ring::create(&log).unwrap();
        ring.push(b"{1}\n{2}\n");
        let path = ring.path.clone();
        die(ring);
        OpenOptions::new().write(true).open(&path).unwrap().set_len(bytes as u64).unwrap();
        assert_eq!(drain(&log, 0o640).unwrap(), u64::from(bytes >= RING_HEADER_BYTES + 4), "{bytes}");
        assert!(!path.exists());
    }
    assert_eq!(fs::read(&log).unwrap(), b"{1}\n{1}\n");
    living.remove();
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_living_ring_stays_when_its_own_process_closes_the_same_file() {
    let directory = directory("backup");
    let log = directory.join("app.log");
    let mut living = Ring::create(&log).unwrap();
    living.push(b"{1}\n");
    drop(File::open(&living.path).unwrap());
    drop(OpenOptions::new().write(true).open(&living.path).unwrap());
    assert_eq!(drain(&log, 0o640).unwrap(), 0);
    assert_eq!(rings(&directory), 1);
    die(living);
    assert_eq!(drain(&log, 0o640).unwrap(), 1);
    assert_eq!((fs::read(&log).unwrap(), rings(&directory)), (b"{1}\n".to_vec(), 0));
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_ring_that_was_never_finished_goes_and_others_are_drained_beside_one_that_cannot_be() {
    let directory = directory("unfinished");
    let log = directory.join("app.log");
    let path = |number: u32| directory.join(format!(".app.log.{number}-1.ring"));
    fs::write(path(1), b"").unwrap();
    let young = File::create(path(2)).unwrap();
    young.set_len((RING_HEADER_BYTES + RING_BYTES) as u64).unwrap();
    young.write_all_at(&(RING_BYTES as u64).to_le_bytes(), Word::Capacity as u64 * 8).unwrap();
    fs::write(path(3), b"").unwrap();
    let long_ago = SystemTime::now() - 2 * RING_UNFINISHED_MAX;
    File::options().write(true).open(path(3)).unwrap().set_modified(long_ago).unwrap();
    let mut ring = Ring::create(&log).unwrap();
    ring.push(b"{1}\n");
    die(ring);
    // Without a log that can be written every ring stays, and all are tried.
    fs::create_dir(&log).unwrap();
    assert!(drain(&log, 0o640).is_err());
    assert_eq!(rings(&directory), 2);
    fs::remove_dir(&log).unwrap();
    assert_eq!(drain(&log, 0o640).unwrap(), 1);
    assert!(path(1).exists() && !path(2).exists() && !path(3).exists());
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_log_has_the_same_rings_by_all_its_names() {
    let directory = directory("links");
    fs::create_dir_all(directory.join("real")).unwrap();
    let log = directory.join("real/app.log");
    fs::write(&log, b"").unwrap();
    std::os::unix::fs::symlink("real/app.log", directory.join("link.log")).unwrap();
    std::os::unix::fs::symlink("real", directory.join("current")).unwrap();
    for (named, drained) in
        [("link.log", "real/app.log"), ("real/app.log", "link.log"), ("current/app.log", "link.log")]
    {
        let mut ring = Ring::create(&directory.join(named)).unwrap();
        ring.push(b"{1}\n");
        die(ring);
        assert_eq!(drain(&directory.join(drained), 0o640).unwrap(), 1, "{named}");
    }
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_ring_whose_place_is_gone_is_made_anew_with_all_it_holds() {
    let directory = directory("moved");
    let (real, link) = (directory.join("real"), directory.join("current"));
    let log = link.join("app.log");
    let moves: [&dyn Fn(&Place); 4] = [
        &|place| fs::remove_file(&place.path).unwrap(),
        &|_| fs::rename(&real, directory.join("old")).unwrap(),
        &|place| fs::rename(&place.path, directory.join("elsewhere.ring")).unwrap(),
        &|_| fs::remove_file(&link).unwrap(),
    ];
    for (number, moved) in moves.into_iter().enumerate() {
        fs::create_dir_all(&real).unwrap();
        std::os::unix::fs::symlink("real", &link).unwrap();
        fs::write(&log, b"").unwrap();
        let mut state = BufferState::default();
        state.begin_ring(Ring::create(&log).unwrap());
        for line in [b"{1}\n", b"{2}\n", b"{3}\n"] {
            state.push(line, 20, 100);
        }
        assert!(matches!(state.take(&mut Vec::new(), 100), Turn::Write(_)));
        state.give_back(4, 1);
        let place = state.ring.as_ref().unwrap().place();
        assert!(place.is_beside(&log), "{number}");
        moved(&place);
        assert!(!place.is_beside(&log), "{number}");
        fs::create_dir_all(directory.join("other")).unwrap();
        fs::create_dir_all(&real).unwrap();
        if !link.exists() {
            std::os::unix::fs::symlink("other", &link).unwrap();
        }
        fs::write(&log, b"").unwrap();
        state.move_ring(Ring::create(&log).unwrap()).unwrap().remove();
        assert!(state.ring.as_ref().unwrap().place().is_beside(&log), "{number}");
        state.push(b"{4}\n", 20, 100);
        die(state.ring.take().unwrap());
        assert_eq!(drain(&log, 0o640).unwrap(), 3, "{number}");
        assert_eq!(fs::read(&log).unwrap(), b"{2}\n{3}\n{4}\n");
        let left = |path: &Path| path.exists() && rings(path) > 0;
        assert!(!["", "real", "old", "other"].iter().any(|path| left(&directory.join(path))), "{number}");
        fs::remove_dir_all(&directory).unwrap();
    }
}

#[test]
fn lines_that_came_before_their_ring_are_not_counted_out_of_it() {
    let directory = directory("late");
    let log = directory.join("app.log");
    let mut state = BufferState::default();
    state.push(b"{1}\n", 20, 100);
    assert!(matches!(state.take(&mut Vec::new(), 100), Turn::Write(_)));
    state.push(b"{2}\n", 20, 100);
    state.begin_ring(Ring::create(&log).unwrap());
    state.push(b"{3}\n", 20, 100);
    state.give_back(4, 1);
    die(state.ring.take().unwrap());
    assert_eq!(drain(&log, 0o640).unwrap(), 2);
    assert_eq!(fs::read(&log).unwrap(), b"{2}\n{3}\n");
    fs::remove_dir_all(directory).unwrap();
}
