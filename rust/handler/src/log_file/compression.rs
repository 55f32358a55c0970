//! A rotated file becomes `.gz` or `.zst`: written under a hidden name and renamed once it is whole and on the disk, so that
//! a crash leaves the plain file or the whole compressed one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use flate2::write::GzEncoder;

use super::naming::{appended, hidden};
use super::settings::Compression;
use crate::limits::COMPRESSION_BUFFER_BYTES;

/// zstd's own default: about as small as gzip's best, several times faster.
const ZSTD_LEVEL: i32 = 3;

/// End of the name of a compressed file that is not whole yet.
pub(super) const UNFINISHED: &str = ".unfinished";

/// Compress the file at `path`, which is open and locked as `plain`, and remove it.
pub(super) fn compress(plain: &File, path: &Path, compression: Compression) -> io::Result<()> {
    let unfinished = hidden(path, UNFINISHED);
    let whole = write_compressed(plain, &unfinished, compression)
        .and_then(|()| fs::rename(&unfinished, appended(path, compression.extension())));
    if whole.is_err() {
        // What cannot be removed now is overwritten by the next attempt.
        let _ = fs::remove_file(&unfinished);
        return whole;
    }
    fs::remove_file(path)
}

fn write_compressed(plain: &File, to: &Path, compression: Compression) -> io::Result<()> {
    let about = plain.metadata()?;
    let out = OpenOptions::new().write(true).create(true).truncate(true).mode(about.mode() & 0o777).open(to)?;
    let out = match compression {
        Compression::Gzip => {
            let mut encoder = GzEncoder::new(out, flate2::Compression::default());
            copy(plain, &mut encoder)?;
            encoder.finish()?
        }
        Compression::Zstd => {
            let mut encoder = zstd::Encoder::new(out, ZSTD_LEVEL)?;
            encoder.include_checksum(true)?;
            copy(plain, &mut encoder)?;
            encoder.finish()?
        }
    };
    // Its age is that of its lines.
    out.set_modified(about.modified()?)?;
    out.sync_all()
}

fn copy(mut from: &File, to: &mut impl Write) -> io::Result<()> {
    let mut buffer = vec![0; COMPRESSION_BUFFER_BYTES];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => to.write_all(&buffer[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
