//! The buffer and its writer together: bounds, sums, what waits and what is written.

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use headrig_handler::buffer::{Buffer, Counts, Settings};
use headrig_handler::limits::{BUFFER_BYTES_MAX, RESERVED_BYTES};
use headrig_handler::log_file;
use headrig_handler::output::Output;
use headrig_handler::ship_queue::Shipping;

const LONG: Duration = Duration::from_secs(5);

fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("headrig-buffer-{name}-{}", std::process::id()))
}

fn log_file(path: &Path) -> Output {
    Output::log_file(log_file::Settings { path: path.to_owned(), mode: 0o640, fsync: false, rotation: None })
        .expect("a file")
}

fn buffer(output: Output) -> Arc<Buffer> {
    Buffer::new(Settings {
        output: Some(output),
        shipping: Shipping::No,
        ring_beside: None,
        text: false,
        spec: Vec::new(),
        entries_max: 100,
        wait: Duration::from_millis(5),
    })
}

#[test]
fn lines_of_many_threads_are_written_whole_redacted_and_once() {
    let path = path("threads");
    let buffer = buffer(log_file(&path));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let buffer = &buffer;
            scope.spawn(move || {
                for number in 0..500 {
                    let line = format!("{{\"n\":\"{thread}-{number}\",\"password\":\"correct horse\"}}\n");
                    buffer.push(line.as_bytes(), 20);
                }
            });
        }
    });
    assert!(buffer.flush(LONG));
    let written = fs::read_to_string(&path).unwrap();
    let mut lines: Vec<&str> = written.lines().collect();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), 2000);
    assert!(lines.iter().all(|line| line.ends_with(r#","password":"[REDACTED:password]"}"#)));
    assert_eq!(buffer.counts(), Counts { received: 2000, written: 2000, ..Counts::default() });
    fs::remove_file(path).unwrap();
}

#[test]
fn after_closing_a_push_starts_the_writer_again() {
    let path = path("closed");
    let buffer = buffer(log_file(&path));
    for _ in 0..3 {
        buffer.push(b"{}\n", 20);
        assert!(buffer.flush(LONG));
        buffer.close();
    }
    buffer.push(b"{}\n", 40);
    assert!(buffer.flush(LONG));
    assert_eq!(fs::read(&path).unwrap(), b"{}\n{}\n{}\n{}\n");
    fs::remove_file(path).unwrap();
}

#[test]
fn the_last_quarter_is_for_warnings_and_what_does_not_fit_is_counted() {
    // Nobody reads the other end: the writer stands still once it is full.
    let (_reader, writer) = io::pipe().unwrap();
    let buffer = buffer(log_file(Path::new(&format!("/proc/self/fd/{}", writer.as_raw_fd()))));
    let line = format!("\"{}\"\n", "x".repeat(1 << 20));
    for _ in 0..20 {
        buffer.push(line.as_bytes(), 20);
    }
    let info = buffer.counts();
    for _ in 0..20 {
        buffer.push(line.as_bytes(), 30);
    }
    let all = buffer.counts();
    let fit = |bytes: usize| (bytes / line.len()) as u64;
    assert_eq!(info.received - info.dropped_full, fit(BUFFER_BYTES_MAX - RESERVED_BYTES));
    assert_eq!(all.received - all.dropped_full, fit(BUFFER_BYTES_MAX));
    assert_eq!(all.received, all.written + all.dropped() + all.waiting);
    assert!(!buffer.flush(Duration::from_millis(10)));
}

fn shipping(shipping: Shipping) -> Arc<Buffer> {
    let settings = Settings {
        output: None,
        shipping,
        ring_beside: None,
        text: false,
        spec: Vec::new(),
        entries_max: 1,
        wait: Duration::from_millis(5),
    };
    Buffer::new(settings)
}

fn taken(buffer: &Buffer) -> headrig_core::io::lines::Lines {
    loop {
        if let Some(lines) = buffer.take() {
            return lines;
        }
        std::thread::yield_now();
    }
}

#[test]
fn what_is_only_shipped_waits_until_it_is_acknowledged() {
    let buffer = shipping(Shipping::Only);
    for number in 0..3 {
        buffer.push(format!("{{\"n\":{number},\"password\":\"correct horse\"}}\n").as_bytes(), 40);
    }
    let mut lines = 0;
    while lines < 3 {
        let chunk = taken(&buffer);
        assert!(!chunk.bytes().windows(7).any(|window| window == b"correct"));
        lines += chunk.count();
        assert!(!buffer.flush(Duration::from_millis(1)));
        buffer.settle(u64::from(lines == 3));
    }
    assert!(buffer.flush(LONG));
    let counts = buffer.counts();
    assert_eq!((counts.received, counts.waiting), (3, 0));
    assert_eq!(counts.written + counts.dropped_internal, 3);
    assert!(counts.dropped_internal > 0);
}

#[test]
fn who_gives_up_shipping_lets_the_writer_go_on_and_counts_what_is_lost() {
    let buffer = shipping(Shipping::Only);
    let line = format!("\"{}\"\n", "x".repeat(1 << 20));
    for _ in 0..6 {
        buffer.push(line.as_bytes(), 40);
    }
    assert!(!buffer.flush(Duration::from_millis(10)));
    buffer.abandon();
    assert!(buffer.flush(LONG));
    let expected = Counts { received: 6, dropped_internal: 6, ..Counts::default() };
    assert_eq!(buffer.counts(), expected);
}
