//! [`Classes`]: the names of the classes, and the original type of the labels.

use std::ops::Deref;

use serde::{Deserialize, Serialize};

/// The type of the labels in their source, so that predictions can have the same type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LabelType {
    /// Text, including text of digits such as "007".
    #[default]
    Text,
    /// Integers.
    Integer,
    /// True or false.
    Boolean,
    /// Floating-point numbers.
    Float,
    /// Dates or times, as in ISO 8601.
    Date,
}

/// The names of the C classes in the order of their indices, and the original type of the labels.
///
/// It can be used like a slice of names: a label is an index into it.
///
/// ```
/// use tercet::data::{Classes, LabelType};
///
/// let digits = Classes::new(["0", "1", "2"], LabelType::Integer);
/// assert_eq!((digits.len(), &digits[2]), (3, &"2".to_owned()));
/// assert_eq!(digits.index_of("1"), Some(1));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Classes {
    names: Vec<String>,
    #[serde(rename = "type")]
    label_type: LabelType,
}

impl Classes {
    /// Classes with these names.
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>, label_type: LabelType) -> Self {
        Classes { names: names.into_iter().map(Into::into).collect(), label_type }
    }

    /// `count` classes named after their indices: "0", "1", …
    pub fn numbered(count: usize) -> Self {
        Classes::new((0..count).map(|class| class.to_string()), LabelType::Integer)
    }

    /// The same names with another label type.
    pub fn with_type(self, label_type: LabelType) -> Self {
        Classes { label_type, ..self }
    }

    /// The original type of the labels.
    pub fn label_type(&self) -> LabelType {
        self.label_type
    }

    /// The names, in the order of the indices.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The index of the class with that name.
    pub fn index_of(&self, name: &str) -> Option<u32> {
        self.names.iter().position(|other| other == name).map(|index| index as u32)
    }
}

impl Deref for Classes {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.names
    }
}

/// Text labels.
impl From<Vec<String>> for Classes {
    fn from(names: Vec<String>) -> Self {
        Classes { names, label_type: LabelType::Text }
    }
}

/// Compares only the names.
impl<T> PartialEq<[T]> for Classes
where
    String: PartialEq<T>,
{
    fn eq(&self, other: &[T]) -> bool {
        self.names == other
    }
}

/// Compares only the names.
impl<T, const N: usize> PartialEq<[T; N]> for &Classes
where
    String: PartialEq<T>,
{
    fn eq(&self, other: &[T; N]) -> bool {
        self.names == other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_in_a_model_file_are_fixed() {
        let classes = Classes::new(["no", "yes"], LabelType::Boolean);
        let json = r#"{"names":["no","yes"],"type":"boolean"}"#;
        assert_eq!(serde_json::to_string(&classes).unwrap(), json);
        assert_eq!(serde_json::from_str::<Classes>(json).unwrap(), classes);
        assert_ne!(classes.clone().with_type(LabelType::Text), classes);
    }
}
