//! Redacted lines on their way to whoever ships them. They stay counted here until it is decided what became of them;
//! a bell tells that there is something to take. Lives inside the buffer's state, behind the same gate.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use headrig_core::lines::Lines;

use crate::limits::OUTLET_BYTES_MAX;

/// Where redacted lines go besides the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shipping {
    /// Nowhere.
    No,
    /// Also to the outlet, which never delays the file: what it cannot hold drops its oldest lines.
    Beside,
    /// Only to the outlet: the writer waits for room.
    Only,
}

/// The sums of an outlet, in lines.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Passage {
    pub offered: u64,
    /// Accepted by whoever took them.
    pub passed: u64,
    /// Refused by whoever took them, or pushed out before.
    pub dropped: u64,
    pub waiting: u64,
}

/// Some lines in the outlet.
#[derive(Clone)]
pub(crate) struct Piece {
    pub lines: Lines,
    /// Of them, records of the service; a notice of ours is none.
    pub records: u64,
}

struct Bell {
    writer: Arc<UnixStream>,
    /// Kept open for whoever waits at its descriptor.
    _taker: UnixStream,
}

#[derive(Default)]
pub(crate) struct Outlet {
    waiting: VecDeque<Piece>,
    /// Taken and not decided, oldest first.
    taken: VecDeque<Piece>,
    bytes: usize,
    records: u64,
    passage: Passage,
    bell: Option<Bell>,
}

impl Outlet {
    /// There is room for a piece; a longer one than the outlet holds passes alone.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.bytes == 0 || self.bytes + bytes <= OUTLET_BYTES_MAX
    }

    /// Take a piece; gives the bell to ring, once nothing is held any more.
    pub fn put(&mut self, piece: Piece) -> Option<Arc<UnixStream>> {
        self.bytes += piece.lines.bytes().len();
        self.records += piece.records;
        self.passage.offered += piece.lines.count() as u64;
        self.waiting.push_back(piece);
        self.bell.as_ref().map(|bell| Arc::clone(&bell.writer))
    }

    /// Drop the oldest pieces that nobody has taken yet, until there is room.
    pub fn make_room(&mut self, bytes: usize) {
        while !self.has_room(bytes) {
            let Some(oldest) = self.waiting.pop_front() else { return };
            self.bytes -= oldest.lines.bytes().len();
            self.records -= oldest.records;
            self.passage.dropped += oldest.lines.count() as u64;
        }
    }

    /// Count a piece for which there is no room: everything in here has been taken and is not decided.
    pub fn refuse(&mut self, piece: &Piece) {
        self.passage.offered += piece.lines.count() as u64;
        self.passage.dropped += piece.lines.count() as u64;
    }

    /// Records that wait or are not decided.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The oldest piece, which stays counted until `settle`.
    pub fn take(&mut self) -> Option<Lines> {
        let piece = self.waiting.pop_front()?;
        let lines = piece.lines.clone();
        self.taken.push_back(piece);
        Some(lines)
    }

    /// The oldest piece that was taken is decided, and so many of its lines are lost; gives its records and those lost.
    pub fn settle(&mut self, lost: u64) -> (u64, u64) {
        let Some(Piece { lines, records }) = self.taken.pop_front() else { return (0, 0) };
        self.bytes -= lines.bytes().len();
        self.records -= records;
        let lost = lost.min(lines.count() as u64);
        self.passage.passed += lines.count() as u64 - lost;
        self.passage.dropped += lost;
        (records, if lost == lines.count() as u64 { records } else { lost.min(records) })
    }

    /// Drop everything; gives the records.
    pub fn clear(&mut self) -> u64 {
        self.passage.dropped = self.passage.offered - self.passage.passed;
        self.waiting.clear();
        self.taken.clear();
        self.bytes = 0;
        std::mem::take(&mut self.records)
    }

    pub fn passage(&self) -> Passage {
        let waiting = self.taken.iter().chain(&self.waiting).map(|piece| piece.lines.count() as u64).sum();
        Passage { waiting, ..self.passage }
    }

    /// A descriptor that becomes readable when there is something to take, until it is read empty. Who took something
    /// before and never decided it is gone: it waits again.
    pub fn open(&mut self) -> io::Result<RawFd> {
        let (writer, taker) = UnixStream::pair()?;
        writer.set_nonblocking(true)?;
        taker.set_nonblocking(true)?;
        self.taken.append(&mut self.waiting);
        self.waiting = std::mem::take(&mut self.taken);
        if !self.waiting.is_empty() {
            ring(&writer);
        }
        let descriptor = taker.as_raw_fd();
        self.bell = Some(Bell { writer: Arc::new(writer), _taker: taker });
        Ok(descriptor)
    }
}

