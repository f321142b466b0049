//! IDX inside gzip. No more is decompressed than the header of the data announces, and no more than the bytes can hold.

use super::error::{DataError, count};
use super::idx::{Idx, IdxKind, describe, parse_header, size, to_usize};
use flate2::bufread::GzDecoder;
use std::io::Read;

/// Deflate never makes one byte into more than about 1,032 (RFC 1951: a match of 258 bytes in two bits).
const MAX_INFLATION: u64 = 1032;

/// Decompresses the header, then exactly as much as it announces.
pub(super) fn parse(file: &str, bytes: &[u8], kind: IdxKind) -> Result<Idx, DataError> {
    let mut decoder = GzDecoder::new(bytes);
    let mut data = Vec::new();
    read_some(file, &mut decoder, &mut data, 16)?;
    if data.is_empty() {
        return Err(DataError::Empty { file: file.to_owned(), what: "gzip of 0 bytes".to_owned() });
    }
    let (shape, start) = parse_header(file, &data, kind)?;
    let (body, what) = (size(file, &shape)?, describe(&shape));
    let most = (bytes.len() as u64).saturating_mul(MAX_INFLATION);
    if body > most {
        let limit = format!("the {most} that {} bytes of gzip can hold at most", bytes.len());
        return Err(DataError::TooLarge { file: file.to_owned(), what, claimed: body.to_string(), limit });
    }
    // A short header is read with the first elements behind it.
    data.drain(..start);
    // One byte more than announced: it shows too long a file, and reading to the end checks the CRC.
    let missing = (body + 1).saturating_sub(data.len() as u64);
    read_some(file, &mut decoder, &mut data, missing)?;
    let (len, needed) = (data.len() as u64, body + start as u64);
    if len < body {
        return Err(DataError::Truncated { file: file.to_owned(), len: len + start as u64, needed, what });
    }
    let after = decoder.into_inner().len() as u64;
    if len > body || after > 0 {
        let extra = if len > body { "there is more".to_owned() } else { count(after, "byte") + " after the gzip stream" };
        return Err(DataError::Trailing { file: file.to_owned(), needed, extra, what });
    }
    Ok(Idx { file: file.to_owned(), shape: to_usize(&shape), data })
}

/// Reads up to `limit` bytes; the buffer grows with what really comes, not with what was announced.
fn read_some(file: &str, decoder: &mut impl Read, data: &mut Vec<u8>, limit: u64) -> Result<(), DataError> {
    match decoder.take(limit).read_to_end(data) {
        Ok(_) => Ok(()),
        Err(source) => Err(DataError::Gzip { file: file.to_owned(), len: data.len() as u64, source }),
    }
}
