//! Reads the test data's archives. A set that is missing is said to be missing, never passed in silence.

use std::fs;
use std::io::Read;
use std::path::PathBuf;

/// The path of a file below `../shared/data`, or `None` after saying that it is missing.
pub fn shared(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: ../shared/data/{name} not found");
    None
}

/// The `.json` files of a `.tgz`: name without folder, and bytes; in the archive's order.
pub fn json_files(name: &str) -> Option<Vec<(String, Vec<u8>)>> {
    let packed = fs::read(shared(name)?).expect("the archive cannot be read");
    let mut tar = Vec::new();
    flate2::read::MultiGzDecoder::new(&packed[..]).read_to_end(&mut tar).expect("the archive is not gzip");
    let mut files = Vec::new();
    let mut at = 0;
    // POSIX ustar: a header of 512 bytes (name at 0, size in octal at 124, kind at 156), then the content, padded.
    while let Some(header) = tar.get(at..at + 512).filter(|h| h[0] != 0) {
        let text =
            |from: usize, to: usize| String::from_utf8_lossy(&header[from..to]).trim_matches(['\0', ' ']).to_owned();
        let size = usize::from_str_radix(&text(124, 136), 8).expect("the archive has no size where one belongs");
        let name = text(0, 100);
        if matches!(header[156], 0 | b'0') && name.ends_with(".json") {
            let name = name.rsplit('/').next().unwrap_or_default().to_owned();
            files.push((name, tar[at + 512..at + 512 + size].to_vec()));
        }
        at += 512 + size.div_ceil(512) * 512;
    }
    Some(files)
}
