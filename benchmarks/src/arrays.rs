//! Examples as files for the peers: raw values, little-endian, row by row.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tercet::data::{Examples, Row};

/// Examples, or a list of numbers, in a file.
#[derive(Debug)]
pub struct Array {
    path: PathBuf,
    shape: [usize; 2],
    /// The number type, by its name in NumPy.
    kind: &'static str,
}

impl Array {
    /// Writes rows of bytes or float32.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(path: PathBuf, rows: &Examples) -> Result<Self> {
        write(&path, rows).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Array { path, shape: [rows.len(), rows.width()], kind: rows.dtype() })
    }

    /// Writes labels or row numbers, as one row.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_whole_numbers(path: PathBuf, numbers: &[u32]) -> Result<Self> {
        Self::write_one_row(path, "uint32", numbers.len(), numbers.iter().flat_map(|n| n.to_le_bytes()))
    }

    /// Writes parameters, as one row.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_floats(path: PathBuf, numbers: &[f32]) -> Result<Self> {
        Self::write_one_row(path, "float32", numbers.len(), numbers.iter().flat_map(|n| n.to_le_bytes()))
    }

    fn write_one_row(
        path: PathBuf,
        kind: &'static str,
        count: usize,
        bytes: impl Iterator<Item = u8>,
    ) -> Result<Self> {
        std::fs::write(&path, bytes.collect::<Vec<u8>>())
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Array { path, shape: [1, count], kind })
    }

    /// The description that a peer needs to read it.
    pub fn description(&self) -> Value {
        json!({
            "path": self.path,
            "type": self.kind,
            "shape": self.shape,
        })
    }
}

impl Drop for Array {
    /// Deletes the file, which is large and can be written again quickly.
    fn drop(&mut self) {
        // A file that cannot be removed stays in target/.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn write(path: &Path, rows: &Examples) -> std::io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    for row in rows.iter() {
        match row {
            Row::U8(pixels) => file.write_all(pixels)?,
            Row::F32(features) => {
                for value in features {
                    file.write_all(&value.to_le_bytes())?;
                }
            }
            _ => return Err(std::io::Error::other("the rows are neither bytes nor float32")),
        }
    }
    file.flush()
}

/// Reads the scores of a peer, (`rows`, `columns`) little-endian f32.
///
/// # Errors
/// A file of another length.
pub fn read_floats(path: &Path, rows: usize, columns: usize) -> Result<Vec<f32>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(
        bytes.len() == 4 * rows * columns,
        "{} has {} bytes; expected {}, 4 for each of {rows} × {columns} scores",
        path.display(),
        bytes.len(),
        4 * rows * columns
    );
    Ok(bytes.as_chunks::<4>().0.iter().map(|&number| f32::from_le_bytes(number)).collect())
}

/// Reads the row indices of a peer, (`queries`, `k`) little-endian i64.
///
/// # Errors
/// A file of another length, and an index that is not below `rows`.
pub fn read_indices(path: &Path, queries: usize, k: usize, rows: usize) -> Result<Vec<u32>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(
        bytes.len() == 8 * queries * k,
        "{} has {} bytes; expected {}, 8 for each of {k} neighbours of {queries} queries",
        path.display(),
        bytes.len(),
        8 * queries * k
    );
    let (numbers, _) = bytes.as_chunks::<8>();
    let index = |(at, &number)| {
        let number = i64::from_le_bytes(number);
        let row = u32::try_from(number).ok().filter(|&row| (row as usize) < rows);
        row.with_context(|| format!("neighbour {} of query {} is row {number} of {rows}", at % k + 1, at / k))
    };
    numbers.iter().enumerate().map(index).collect()
}

#[cfg(test)]
mod tests {
    use tercet::image::ImageShape;

    use super::*;

    #[test]
    fn values_are_written_little_endian_and_the_file_is_removed_with_its_handle() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows");
        let rows = Examples::from_features(2, vec![1.0, -2.5, 0.5, 3.0]).unwrap();
        let array = Array::write(path.clone(), &rows.subset(&[1])).unwrap();
        let expected = [0.5f32.to_le_bytes(), 3.0f32.to_le_bytes()].concat();
        assert_eq!(std::fs::read(&path).unwrap(), expected);
        assert_eq!(array.description()["shape"], json!([1, 2]));
        assert_eq!(array.description()["type"], "float32");
        drop(array);
        assert!(!path.exists());

        let rows = Examples::from_pixels(ImageShape::gray(2, 1), vec![7, 9]).unwrap();
        let array = Array::write(path.clone(), &rows).unwrap();
        assert_eq!(
            (std::fs::read(&path).unwrap(), &array.description()["type"]),
            (vec![7, 9], &json!("uint8"))
        );
    }

    #[test]
    fn lists_of_numbers_are_one_row_and_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers");
        let array = Array::write_floats(path.clone(), &[1.5, -2.0]).unwrap();
        assert_eq!(
            (&array.description()["shape"], &array.description()["type"]),
            (&json!([1, 2]), &json!("float32"))
        );
        assert_eq!(read_floats(&path, 2, 1).unwrap(), [1.5, -2.0]);
        assert!(read_floats(&path, 3, 1).unwrap_err().to_string().contains("has 8 bytes; expected 12"));
        let array = Array::write_whole_numbers(path.clone(), &[258]).unwrap();
        assert_eq!(array.description()["type"], "uint32");
        assert_eq!(std::fs::read(&path).unwrap(), [2, 1, 0, 0]);
    }

    #[test]
    fn indices_out_of_range_are_rejected_with_their_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("indices");
        let write = |numbers: &[i64]| {
            std::fs::write(&path, numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<_>>()).unwrap();
        };
        write(&[0, 4, 2, 1]);
        assert_eq!(read_indices(&path, 2, 2, 5).unwrap(), [0, 4, 2, 1]);
        assert!(read_indices(&path, 3, 2, 5).unwrap_err().to_string().contains("has 32 bytes; expected 48"));
        for wrong in [5, -1] {
            write(&[0, 4, 2, wrong]);
            let error = read_indices(&path, 2, 2, 5).unwrap_err().to_string();
            assert_eq!(error, format!("neighbour 2 of query 1 is row {wrong} of 5"));
        }
    }
}
