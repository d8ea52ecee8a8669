//! Text in other encodings than UTF-8: UTF-16 with a byte order mark, and Windows-1252, which contains Latin-1.

use std::borrow::Cow;
use std::io::Read;

use super::content::Content;
use crate::Result;

/// The characters of Windows-1252 from 0x80 to 0x9f; five of the bytes have none. All other bytes are those of Latin-1.
const FROM_0X80: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// The content as UTF-8 without its byte order mark, and the encoding if it was another. Bytes that are not UTF-8 stay
/// as they are: [`windows_1252`] decodes them.
pub(super) fn decoded(mut content: Content<'_>) -> Result<(Content<'_>, Option<&'static str>)> {
    const UTF_8_MARK: &[u8] = "\u{feff}".as_bytes();
    let unit: fn([u8; 2]) -> u16 = match content.start() {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        start => {
            let mark = if start.starts_with(UTF_8_MARK) { UTF_8_MARK.len() } else { 0 };
            skip(&mut content, mark)?;
            return Ok((content, None));
        }
    };
    skip(&mut content, 2)?;
    let mut bytes = Vec::new();
    if let Err(error) = content.read_to_end(&mut bytes) {
        return Err(content.broken(error));
    }
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let text: String = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    Ok((Content::of_text(text, &content.path)?, Some("UTF-16")))
}

/// Skips bytes at the beginning, which there are.
fn skip(content: &mut Content<'_>, count: usize) -> Result<()> {
    let skipped = content.read_exact(&mut vec![0; count]);
    skipped.map_err(|error| content.broken(error))
}

/// Text in Windows-1252.
fn windows_1252(bytes: &[u8]) -> String {
    let character = |&byte: &u8| match byte {
        0x80..=0x9f => FROM_0X80[usize::from(byte - 0x80)],
        byte => char::from(byte),
    };
    bytes.iter().map(character).collect()
}

/// Bytes as UTF-8, or decoded from Windows-1252 if they are not UTF-8.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| Cow::Owned(windows_1252(bytes)), Cow::Borrowed)
}

/// Whether these bytes cannot be text: they contain zeros, or are neither UTF-8 nor free of control characters.
pub(super) fn is_binary(start: &[u8]) -> bool {
    let is_control = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c);
    let is_damaged = std::str::from_utf8(start).is_err_and(|error| error.error_len().is_some());
    start.contains(&0) || (is_damaged && start.iter().any(is_control))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn all_encodings_of_a_text_are_the_same_text() {
        let wanted = "Größe,“5 €”\n";
        let units: Vec<u16> = std::iter::once(0xfeff).chain(wanted.encode_utf16()).collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        let marked = format!("\u{feff}{wanted}").into_bytes();
        let western = b"Gr\xf6\xdfe,\x935 \x80\x94\n".to_vec();
        for bytes in [little, big, marked, western, wanted.as_bytes().to_vec()] {
            let content = Content::of(&bytes, Path::new("t")).unwrap();
            let (mut content, _) = decoded(content).unwrap();
            let mut read = Vec::new();
            content.read_to_end(&mut read).unwrap();
            assert_eq!(text(&read), wanted);
        }
    }

    #[test]
    fn text_has_no_zeros_and_few_control_characters() {
        assert!(!is_binary("Größe\r\n\t1".as_bytes()) && !is_binary(b"Gr\xf6\xdfe\n"));
        assert!(is_binary(b"a\0b") && is_binary(b"BZh9\xff\x01"));
    }
}
