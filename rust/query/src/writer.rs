//! Text back into the form that its file has.

use std::io::{self, Write};

use flate2::write::GzEncoder;

use crate::form::{Compression, Encoding, Form};
use crate::utf::encode;

/// What `gzip` and `zstd` use unless told otherwise.
const GZIP_LEVEL: u32 = 6;
const ZSTD_LEVEL: i32 = 3;

enum Sink {
    Plain(Vec<u8>),
    Gzip(Box<GzEncoder<Vec<u8>>>),
    Zstd(Box<zstd::Encoder<'static, Vec<u8>>>),
}

/// Writes one file, whose bytes it gives back as they come.
///
/// # Example
///
/// ```
/// use headrig_query::form::{Compression, Encoding, Form};
/// use headrig_query::writer::FileWriter;
///
/// let mut writer = FileWriter::new(Form { compression: Compression::None, encoding: Encoding::Utf16Be })?;
/// assert_eq!(writer.write(b"hi")?, b"\0h\0i");
/// assert_eq!(writer.finish(b"")?, b"");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct FileWriter {
    encoding: Encoding,
    sink: Sink,
    units: Vec<u8>,
}

impl FileWriter {
    /// # Errors
    /// There is no memory for the compressor.
    pub fn new(form: Form) -> io::Result<Self> {
        let sink = match form.compression {
            Compression::None => Sink::Plain(Vec::new()),
            Compression::Gzip => Sink::Gzip(Box::new(GzEncoder::new(Vec::new(), flate2::Compression::new(GZIP_LEVEL)))),
            Compression::Zstd => {
                let mut encoder = zstd::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                Sink::Zstd(Box::new(encoder))
            }
        };
        Ok(Self { encoding: form.encoding, sink, units: Vec::new() })
    }

    /// Take whole lines of UTF-8; give the bytes of the file that are ready.
    ///
    /// # Errors
    /// The compressor fails.
    pub fn write(&mut self, text: &[u8]) -> io::Result<Vec<u8>> {
        if self.encoding == Encoding::Bytes {
            self.sink.write_all(text)?;
        } else {
            self.units.clear();
            encode(self.encoding, text, &mut self.units);
            self.sink.write_all(&self.units)?;
        }
        Ok(self.sink.take())
    }

    /// The last bytes of the file; `rest` are those that the reader left behind the text.
    ///
    /// # Errors
    /// The compressor fails.
    pub fn finish(mut self, rest: &[u8]) -> io::Result<Vec<u8>> {
        self.sink.write_all(rest)?;
        match self.sink {
            Sink::Plain(out) => Ok(out),
            Sink::Gzip(encoder) => encoder.finish(),
            Sink::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl Sink {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.write_all(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    fn take(&mut self) -> Vec<u8> {
        match self {
            Self::Plain(out) => std::mem::take(out),
            Self::Gzip(encoder) => std::mem::take(encoder.get_mut()),
            Self::Zstd(encoder) => std::mem::take(encoder.get_mut()),
        }
    }
}
