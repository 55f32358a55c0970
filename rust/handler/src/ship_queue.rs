//! Redacted lines on their way to whoever ships them. They stay counted here until it is decided what became of them;
//! a wake-up descriptor becomes readable when there is something to take. Lives inside the buffer's state, behind the
//! same gate.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use headrig_core::io::lines::Lines;

use crate::limits::SHIP_QUEUE_BYTES_MAX;

/// Where redacted lines go besides the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shipping {
    /// Nowhere.
    No,
    /// To the ship queue as well, which never delays the file: what it cannot hold drops its oldest lines.
    Beside,
    /// To the ship queue alone: the writer waits for room.
    Only,
}

/// What passed through a ship queue, in lines: offered = delivered + dropped + waiting.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct ShipCounters {
    pub offered: u64,
    /// Lines that the reader accepted.
    pub delivered: u64,
    /// Lines that the reader refused, or that were pushed out before it took them.
    pub dropped: u64,
    pub waiting: u64,
}

/// Lines that wait in the ship queue together, and are decided together.
#[derive(Clone)]
pub(crate) struct Chunk {
    pub lines: Lines,
    /// Lines that are records of the service; headrig's own messages are not.
    pub records: u64,
}

/// A socket pair: one byte from the writer makes the other end readable.
struct Wakeup {
    writer: Arc<UnixStream>,
    /// Kept open for the thread that waits for its descriptor.
    _taker: UnixStream,
}

#[derive(Default)]
pub(crate) struct ShipQueue {
    waiting: VecDeque<Chunk>,
    /// Taken and not decided, oldest first.
    taken: VecDeque<Chunk>,
    bytes: usize,
    records: u64,
    counters: ShipCounters,
    wakeup: Option<Wakeup>,
}

impl ShipQueue {
    /// Whether there is room for a chunk. A chunk larger than the whole queue is taken alone.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.bytes == 0 || self.bytes + bytes <= SHIP_QUEUE_BYTES_MAX
    }

    /// Take a chunk; gives the wake-up socket to write to once the gate is left.
    pub fn put(&mut self, chunk: Chunk) -> Option<Arc<UnixStream>> {
        self.bytes += chunk.lines.bytes().len();
        self.records += chunk.records;
        self.counters.offered += chunk.lines.count() as u64;
        self.waiting.push_back(chunk);
        self.wakeup.as_ref().map(|wakeup| Arc::clone(&wakeup.writer))
    }

    /// Drop the oldest chunks that nobody has taken yet, until there is room.
    pub fn make_room(&mut self, bytes: usize) {
        while !self.has_room(bytes) {
            let Some(oldest) = self.waiting.pop_front() else { return };
            self.bytes -= oldest.lines.bytes().len();
            self.records -= oldest.records;
            self.counters.dropped += oldest.lines.count() as u64;
        }
    }

    /// Count a chunk for which there is no room, because all chunks here are taken and undecided.
    pub fn refuse(&mut self, chunk: &Chunk) {
        self.counters.offered += chunk.lines.count() as u64;
        self.counters.dropped += chunk.lines.count() as u64;
    }

    /// Records that wait or are not decided.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The oldest chunk, which stays counted until `settle`.
    pub fn take(&mut self) -> Option<Lines> {
        let chunk = self.waiting.pop_front()?;
        let lines = chunk.lines.clone();
        self.taken.push_back(chunk);
        Some(lines)
    }

    /// The oldest chunk that was taken is decided, and so many of its lines are lost; gives its records and those lost.
    pub fn settle(&mut self, lost: u64) -> (u64, u64) {
        let Some(Chunk { lines, records }) = self.taken.pop_front() else { return (0, 0) };
        self.bytes -= lines.bytes().len();
        self.records -= records;
        let lost = lost.min(lines.count() as u64);
        self.counters.delivered += lines.count() as u64 - lost;
        self.counters.dropped += lost;
        (records, if lost == lines.count() as u64 { records } else { lost.min(records) })
    }

    /// Drop everything; gives the records.
    pub fn clear(&mut self) -> u64 {
        self.counters.dropped = self.counters.offered - self.counters.delivered;
        self.waiting.clear();
        self.taken.clear();
        self.bytes = 0;
        std::mem::take(&mut self.records)
    }

    pub fn counters(&self) -> ShipCounters {
        let waiting = self.taken.iter().chain(&self.waiting).map(|chunk| chunk.lines.count() as u64).sum();
        ShipCounters { waiting, ..self.counters }
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
            wake(&writer);
        }
        let descriptor = taker.as_raw_fd();
        self.wakeup = Some(Wakeup { writer: Arc::new(writer), _taker: taker });
        Ok(descriptor)
    }
}

