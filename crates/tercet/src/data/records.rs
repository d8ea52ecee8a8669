//! The rows of a table as records of text, whatever its format: separated values, ARFF, or JSON objects.

use std::fmt;
use std::io::{BufRead, Read};

use csv::{ByteRecord, ReaderBuilder};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::content::Content;
use super::text_encoding::{self, decoded};
use crate::text::shortened;
use crate::{Error, Result};

/// The longest line of an ARFF header.
const LONGEST_LINE: u64 = 1 << 20;

/// The rows of a table, one by one.
pub(super) struct Records<'a> {
    rows: Rows<'a>,
    /// The encoding of the file, if it is not UTF-8.
    encoding: Option<&'static str>,
    /// Whether the format defines the first record as the names of the columns.
    pub named: bool,
    /// The columns that the format defines as classes.
    pub nominal: Vec<usize>,
    /// What separates the fields.
    pub delimiter: u8,
}

enum Rows<'a> {
    Separated { first: Option<ByteRecord>, rest: Box<csv::Reader<Content<'a>>> },
    Listed(std::vec::IntoIter<ByteRecord>),
}

impl<'a> Records<'a> {
    /// The records of a file whose format is detected.
    pub fn open(content: Content<'a>) -> Result<Self> {
        let (content, encoding) = decoded(content)?;
        let start = text_encoding::text(content.start());
        let start = start.trim_start_matches('\u{feff}').trim_start();
        if start.starts_with('{') || start.strip_prefix('[').is_some_and(|s| s.trim_start().starts_with('{'))
        {
            return Ok(Records { encoding, ..Self::json(content)? });
        }
        let mut lines =
            start.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('%'));
        if lines.next().is_some_and(|line| line.to_ascii_lowercase().starts_with("@relation")) {
            return Ok(Records { encoding, ..Self::arff(content)? });
        }
        let delimiter = delimiter(start);
        Ok(Records { encoding, ..Self::separated(content, delimiter) })
    }

    /// Fields separated by this byte, in UTF-8 or Windows-1252.
    fn separated(content: Content<'a>, delimiter: u8) -> Self {
        let mut builder = ReaderBuilder::new();
        let rest = builder.has_headers(false).flexible(true).delimiter(delimiter).from_reader(content);
        let rows = Rows::Separated { first: None, rest: Box::new(rest) };
        Records { rows, encoding: None, named: false, nominal: Vec::new(), delimiter }
    }

    /// One label per line.
    pub fn lines(content: Content<'a>) -> Result<Self> {
        let (content, encoding) = decoded(content)?;
        Ok(Records { encoding, ..Self::separated(content, b',') })
    }

    /// Weka's format: attributes with their types, then rows with commas.
    fn arff(mut content: Content<'a>) -> Result<Self> {
        let (mut names, mut nominal) = (ByteRecord::new(), Vec::new());
        let mut line = Vec::new();
        loop {
            line.clear();
            if let Err(error) = Read::take(&mut content, LONGEST_LINE).read_until(b'\n', &mut line) {
                return Err(content.broken(error));
            }
            if line.is_empty() {
                return Err(content.refuse("no line @DATA", "an ARFF file", "Write the file again."));
            }
            let text = text_encoding::text(&line);
            let (word, rest) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
            match word.to_ascii_lowercase().as_str() {
                "@data" => break,
                "@attribute" => {
                    let (name, kind) = attribute(rest.trim());
                    match kind.to_ascii_lowercase().as_str() {
                        kind if kind.starts_with('{') => nominal.push(names.len()),
                        "relational" => {
                            let found = format!("the relational attribute “{}”", shortened(name));
                            let remedy = "Save the data as a plain table.";
                            return Err(content.refuse(found, "numbers and classes in ARFF", remedy));
                        }
                        _ => {}
                    }
                    names.push_field(name.as_bytes());
                }
                _ => {}
            }
        }
        let mut builder = ReaderBuilder::new();
        builder.has_headers(false).flexible(true).quote(b'\'').escape(Some(b'\\')).comment(Some(b'%'));
        let rest = Box::new(builder.from_reader(content));
        let rows = Rows::Separated { first: Some(names), rest };
        Ok(Records { rows, encoding: None, named: true, nominal, delimiter: b',' })
    }

    /// A list of objects, or objects one after another, with the same keys.
    fn json(mut content: Content<'a>) -> Result<Self> {
        let mut bytes = Vec::new();
        if let Err(error) = content.read_to_end(&mut bytes) {
            return Err(content.broken(error));
        }
        let refuse = |found: String, remedy: &str| {
            Error::format(&content.path, found, "JSON records of numbers and a label", remedy)
        };
        let objects: std::result::Result<Vec<Object>, _> = match bytes.trim_ascii_start().first() {
            Some(b'[') => serde_json::from_slice(&bytes),
            _ => serde_json::Deserializer::from_slice(&bytes).into_iter().collect(),
        };
        let objects = objects.map_err(|error| {
            let remedy = "Write a list of objects with the same keys, or one object a line.";
            refuse(format!("JSON that is no list of objects ({error})"), remedy)
        })?;
        let mut names: Vec<String> = Vec::new();
        let mut records = Vec::with_capacity(objects.len() + 1);
        for (i, Object(object)) in objects.into_iter().enumerate() {
            let fields = fields(object).map_err(|name| {
                let remedy =
                    "Give every key a number, a text, or a list of numbers (pandas: orient=\"records\").";
                refuse(
                    format!("an object or a mixed list at “{}” in record {}", shortened(&name), i + 1),
                    remedy,
                )
            })?;
            if i == 0 {
                names = fields.iter().map(|(name, _)| name.clone()).collect();
                records.push(ByteRecord::from(names.clone()));
            }
            records.push(in_order(&names, fields).map_err(|name| {
                let found = format!("the key “{}” in record {}", shortened(&name), i + 1);
                refuse(format!("{found}, which the first record lacks"), "Give all records the same keys.")
            })?);
        }
        let rows = Rows::Listed(records.into_iter());
        Ok(Records { rows, encoding: None, named: true, nominal: Vec::new(), delimiter: b',' })
    }

    /// The next record that is not empty, as UTF-8, or false at the end.
    pub fn next(&mut self, record: &mut ByteRecord) -> Result<bool> {
        loop {
            let more = match &mut self.rows {
                Rows::Listed(records) => match records.next() {
                    Some(next) => {
                        *record = next;
                        return Ok(true);
                    }
                    None => false,
                },
                Rows::Separated { first, rest } => match first.take() {
                    Some(first) => {
                        *record = first;
                        true
                    }
                    None => read_record(rest, record)?,
                },
            };
            if !more {
                return Ok(false);
            }
            if std::str::from_utf8(record.as_slice()).is_err() {
                self.encoding = Some("Windows-1252 (Latin-1), since it is not UTF-8");
                let mut utf_8: ByteRecord = record
                    .iter()
                    .map(|field| text_encoding::text(field).into_owned())
                    .collect::<Vec<_>>()
                    .into();
                utf_8.set_position(record.position().cloned());
                *record = utf_8;
            }
            if record.iter().any(|field| !field.trim_ascii().is_empty()) {
                return Ok(true);
            }
        }
    }

    /// The encoding of what was read so far, if it is not UTF-8.
    pub fn encoding(&self) -> Option<&'static str> {
        self.encoding
    }
}