/// A bell that cannot take another stroke has been heard of already.
pub(crate) fn ring(mut bell: &UnixStream) {
    let _ = bell.write(&[1]);
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn piece(bytes: usize) -> Piece {
        let mut line = vec![b'x'; bytes - 1];
        line.push(b'\n');
        Piece { lines: Lines::new(line, 1), records: 1 }
    }

    #[test]
    fn what_is_taken_stays_counted_until_it_is_decided() {
        let mut outlet = Outlet::default();
        for _ in 0..3 {
            outlet.put(piece(10));
        }
        assert!(outlet.take().is_some() && outlet.take().is_some());
        assert_eq!(outlet.records(), 3);
        assert_eq!((outlet.settle(0), outlet.settle(9)), ((1, 0), (1, 1)));
        assert_eq!(outlet.passage(), Passage { offered: 3, passed: 1, dropped: 1, waiting: 1 });
        assert_eq!(outlet.records(), 1);
        assert_eq!(outlet.settle(0), (0, 0));
    }

    #[test]
    fn some_lines_of_a_piece_may_be_lost() {
        let mut outlet = Outlet::default();
        outlet.put(Piece { lines: Lines::new(b"1\n2\n3\n".to_vec(), 3), records: 3 });
        assert!(outlet.take().is_some());
        assert_eq!(outlet.settle(1), (3, 1));
        assert_eq!(outlet.passage(), Passage { offered: 3, passed: 2, dropped: 1, waiting: 0 });
    }

    #[test]
    fn the_oldest_make_room_but_not_what_was_taken() {
        let mut outlet = Outlet::default();
        let half = OUTLET_BYTES_MAX / 2;
        outlet.put(piece(half));
        assert!(outlet.take().is_some());
        outlet.put(piece(half));
        assert!(!outlet.has_room(1));
        outlet.make_room(half);
        assert!(outlet.has_room(half));
        outlet.make_room(half + 1);
        assert_eq!(outlet.passage(), Passage { offered: 2, passed: 0, dropped: 1, waiting: 1 });
    }

    #[test]
    fn the_bell_rings_for_what_waits_and_for_what_comes() {
        let mut outlet = Outlet::default();
        outlet.put(piece(10));
        outlet.open().unwrap();
        ring(&outlet.put(piece(10)).unwrap());
        let mut taker = &outlet.bell.as_ref().unwrap()._taker;
        assert_eq!(taker.read(&mut [0; 64]).unwrap(), 2);
        assert!(taker.read(&mut [0; 64]).is_err());
    }

    #[test]
    fn what_nobody_decided_comes_again_in_order() {
        let mut outlet = Outlet::default();
        for bytes in [10, 20, 30] {
            outlet.put(piece(bytes));
        }
        outlet.open().unwrap();
        assert_eq!(outlet.take().map(|lines| lines.bytes().len()), Some(10));
        assert_eq!(outlet.take().map(|lines| lines.bytes().len()), Some(20));
        outlet.open().unwrap();
        let again: Vec<usize> = std::iter::from_fn(|| outlet.take()).map(|lines| lines.bytes().len()).collect();
        assert_eq!(again, [10, 20, 30]);
        assert_eq!(outlet.passage(), Passage { offered: 3, waiting: 3, ..Passage::default() });
    }
}
