//! What dead processes left in their rings goes to the log. Rings are read, never mapped: nothing in them is believed.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use flate2::read::MultiGzDecoder;
use memchr::{memchr, memchr_iter, memmem, memrchr};

use super::{lock, naming, Word, MAGIC};
use crate::limits::{RING_BYTES, RING_HEADER_BYTES, RING_SEARCH_BYTES_MAX, RING_UNFINISHED_MAX};
use crate::log_file::{named_file, take_back_alone, LogFile, Settings, Witness, WrittenTo};

/// Write the lines of rings whose owners are dead to the log, and remove those rings; gives how many lines that were.
///
/// # Errors
/// The first one: the log cannot be written, or a ring not be read or removed. What is left of that ring stays, and the others
/// are drained all the same.
pub fn drain(log: &Path, mode: u32) -> io::Result<u64> {
    let Some((directory, prefix)) = naming(log) else { return Ok(0) };
    let Ok(entries) = fs::read_dir(&directory) else { return Ok(0) };
    let mut paths: Vec<_> = entries
        .filter_map(|entry| entry.ok())
        .filter(|entry| {
            let name = entry.file_name();
            name.to_str().is_some_and(|name| name.starts_with(&prefix) && name.ends_with(".ring"))
        })
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    let (mut lines, mut failed) = (0, None);
    for path in paths {
        match drain_one(&path, log, mode) {
            Ok(more) => lines += more,
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.map_or(Ok(lines), Err)
}

fn drain_one(path: &Path, log: &Path, mode: u32) -> io::Result<u64> {
    // Where there is nothing yet, its owner is about to lock it, or has died before.
    let Ok(about) = fs::symlink_metadata(path) else { return Ok(0) };
    let old = about.modified().is_ok_and(|at| at.elapsed().is_ok_and(|age| age > RING_UNFINISHED_MAX));
    if !about.is_file() || about.len() == 0 && !old {
        return Ok(0);
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC);
    let ring = match options.open(path) {
        Ok(ring) => ring,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    // Its owner lives, or somebody else drains it.
    if lock(&ring).is_err() || ring.metadata()?.nlink() == 0 {
        return Ok(0);
    }
    empty_into(&ring, path, log, mode)
}

/// Write what a ring holds to the log, and remove it; how many lines that were.
fn empty_into(ring: &File, path: &Path, log: &Path, mode: u32) -> io::Result<u64> {
    let Some(held) = read(ring) else {
        if never_finished(ring)? {
            fs::remove_file(path)?;
        }
        return Ok(0);
    };
    let written = held.written(log, ring.metadata()?.modified()?);
    let rest = whole(&held.lines[written..]);
    if !rest.is_empty() {
        let settings = Settings { path: log.to_path_buf(), mode, fsync: false, rotation: None };
        let mut noting = Noting { ring, held: &held, written };
        LogFile::unopened(settings).append_before(&mut noting, &rest, &mut 0, SystemTime::now())?;
    }
    fs::remove_file(path)?;
    Ok(memchr_iter(b'\n', &rest).count() as u64)
}

/// Its owner died before it was a ring: of the size of one, or of none, and nothing but its capacity is in it.
fn never_finished(ring: &File) -> io::Result<bool> {
    let mut header = [0; 128];
    fill(ring, &mut header, 0)?;
    let bytes = ring.metadata()?.len();
    let capacity = Word::Capacity as usize * 8;
    header[capacity..capacity + 8].fill(0);
    Ok(header == [0; 128] && (bytes == 0 || bytes == (RING_HEADER_BYTES + RING_BYTES) as u64))
}

/// The content of a ring.
struct Held {
    lines: Vec<u8>,
    tail: u64,
    /// So many bytes of it may be in the log, or some of them.
    piece: usize,
    log: WrittenTo,
}

/// None: no ring of ours, or one that was never finished.
fn read(ring: &File) -> Option<Held> {
    let mut header = [0; 128];
    ring.read_exact_at(&mut header, 0).ok()?;
    let word = |word: Word| {
        let at = word as usize * 8;
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&header[at..at + 8]);
        u64::from_ne_bytes(bytes)
    };
    if header[..16] != MAGIC[..] || word(Word::Capacity) != RING_BYTES as u64 {
        return None;
    }
    let (head, tail) = (word(Word::Head), word(Word::Tail));
    let count = head.checked_sub(tail).filter(|count| *count <= RING_BYTES as u64).unwrap_or(0) as usize;
    let at = (tail % RING_BYTES as u64) as usize;
    let mut lines = vec![0; count];
    let (first, second) = lines.split_at_mut(count.min(RING_BYTES - at));
    // What a truncated file lacks stays zero, and is no line.
    let _ = fill(ring, first, (RING_HEADER_BYTES + at) as u64);
    let _ = fill(ring, second, RING_HEADER_BYTES as u64);
    let piece = word(Word::PieceEnd).saturating_sub(tail).min(count as u64) as usize;
    Some(Held {
        lines,
        tail,
        piece,
        log: WrittenTo { device: word(Word::LogDevice), inode: word(Word::LogInode), bytes: word(Word::LogBytes) },
    })
}

fn fill(file: &File, mut into: &mut [u8], mut at: u64) -> io::Result<()> {
    while !into.is_empty() {
        let count = file.read_at(into, at)?;
        if count == 0 {
            break;
        }
        into = &mut into[count..];
        at += count as u64;
    }
    Ok(())
}

impl Held {
    /// Bytes that the log has, in whole lines. The beginning of a line that it has is taken back.
    fn written(&self, log: &Path, ring_modified: SystemTime) -> usize {
        let piece = &self.lines[..self.piece];
        if piece.is_empty() {
            return 0;
        }
        let (same, compressed) = candidates(log, self.log, ring_modified);
        if let Some(path) = same {
            return written_plain(piece, &path, self.log.bytes);
        }
        compressed.iter().map(|path| written_compressed(piece, path, self.log.bytes)).max().unwrap_or(0)
    }

    /// Note in the ring that the rest goes to a file: if that is cut off as well, whoever comes next looks for it there.
    fn begin_rest(&self, ring: &File, written: usize, file: WrittenTo) -> io::Result<()> {
        let (begin, end) = (self.tail + written as u64, self.tail + self.lines.len() as u64);
        let WrittenTo { device, inode, bytes } = file;
        let words = [(Word::Tail, begin), (Word::LogDevice, device), (Word::LogInode, inode), (Word::LogBytes, bytes)];
        let mut bytes = Vec::new();
        for (place, (word, value)) in words.into_iter().chain([(Word::PieceEnd, end)]).enumerate() {
            debug_assert_eq!(word as usize, Word::Tail as usize + place);
            bytes.extend_from_slice(&value.to_ne_bytes());
        }
        // In one write, which a kill does not cut.
        ring.write_all_at(&bytes, Word::Tail as u64 * 8)
    }
}

/// Notes in a ring where its rest goes.
struct Noting<'a> {
    ring: &'a File,
    held: &'a Held,
    written: usize,
}

impl Witness for Noting<'_> {
    fn begin(&mut self, file: WrittenTo, _: usize) -> io::Result<()> {
        self.held.begin_rest(self.ring, self.written, file)
    }

    fn end(&mut self, _: usize) {}
}