fn read_record(reader: &mut csv::Reader<Content<'_>>, record: &mut ByteRecord) -> Result<bool> {
    reader.read_byte_record(record).map_err(|error| {
        let content = reader.get_ref();
        match error.into_kind() {
            csv::ErrorKind::Io(error) => content.broken(error),
            other => content.refuse(format!("{other:?}"), "a table", "Write the table again as CSV."),
        }
    })
}

/// The delimiter: whichever of these is most frequent in the first line outside quotation marks, the first one in a tie.
/// Commas within fields that are numbers are decimal commas.
fn delimiter(start: &str) -> u8 {
    let mut quoted = false;
    let unquoted = |c: char| {
        quoted ^= c == '"';
        if quoted { '"' } else { c }
    };
    let line: String = start.lines().next().unwrap_or_default().chars().map(unquoted).collect();
    let count = |delimiter: u8| line.bytes().filter(|&byte| byte == delimiter).count();
    for other in [b';', b'\t', b'|'] {
        let mut with_comma = line.split(char::from(other)).map(str::trim).filter(|field| field.contains(','));
        if count(other) > 0 && with_comma.all(is_decimal_comma) {
            return other;
        }
    }
    [b',', b';', b'\t', b'|'].into_iter().rev().max_by_key(|&delimiter| count(delimiter)).unwrap_or(b',')
}

/// Whether this is a number with a decimal comma, such as `5,1`.
pub(super) fn is_decimal_comma(field: &str) -> bool {
    let parts = field.split_once(',').filter(|(_, after)| !after.contains(','));
    parts.is_some() && !field.contains('.') && field.replacen(',', ".", 1).parse::<f64>().is_ok()
}

/// The name of an attribute, which may be quoted, and its type.
fn attribute(text: &str) -> (&str, &str) {
    for quote in ['\'', '"'] {
        if let Some((name, kind)) = text.strip_prefix(quote).and_then(|rest| rest.split_once(quote)) {
            return (name, kind.trim());
        }
    }
    text.split_once(char::is_whitespace).map_or((text, ""), |(name, kind)| (name, kind.trim()))
}

/// An object with its keys in the order of the file.
struct Object(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with a value for each column")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Object, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Object(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// The fields of an object as text; a list of numbers is a field for each. An error is the key of another value.
fn fields(object: Vec<(String, Value)>) -> std::result::Result<Vec<(String, String)>, String> {
    let mut fields = Vec::with_capacity(object.len());
    for (name, value) in object {
        match value {
            Value::Null => fields.push((name, String::new())),
            Value::String(text) => fields.push((name, text)),
            Value::Number(_) | Value::Bool(_) => fields.push((name, value.to_string())),
            Value::Array(values) if values.iter().all(Value::is_number) => {
                fields.extend(
                    values.iter().enumerate().map(|(i, value)| (format!("{name}{i}"), value.to_string())),
                );
            }
            Value::Array(_) | Value::Object(_) => return Err(name),
        }
    }
    Ok(fields)
}

/// The fields in the order of the names; an error is a field that is not among them. A field that is missing is empty.
fn in_order(names: &[String], fields: Vec<(String, String)>) -> std::result::Result<ByteRecord, String> {
    if fields.len() == names.len() && names.iter().zip(&fields).all(|(name, (other, _))| name == other) {
        return Ok(fields.into_iter().map(|(_, text)| text).collect::<Vec<_>>().into());
    }
    let mut row = vec![String::new(); names.len()];
    for (name, text) in fields {
        let Some(at) = names.iter().position(|other| *other == name) else { return Err(name) };
        row[at] = text;
    }
    Ok(row.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_found_outside_quotation_marks() {
        for (line, expected) in [
            ("a,b,c", b','),
            ("\"a;b;c\",label", b','),
            ("1,5;2,5;x", b';'),
            ("\"1,5\";\"2,5\";x", b';'),
            ("a\tb, or c\td", b'\t'),
            ("one", b','),
        ] {
            assert_eq!(delimiter(line), expected, "{line}");
        }
    }
}
