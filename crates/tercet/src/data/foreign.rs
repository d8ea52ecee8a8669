//! Formats that are recognised by their first bytes but not read, so that errors can name them.

use std::path::{Path, PathBuf};

use super::content::Content;

/// A recognised format: what it is called in an error, and what to do about it.
pub(super) struct Foreign {
    pub found: &'static str,
    pub remedy: &'static str,
}

const UNPACK: &str = "Unpack it and name the file or folder that was inside.";
const SAVE_ARRAYS: &str = "Read it in Python and save the arrays with numpy.savez.";
const SAVE_TABLE: &str = "Save the table as CSV or Parquet.";
const PICTURE: &str =
    "Name a folder with a folder of pictures for each class; `tercet predict` reads single pictures.";

/// Where tar's name is in a header, and the length of a header.
const TAR_NAME: usize = 257;
const TAR_HEADER: usize = 512;

/// The format that begins with these bytes, if it is known but not read.
pub(super) fn recognise(start: &[u8]) -> Option<Foreign> {
    let named = |found, remedy| Some(Foreign { found, remedy });
    match start {
        [0x89, b'H', b'D', b'F', ..] => named("an HDF5 file", SAVE_ARRAYS),
        [b'M', b'A', b'T', b'L', b'A', b'B', b' ', ..] => named(
            "a MATLAB file (.mat)",
            "Read it in Python with scipy.io.loadmat and save the arrays with numpy.savez.",
        ),
        [0x80, 2..=5, ..] => named(
            "a Python pickle, which can run code and is not read",
            "Load it in Python, if you trust it, and save the arrays with numpy.savez.",
        ),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => named(
            "a file compressed by Zstandard (.zst)",
            "Unpack it with `unzstd`, or compress it with gzip.",
        ),
        [0x04, 0x22, 0x4d, 0x18, ..] => {
            named("a file compressed by LZ4", "Unpack it with `unlz4`, or compress it with gzip.")
        }
        [0x1f, 0x9d, ..] => named("a file compressed by `compress` (.Z)", "Unpack it with `uncompress`."),
        [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => named("a 7-Zip archive (.7z)", UNPACK),
        [b'R', b'a', b'r', b'!', 0x1a, 0x07, ..] => named("a RAR archive", UNPACK),
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] => {
            named("an Arrow or Feather file", "Save the table as Parquet.")
        }
        [b'F', b'E', b'A', b'1', ..] => named("a Feather file", "Save the table as Parquet."),
        [0xff, 0xff, 0xff, 0xff, _, _, 0, 0, ..] => named("an Arrow stream", "Save the table as Parquet."),
        [b'O', b'R', b'C', ..] => named("an ORC file", "Save the table as Parquet."),
        [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, ..] => {
            named("an old Microsoft Office file, such as an Excel workbook (.xls)", SAVE_TABLE)
        }
        [b'S', b'Q', b'L', b'i', b't', b'e', b' ', ..] => named("an SQLite database", SAVE_TABLE),
        [b'%', b'P', b'D', b'F', ..] => named("a PDF document", SAVE_TABLE),
        [0x89, b'P', b'N', b'G', ..] => named("a picture (PNG)", PICTURE),
        [0xff, 0xd8, 0xff, ..] => named("a picture (JPEG)", PICTURE),
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => named("a picture (BMP)", PICTURE),
        [b'G', b'I', b'F', b'8', ..] => named("a picture (GIF)", PICTURE),
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => named("a picture (TIFF)", PICTURE),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => {
            named("a picture (WebP)", PICTURE)
        }
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => match brand {
            [b'h', b'e', b'i' | b'v', ..] | [b'm', b'i', b'f', b'1', ..] | [b'm', b's', b'f', b'1', ..] => {
                named("a picture in HEIC", "Save it as PNG or JPEG.")
            }
            [b'a', b'v', b'i', ..] => named("a picture in AVIF", "Save it as PNG or JPEG."),
            _ => named("a video (MP4)", "Save its frames as pictures."),
        },
        _ if is_tar(start) => named("a tar archive", UNPACK),
        _ if is_safetensors(start) => named(
            "a safetensors file: a model or bare arrays",
            "Models are for `tercet predict` and `tercet evaluate`; save arrays of data with numpy.savez.",
        ),
        _ => text(start),
    }
}

/// Text that is no data.
fn text(start: &[u8]) -> Option<Foreign> {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let begins =
        |with: &str| start.get(..with.len()).is_some_and(|s| s.eq_ignore_ascii_case(with.as_bytes()));
    if begins("version https://git-lfs") {
        return Some(Foreign {
            found: "a pointer of Git LFS, not the file itself",
            remedy: "Run `git lfs pull` where it came from, or download the file itself.",
        });
    }
    let web_page = begins("<!doctype html") || begins("<html") || begins("<head") || begins("<body");
    match start {
        [b'<', ..] if web_page => Some(Foreign {
            found: "a web page (HTML) instead of data",
            remedy: "The download failed or asks for a login: open the file in a browser to see what it says, \
                     then download the data itself.",
        }),
        [b'<', ..] => Some(Foreign {
            found: "XML, or a web page instead of data",
            remedy: "Download the data itself, or convert it to CSV.",
        }),
        _ => None,
    }
}