/// The file that was written to, whatever it is called now; and the compressed ones that it may have become since.
fn candidates(log: &Path, file: WrittenTo, ring_modified: SystemTime) -> (Option<PathBuf>, Vec<PathBuf>) {
    let (mut same, mut compressed) = (None, Vec::new());
    let Some((directory, _)) = naming(log) else { return (same, compressed) };
    let log = named_file(log);
    let name = log.file_name().unwrap_or_default().as_encoded_bytes();
    for entry in fs::read_dir(directory).into_iter().flatten().filter_map(|entry| entry.ok()) {
        let Ok(about) = entry.metadata() else { continue };
        if !about.is_file() || !entry.file_name().as_encoded_bytes().starts_with(name) {
            continue;
        }
        if (about.dev(), about.ino()) == (file.device, file.inode) {
            same = Some(entry.path());
        } else if about.modified().is_ok_and(|at| at >= ring_modified) {
            // Its time is that of its last line, and the ring was written before that.
            compressed.push(entry.path());
        }
    }
    (same, compressed)
}

/// How much of a piece, in whole lines, stands in a file behind an offset. A line whose beginning ends the file is taken
/// back.
fn written_plain(piece: &[u8], path: &Path, from: u64) -> usize {
    let Ok(mut file) = OpenOptions::new().read(true).write(true).open(path) else { return 0 };
    let Ok((whole, same)) = file.seek(SeekFrom::Start(from)).and_then(|_| found(piece, &file)) else { return 0 };
    if same > whole {
        take_back_alone(&file, &piece[..same]);
    }
    whole
}

/// The same, in a file that was compressed since; none in one that is not.
fn written_compressed(piece: &[u8], path: &Path, from: u64) -> usize {
    let open = || -> io::Result<Box<dyn Read>> {
        let file = File::open(path)?;
        Ok(match path.extension().map(OsStr::as_encoded_bytes) {
            Some(b"gz") => Box::new(MultiGzDecoder::new(file)),
            Some(b"zst") => Box::new(zstd::Decoder::new(file)?),
            _ => return Ok(Box::new(io::empty())),
        })
    };
    let behind = open().and_then(|mut text| {
        io::copy(&mut text.by_ref().take(from), &mut io::sink())?;
        found(piece, text)
    });
    behind.map_or(0, |(whole, _)| whole)
}

/// How much of a piece stands in a text: in whole lines, and with the beginning of one that the text ends with.
fn found(piece: &[u8], text: impl Read) -> io::Result<(usize, usize)> {
    let mut behind = Vec::new();
    text.take(RING_SEARCH_BYTES_MAX).read_to_end(&mut behind)?;
    let first = &piece[..memchr(b'\n', piece).map_or(piece.len(), |at| at + 1)];
    let at = match memmem::find(&behind, first) {
        Some(at) => at,
        // Not even one line: if the file ends with the beginning of one, it is that.
        None => memrchr(b'\n', &behind).map_or(0, |at| at + 1),
    };
    let same = piece.iter().zip(&behind[at..]).take_while(|(one, other)| one == other).count();
    let whole = memrchr(b'\n', &piece[..same]).map_or(0, |at| at + 1);
    Ok((whole, same))
}

/// The lines that are text. Others are what a loss of power or a truncation left.
fn whole(lines: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(lines.len());
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        let text = std::str::from_utf8(line).is_ok_and(|line| !line.contains('\0'));
        if line.ends_with(b"\n") && text {
            out.extend_from_slice(line);
        }
    }
    out
}
