//! A file's text, block by block: decompressed, and as UTF-8.

use std::fmt;
use std::io::{self, BufReader, Chain, Cursor, ErrorKind, Read};

use flate2::bufread::MultiGzDecoder;

use crate::form::{compression, encoding, Compression, Encoding, Form, Unsupported, HEAD_BYTES};
use crate::utf::decode;

/// Compressed bytes read at a time.
const COMPRESSED_BYTES: usize = 64 * 1024;
/// Largest window of a Zstandard frame, as a power of two: 128 MiB, what `zstd -d` takes unless told otherwise.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;
const LARGE_WINDOW: Unsupported =
    Unsupported { name: "zstd with a window of more than 128 MiB", command: "zstd -dc --long=31" };
/// Bytes of text that one byte of another encoding takes at most, rounded up: two of UTF-16 take three.
const GROWTH: usize = 2;
/// Bytes of UTF-16 or UTF-32 read at a time.
const UNITS_BYTES: usize = 64 * 1024;
/// Shortest room that a read is given, in bytes: some characters.
pub const READ_BYTES_MIN: usize = 64;

/// Why a file cannot be read to its end.
#[derive(Debug)]
pub enum ReadError {
    Io(io::Error),
    Unsupported(Unsupported),
    /// Compressed data that ends too early.
    Truncated(&'static str),
    /// Compressed data that is none, from some place on, or text that has no character there.
    Damaged(&'static str),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Unsupported(Unsupported { name, command }) => {
                write!(f, "is in the form of {name}, which is not read; give the output of {command}")
            }
            Self::Truncated(what) => write!(f, "its {what} data ends too early; what came before was read"),
            Self::Damaged(what) => write!(f, "its {what} data is damaged; what came before was read"),
        }
    }
}

impl std::error::Error for ReadError {}

/// Bytes that were looked at, and those after them.
type Begun<R> = Chain<Cursor<Vec<u8>>, R>;

enum Text<R: Read> {
    Plain(Begun<R>),
    Gzip(Box<MultiGzDecoder<BufReader<Begun<R>>>>),
    Zstd(Box<zstd::Decoder<'static, BufReader<Begun<R>>>>),
}

/// Reads one file.
///
/// # Example
///
/// ```
/// use headrig_query::reader::FileReader;
///
/// let mut reader = FileReader::open(&b"\xff\xfeh\0i\0"[..])?;
/// let mut room = [0; 64];
/// let bytes = reader.read(&mut room)?;
/// assert_eq!(&room[..bytes], "\u{feff}hi".as_bytes());
/// assert_eq!(reader.form().name(), "utf-16le");
/// # Ok::<(), headrig_query::reader::ReadError>(())
/// ```
pub struct FileReader<R: Read> {
    text: Begun<Text<R>>,
    form: Form,
    empty: bool,
    /// Bytes of the encoding that are no whole character yet.
    rest: Vec<u8>,
    units: Vec<u8>,
}

impl<R: Read> FileReader<R> {
    /// Read as much as tells what form the file has; of a pipe, wait for that.
    ///
    /// # Errors
    /// It cannot be read, or has a form in which no secret would be seen.
    pub fn open(file: R) -> Result<Self, ReadError> {
        let (compression, file) = begin(file, compression).map_err(ReadError::Io)?;
        let compression = compression.map_err(ReadError::Unsupported)?;
        let name = compression_name(compression);
        let text = match compression {
            Compression::None => Text::Plain(file),
            Compression::Gzip => {
                Text::Gzip(Box::new(MultiGzDecoder::new(BufReader::with_capacity(COMPRESSED_BYTES, file))))
            }
            Compression::Zstd => {
                let file = BufReader::with_capacity(COMPRESSED_BYTES, file);
                let mut decoder = zstd::Decoder::with_buffer(file).map_err(ReadError::Io)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(ReadError::Io)?;
                Text::Zstd(Box::new(decoder))
            }
        };
        let (encoding, text) = begin(text, encoding).map_err(|error| worded(error, name))?;
        let empty = text.get_ref().0.get_ref().is_empty();
        Ok(Self { text, form: Form { compression, encoding }, empty, rest: Vec::new(), units: Vec::new() })
    }

    pub fn form(&self) -> Form {
        self.form
    }

    /// There is no text in it.
    pub fn is_empty(&self) -> bool {
        self.empty
    }

    /// At the end, the bytes that are too few for a character: they belong behind the text as they are.
    pub fn rest(&self) -> &[u8] {
        &self.rest
    }

    /// Fill `room`, of at least `READ_BYTES_MIN` bytes, with what comes next, as far as it is there; 0 at the end.
    ///
    /// # Errors
    /// The file cannot be read, or is not what its beginning said.
    pub fn read(&mut self, room: &mut [u8]) -> Result<usize, ReadError> {
        let name = compression_name(self.form.compression);
        if self.form.encoding == Encoding::Bytes {
            return self.text.read(room).map_err(|error| worded(error, name));
        }
        let mut out = Vec::new();
        while out.is_empty() {
            let held = self.rest.len();
            let wanted = (room.len() / GROWTH).min(UNITS_BYTES);
            self.units.clear();
            self.units.append(&mut self.rest);
            self.units.resize(wanted.max(held + 1), 0);
            let read = self.text.read(&mut self.units[held..]).map_err(|error| worded(error, name));
            let read = read.inspect_err(|_| self.units.truncate(held));
            let read = match read {
                Ok(read) => read,
                Err(error) => {
                    self.rest.append(&mut self.units);
                    return Err(error);
                }
            };
            self.units.truncate(held + read);
            let taken = decode(self.form.encoding, &self.units, read == 0, &mut out);
            let taken = taken.map_err(|_| ReadError::Damaged("UTF-32"))?;
            self.rest.extend_from_slice(&self.units[taken..]);
            if read == 0 {
                break;
            }
        }
        room[..out.len()].copy_from_slice(&out);
        Ok(out.len())
    }
}

impl<R: Read> Read for Text<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(room),
            Self::Gzip(file) => file.read(room),
            Self::Zstd(file) => file.read(room),
        }
    }
}

/// Read until `judge` knows from the first bytes what this is; what was read comes again.
fn begin<R: Read, T>(mut file: R, judge: fn(&[u8], bool) -> Option<T>) -> io::Result<(T, Begun<R>)> {
    let (mut head, mut bytes) = ([0; HEAD_BYTES], 0);
    loop {
        let read = match file.read(&mut head[bytes..]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read?,
        };
        bytes += read;
        if let Some(judged) = judge(&head[..bytes], read == 0 || bytes == HEAD_BYTES) {
            return Ok((judged, Cursor::new(head[..bytes].to_vec()).chain(file)));
        }
    }
}

fn compression_name(compression: Compression) -> &'static str {
    match compression {
        Compression::None => "",
        Compression::Gzip => "gzip",
        Compression::Zstd => "zstd",
    }
}

/// What an error of decompression means. Those of the system have a number; of a window that is too large the library's
/// words alone tell.
fn worded(error: io::Error, name: &'static str) -> ReadError {
    if name == "zstd" && error.to_string().contains("too much memory") {
        return ReadError::Unsupported(LARGE_WINDOW);
    }
    match error.kind() {
        _ if error.raw_os_error().is_some() || name.is_empty() => ReadError::Io(error),
        ErrorKind::UnexpectedEof => ReadError::Truncated(name),
        _ => ReadError::Damaged(name),
    }
}
