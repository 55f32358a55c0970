//! Several writers of one file: threads, processes, and whoever renames it under them; a process whose disk fills up.

use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::process::{getrlimit, setrlimit, Resource, Rlimit};

use super::super::naming::appended;
use super::super::tidying::tidy;
use super::*;

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
        .args(["--exact", "log_file::tests::concurrent::child", "--ignored", "--quiet"])
        .env("HEADRIG_TEST_PATH", path)
        .env("HEADRIG_TEST_WRITER", writer)
        // The tests' own output may be a file, which a limit of file sizes is for as well.
        .stdout(Stdio::null())
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

/// After each the writers wait for whoever renames to make the new file.
const RENAMES: usize = 100;

#[test]
fn processes_whose_file_is_renamed_under_them_lose_and_tear_nothing() {
    let place = Place::new();
    let writers = ["watched-a", "watched-b"];
    let mut children = writers.map(|writer| spawn_child(&place.log(), writer, ""));
    let mut number = 0;
    while children.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
        // Faster than any line is written nobody rotates: a writer would give up each time.
        let some = number < RENAMES && fs::metadata(place.log()).is_ok_and(|about| about.len() > 0);
        if some && fs::rename(place.log(), appended(&place.log(), &format!(".20261130T000000-{number:04}"))).is_ok() {
            number += 1;
        }
        thread::yield_now();
    }
    assert!(children.iter_mut().all(|child| child.wait().unwrap().success()));
    assert!(number > 0);
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