/// Whether the bytes are the first header of a tar archive: by its name, or, in archives older than that, by its sum.
fn is_tar(start: &[u8]) -> bool {
    if start.get(TAR_NAME..TAR_NAME + 5) == Some(b"ustar") {
        return true;
    }
    // The sum of all bytes, the eight of the sum itself counted as blanks.
    let Some(header) = start.get(..TAR_HEADER).filter(|header| header[0] != 0) else { return false };
    let written = std::str::from_utf8(&header[148..156]).ok();
    let written = written.map(|octal| octal.trim_matches([' ', '\0'])).filter(|octal| octal.len() >= 4);
    let sum = |(i, &byte): (usize, &u8)| u64::from(if (148..156).contains(&i) { b' ' } else { byte });
    written.and_then(|octal| u64::from_str_radix(octal, 8).ok())
        == Some(header.iter().enumerate().map(sum).sum())
}

/// A length in 8 bytes and JSON.
fn is_safetensors(start: &[u8]) -> bool {
    start.first_chunk().is_some_and(|&length| (2..100 << 20).contains(&u64::from_le_bytes(length)))
        && matches!(start.get(8..10), Some([b'{', b'"' | b'}' | b' ']))
}

/// What a ZIP archive is that has no data to read, by the names of the files in it.
#[cfg(feature = "zip")]
pub(super) fn of_zip(names: &[String]) -> Option<Foreign> {
    let named = |found, remedy| Some(Foreign { found, remedy });
    let has = |is: &dyn Fn(&str) -> bool| names.iter().any(|name| is(name));
    if names.is_empty() {
        return named("an empty ZIP archive", "Download it or make it again.");
    }
    if names.first().is_some_and(|name| name == "mimetype") && has(&|name| name == "content.xml") {
        return named("an OpenDocument file, such as a LibreOffice spreadsheet (.ods)", SAVE_TABLE);
    }
    if has(&|name| name == "AndroidManifest.xml" || name == "META-INF/MANIFEST.MF") {
        return named("a Java or Android program", "Name a file of data.");
    }
    if has(&|name| name.starts_with("word/") || name.starts_with("ppt/") || name == "mimetype") {
        return named("an Office document", SAVE_TABLE);
    }
    if has(&|name| name == "data.pkl" || name.ends_with("/data.pkl")) {
        let remedy = "Load it in Python, if you trust it, and save the arrays with numpy.savez.";
        return named("a file of PyTorch, which contains a Python pickle and is not read", remedy);
    }
    None
}

/// The first of these files that has a known format which is not read.
pub(super) fn among(files: &[PathBuf]) -> Option<(&Path, Foreign)> {
    /// Files of a folder are of one kind: a few are enough.
    const INSPECTED: usize = 8;
    files.iter().take(INSPECTED).find_map(|path| {
        let foreign = recognise(Content::open(path).ok()?.start())?;
        Some((path.as_path(), foreign))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(start: &[u8]) -> &'static str {
        recognise(start).map_or("", |foreign| foreign.found)
    }

    #[test]
    fn formats_are_recognised_by_their_first_bytes() {
        for (start, word) in [
            (&b"\x89HDF\r\n\x1a\n"[..], "HDF5"),
            (b"MATLAB 5.0 MAT-file, Platform: GLNXA64", "MATLAB"),
            (b"\x80\x04\x95", "pickle"),
            (b"\x28\xb5\x2f\xfd", "Zstandard"),
            (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
            (b"Rar!\x1a\x07\x01\0", "RAR"),
            (b"ARROW1\0\0", "Feather"),
            (b"FEA1", "Feather"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Excel"),
            (b"\0\0\0\x18ftypheic", "HEIC"),
            (b"\0\0\0\x18ftypmif1", "HEIC"),
            (b"\0\0\0\x18ftypisom", "video"),
            (b"RIFF\x10\0\0\0WEBPVP8 ", "WebP"),
            (b"II*\0", "TIFF"),
            (b"GIF89a", "GIF"),
            (b"\xef\xbb\xbf\n<!doctype HTML><p>", "web page"),
            (b"<?xml version='1.0'?>", "XML"),
            (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
            (b"\x02\0\0\0\0\0\0\0{}", "safetensors"),
        ] {
            assert!(found(start).contains(word), "{start:?}: {}", found(start));
        }
        for data in [&b""[..], b"a,b\n1,2\n", b"1 2:0.5\n", b"\x93NUMPY", b"PAR1", b"\0\0\x08\x03"] {
            assert_eq!(found(data), "", "{data:?}");
        }
    }

    #[test]
    fn tar_is_recognised_with_and_without_its_name() {
        let mut header = [0u8; TAR_HEADER];
        header[..9].copy_from_slice(b"train.csv");
        header[100..107].copy_from_slice(b"0000644");
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        assert_eq!(found(&header), "a tar archive");
        header[0] = b'x';
        assert_eq!(found(&header), "");
        header[TAR_NAME..TAR_NAME + 5].copy_from_slice(b"ustar");
        assert_eq!(found(&header), "a tar archive");
        assert_eq!(found(&[0; TAR_HEADER]), "");
    }
}