/// A socket that is full already wakes its reader: a failed write loses nothing.
pub(crate) fn wake(mut wakeup: &UnixStream) {
    let _ = wakeup.write(&[1]);
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn chunk(bytes: usize) -> Chunk {
        let mut line = vec![b'x'; bytes - 1];
        line.push(b'\n');
        Chunk { lines: Lines::new(line, 1), records: 1 }
    }

    #[test]
    fn what_is_taken_stays_counted_until_it_is_decided() {
        let mut ship_queue = ShipQueue::default();
        for _ in 0..3 {
            ship_queue.put(chunk(10));
        }
        assert!(ship_queue.take().is_some() && ship_queue.take().is_some());
        assert_eq!(ship_queue.records(), 3);
        assert_eq!((ship_queue.settle(0), ship_queue.settle(9)), ((1, 0), (1, 1)));
        assert_eq!(ship_queue.counters(), ShipCounters { offered: 3, delivered: 1, dropped: 1, waiting: 1 });
        assert_eq!(ship_queue.records(), 1);
        assert_eq!(ship_queue.settle(0), (0, 0));
    }

    #[test]
    fn some_lines_of_a_piece_may_be_lost() {
        let mut ship_queue = ShipQueue::default();
        ship_queue.put(Chunk { lines: Lines::new(b"1\n2\n3\n".to_vec(), 3), records: 3 });
        assert!(ship_queue.take().is_some());
        assert_eq!(ship_queue.settle(1), (3, 1));
        assert_eq!(ship_queue.counters(), ShipCounters { offered: 3, delivered: 2, dropped: 1, waiting: 0 });
    }

    #[test]
    fn the_oldest_make_room_but_not_what_was_taken() {
        let mut ship_queue = ShipQueue::default();
        let half = SHIP_QUEUE_BYTES_MAX / 2;
        ship_queue.put(chunk(half));
        assert!(ship_queue.take().is_some());
        ship_queue.put(chunk(half));
        assert!(!ship_queue.has_room(1));
        ship_queue.make_room(half);
        assert!(ship_queue.has_room(half));
        ship_queue.make_room(half + 1);
        assert_eq!(ship_queue.counters(), ShipCounters { offered: 2, delivered: 0, dropped: 1, waiting: 1 });
    }

    #[test]
    fn the_reader_wakes_for_what_waits_and_for_what_comes() {
        let mut ship_queue = ShipQueue::default();
        ship_queue.put(chunk(10));
        ship_queue.open().unwrap();
        wake(&ship_queue.put(chunk(10)).unwrap());
        let mut taker = &ship_queue.wakeup.as_ref().unwrap()._taker;
        assert_eq!(taker.read(&mut [0; 64]).unwrap(), 2);
        assert!(taker.read(&mut [0; 64]).is_err());
    }

    #[test]
    fn what_nobody_decided_comes_again_in_order() {
        let mut ship_queue = ShipQueue::default();
        for bytes in [10, 20, 30] {
            ship_queue.put(chunk(bytes));
        }
        ship_queue.open().unwrap();
        assert_eq!(ship_queue.take().map(|lines| lines.bytes().len()), Some(10));
        assert_eq!(ship_queue.take().map(|lines| lines.bytes().len()), Some(20));
        ship_queue.open().unwrap();
        let again: Vec<usize> = std::iter::from_fn(|| ship_queue.take()).map(|lines| lines.bytes().len()).collect();
        assert_eq!(again, [10, 20, 30]);
        assert_eq!(ship_queue.counters(), ShipCounters { offered: 3, waiting: 3, ..ShipCounters::default() });
    }
}
