//! Unpacking: compressed input read within bounds, and what input is that is no JSON.

use std::io::{self, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Compressed input may unpack to this many bytes whatever its own size ...
const UNPACKED_FREE: u64 = 256 << 20;

/// ... and beyond that to so many times the bytes that were read of it. FHIR packs to a tenth or a fiftieth; what packs to
/// a thousandth was made to fill somebody's disk.
const UNPACKED_TIMES: u64 = 1_000;

/// Reads what `raw` holds; compression is known by the first bytes. What is read of `raw` is added to `counter`.
pub fn unpacked(raw: Box<dyn Read + Send>, counter: &Arc<AtomicU64>) -> io::Result<Box<dyn Read + Send>> {
    let packed = Arc::new(AtomicU64::new(0));
    let mut counted = Counted { inner: raw, counters: [Arc::clone(counter), Arc::clone(&packed)] };
    let head = up_to(&mut counted, 4)?;
    let whole = BufReader::with_capacity(1 << 16, Cursor::new(head.clone()).chain(counted));
    let inner: Box<dyn Read + Send> = match head.as_slice() {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(whole)),
        [b'B', b'Z', b'h', _] => Box::new(bzip2::bufread::MultiBzDecoder::new(whole)),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::Decoder::with_buffer(whole)?),
        _ => return Ok(Box::new(whole)),
    };
    Ok(Box::new(Bounded { inner, packed, given: 0 }))
}

/// Reads `count` bytes, or fewer where the source ends.
pub fn up_to(source: &mut dyn Read, count: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    add_up_to(&mut bytes, source, count)?;
    Ok(bytes)
}

/// Adds `count` bytes to what was read before, or fewer where the source ends.
pub fn add_up_to(bytes: &mut Vec<u8>, source: &mut dyn Read, count: u64) -> io::Result<()> {
    source.take(count).read_to_end(bytes)?;
    Ok(())
}

/// What input is that begins like this, if it is a known thing that is not FHIR JSON, and what to do about it.
pub fn foreign(head: &[u8]) -> Option<&'static str> {
    let text = head.trim_ascii_start();
    let starts = |magic: &[u8]| text.starts_with(magic);
    Some(match head {
        [b'P', b'K', 3 | 5, 4 | 6, ..] => "this is a ZIP archive; unpack it and import the files in it",
        [0xfd, b'7', b'z', b'X', b'Z', ..] => "this is packed with xz; unpack it, or pack it with gzip, zstd or bzip2",
        [b'7', b'z', 0xbc, 0xaf, ..] => "this is a 7z archive; unpack it and import the files in it",
        head if head.get(257..262) == Some(b"ustar") => "this is a tar archive; unpack it and import the files in it",
        _ if starts(b"%PDF") => "this is a PDF; import reads FHIR JSON",
        _ if starts(b"<") || starts(b"\xef\xbb\xbf<") => "this is XML; import reads FHIR JSON, so convert it first",
        _ if starts(b"MSH|") || starts(b"\x0bMSH|") => "this is an HL7 v2 message; import reads FHIR JSON",
        _ => return None,
    })
}

/// Counts what is read.
struct Counted {
    inner: Box<dyn Read + Send>,
    counters: [Arc<AtomicU64>; 2],
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        for counter in &self.counters {
            counter.fetch_add(count as u64, Ordering::Relaxed);
        }
        Ok(count)
    }
}

/// Ends with an error where more comes out than can be meant.
struct Bounded {
    inner: Box<dyn Read + Send>,
    packed: Arc<AtomicU64>,
    given: u64,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.given += count as u64;
        let most = UNPACKED_FREE + UNPACKED_TIMES * self.packed.load(Ordering::Relaxed);
        if self.given > most {
            let why =
                format!("it unpacks to more than {UNPACKED_TIMES} times its size; unpack it yourself if it is meant");
            return Err(io::Error::other(why));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn plain(packed: &[u8]) -> (io::Result<u64>, u64) {
        let counter = Arc::new(AtomicU64::new(0));
        let read = unpacked(Box::new(Cursor::new(packed.to_vec())), &counter)
            .and_then(|mut plain| io::copy(&mut plain, &mut io::sink()));
        (read, counter.load(Ordering::Relaxed))
    }

    #[test]
    fn compression_is_known_by_the_first_bytes() {
        let text = b"{\"resourceType\":\"Patient\"}";
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(text).expect("packed");
        let mut bz2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bz2.write_all(text).expect("packed");
        for packed in [
            text.to_vec(),
            gz.finish().expect("packed"),
            bz2.finish().expect("packed"),
            zstd::encode_all(&text[..], 1).expect("packed"),
        ] {
            let (read, counted) = plain(&packed);
            assert_eq!((read.expect("read"), counted), (text.len() as u64, packed.len() as u64));
        }
        assert_eq!(plain(b"").0.expect("nothing"), 0);
    }

    #[test]
    fn a_bomb_is_read_only_so_far() {
        let mut zst = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
        io::copy(&mut io::repeat(b'\n').take(512 << 20), &mut zst).expect("packed");
        let bomb = zst.finish().expect("packed");
        assert!(bomb.len() < 128 << 10, "{}", bomb.len());
        let error = plain(&bomb).0.expect_err("a bomb");
        assert!(error.to_string().contains("more than 1000 times its size"), "{error}");
        // What is small enough may be of one byte.
        let small = zstd::encode_all(&vec![b' '; 64 << 20][..], 1).expect("packed");
        assert_eq!(plain(&small).0.expect("read"), 64 << 20);
    }

    #[test]
    fn what_is_no_json_is_named() {
        let mut tar = vec![b'a'; 512];
        tar[257..262].copy_from_slice(b"ustar");
        for (head, word) in [
            (&b"PK\x03\x04rest"[..], "ZIP"),
            (b"\xfd7zXZ\x00", "xz"),
            (&tar, "tar"),
            (b"\xef\xbb\xbf<?xml?>", "XML"),
            (b"\n<Patient/>", "XML"),
            (b"MSH|^~\\&|", "HL7 v2"),
        ] {
            assert!(foreign(head).is_some_and(|said| said.contains(word)), "{word}");
        }
        assert!(foreign(b"{}").is_none() && foreign(b"").is_none() && foreign(b"\xef\xbb\xbf{").is_none());
    }
}
