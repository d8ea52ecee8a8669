//! The catalog of named data sets: where other programs store them on disk, and where they can be downloaded.

use std::env;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::open::{Found, Subset, find};
use super::raw_subset::RawSubset;
use super::{Classes, LabelType, ReadOptions, idx_folder};
use crate::{Error, Result};

/// A named data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedSet {
    /// MNIST's original files. (`--data mnist` needs no file.)
    Mnist,
    /// Fashion-MNIST: Xiao, Rasul and Vollgraf 2017, ten kinds of clothes.
    FashionMnist,
    /// KMNIST: Clanuwat et al. 2018, ten cursive Japanese letters.
    Kmnist,
    /// EMNIST letters: Cohen et al. 2017, upper and lower case merged.
    EmnistLetters,
    /// CIFAR-10: Krizhevsky 2009, in its binary version.
    Cifar10,
}

/// A file to be downloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Its name, which is appended to the address of each mirror.
    pub file: &'static str,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: &'static str,
}

const fn remote(file: &'static str, bytes: u64, sha256: &'static str) -> Remote {
    Remote { file, bytes, sha256 }
}

const MNIST: [Remote; 4] = [
    remote(
        "train-images-idx3-ubyte.gz",
        9_912_422,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    remote(
        "train-labels-idx1-ubyte.gz",
        28_881,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    remote(
        "t10k-images-idx3-ubyte.gz",
        1_648_877,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    remote(
        "t10k-labels-idx1-ubyte.gz",
        4_542,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
];
const FASHION: [Remote; 4] = [
    remote(
        "train-images-idx3-ubyte.gz",
        26_421_880,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    ),
    remote(
        "train-labels-idx1-ubyte.gz",
        29_515,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    ),
    remote(
        "t10k-images-idx3-ubyte.gz",
        4_422_102,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    ),
    remote(
        "t10k-labels-idx1-ubyte.gz",
        5_148,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
];
const KMNIST: [Remote; 4] = [
    remote(
        "train-images-idx3-ubyte.gz",
        18_165_135,
        "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
    ),
    remote(
        "train-labels-idx1-ubyte.gz",
        29_497,
        "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
    ),
    remote(
        "t10k-images-idx3-ubyte.gz",
        3_041_136,
        "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
    ),
    remote(
        "t10k-labels-idx1-ubyte.gz",
        5_120,
        "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
    ),
];
const EMNIST: [Remote; 1] =
    [remote("gzip.zip", 561_753_746, "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e")];
const CIFAR_10: [Remote; 1] = [remote(
    "cifar-10-binary.tar.gz",
    170_052_171,
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)];

/// The files of EMNIST letters, as named in its archive.
const LETTERS: [&str; 4] = [
    "emnist-letters-train-images-idx3-ubyte",
    "emnist-letters-train-labels-idx1-ubyte",
    "emnist-letters-test-images-idx3-ubyte",
    "emnist-letters-test-labels-idx1-ubyte",
];

const ALL: [NamedSet; 5] =
    [NamedSet::Mnist, NamedSet::FashionMnist, NamedSet::Kmnist, NamedSet::EmnistLetters, NamedSet::Cifar10];

impl NamedSet {
    /// The name: `fashion-mnist`.
    pub fn name(self) -> &'static str {
        match self {
            NamedSet::Mnist => "mnist",
            NamedSet::FashionMnist => "fashion-mnist",
            NamedSet::Kmnist => "kmnist",
            NamedSet::EmnistLetters => "emnist-letters",
            NamedSet::Cifar10 => "cifar10",
        }
    }

    fn title(self) -> &'static str {
        match self {
            NamedSet::Mnist => "MNIST",
            NamedSet::FashionMnist => "Fashion-MNIST",
            NamedSet::Kmnist => "KMNIST",
            NamedSet::EmnistLetters => "EMNIST letters",
            NamedSet::Cifar10 => "CIFAR-10",
        }
    }

    /// All named sets.
    pub fn all() -> &'static [NamedSet] {
        &ALL
    }

    /// The files to be downloaded. Their digests agree with those that TensorFlow Datasets and others publish.
    pub fn files(self) -> &'static [Remote] {
        match self {
            NamedSet::Mnist => &MNIST,
            NamedSet::FashionMnist => &FASHION,
            NamedSet::Kmnist => &KMNIST,
            NamedSet::EmnistLetters => &EMNIST,
            NamedSet::Cifar10 => &CIFAR_10,
        }
    }

    /// The base addresses of the mirrors, to which each file's name is appended.
    pub fn mirrors(self) -> &'static [&'static str] {
        match self {
            NamedSet::Mnist => &[
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
            ],
            NamedSet::FashionMnist => &[
                "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
                "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            ],
            NamedSet::Kmnist => &[
                "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
                "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
            ],
            NamedSet::EmnistLetters => &[
                "https://biometrics.nist.gov/cs_links/EMNIST/",
                "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/",
            ],
            NamedSet::Cifar10 => &[
                "https://www.cs.toronto.edu/~kriz/",
                "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
            ],
        }
    }

    /// Who made the set, and its terms of use, as far as they are stated.
    pub fn terms(self) -> &'static str {
        match self {
            NamedSet::Mnist => "by Yann LeCun and Corinna Cortes, CC BY-SA 3.0",
            NamedSet::FashionMnist => "by Zalando SE, MIT licence",
            NamedSet::Kmnist => "by the ROIS-DS Center for Open Data in the Humanities, CC BY-SA 4.0",
            NamedSet::EmnistLetters => {
                "by Cohen, Afshar, Tapson and van Schaik, from NIST's special database 19"
            }
            NamedSet::Cifar10 => "by Alex Krizhevsky, who asks for his technical report of 2009 to be cited",
        }
    }

    fn classes(self) -> Option<Classes> {
        let words = match self {
            NamedSet::Mnist | NamedSet::Cifar10 => return None,
            NamedSet::FashionMnist => {
                "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot"
            }
            NamedSet::Kmnist => "o,ki,su,tsu,na,ha,ma,ya,re,wo",
            NamedSet::EmnistLetters => "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z",
        };
        Some(Classes::new(words.split(','), LabelType::Text))
    }

    /// The folder into which `tercet data fetch` downloads the set: `TERCET_DATA`, or `tercet` in the user's data
    /// folder, and the name. `None` if the system has no home folder.
    pub fn folder(self) -> Option<PathBuf> {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = || set("HOME").or_else(|| set("USERPROFILE"));
        let all = set("TERCET_DATA").or_else(|| {
            let of_user = set("XDG_DATA_HOME").or_else(|| match () {
                () if cfg!(windows) => set("LOCALAPPDATA"),
                () if cfg!(target_os = "macos") => {
                    home().map(|home| home.join("Library/Application Support"))
                }
                () => home().map(|home| home.join(".local/share")),
            });
            of_user.map(|folder| folder.join("tercet"))
        })?;
        Some(all.join(self.name()))
    }

    /// The folders where the set may be: those of Tercet, Debian, Keras, torchvision and Hugging Face, in that order.
    pub fn places(self) -> Vec<PathBuf> {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = set("HOME").or_else(|| set("USERPROFILE")).unwrap_or_default();
        let keras = set("KERAS_HOME").unwrap_or_else(|| home.join(".keras")).join("datasets");
        let hub = set("HF_HUB_CACHE")
            .unwrap_or_else(|| set("HF_HOME").unwrap_or_else(|| home.join(".cache/huggingface")).join("hub"));
        let mut places: Vec<PathBuf> = self.folder().into_iter().collect();
        // torchvision takes a folder, which its documentation calls `data`.
        let torch = |name: &str| {
            ["data", "datasets"]
                .map(|root| Path::new(root).join(name))
                .into_iter()
                .chain([home.join("data").join(name)])
        };
        match self {
            NamedSet::Mnist => {
                places.push(keras.join("mnist.npz"));
                places.extend(torch("MNIST/raw"));
            }
            NamedSet::FashionMnist => {
                places.push("/usr/share/datasets/fashion-mnist".into());
                places.push(keras.join("fashion-mnist"));
                places.extend(torch("FashionMNIST/raw"));
                places.extend(snapshots(
                    &hub,
                    &["zalando-datasets--fashion_mnist", "fashion_mnist"],
                    "fashion_mnist",
                ));
            }
            NamedSet::Kmnist => places.extend(torch("KMNIST/raw")),
            NamedSet::EmnistLetters => places.extend(torch("EMNIST/raw")),
            NamedSet::Cifar10 => {
                places.extend(torch("cifar-10-batches-bin"));
                places.push(keras.join("cifar-10-batches-bin"));
                places.extend(snapshots(&hub, &["uoft-cs--cifar10", "cifar10"], "plain_text"));
            }
        }
        places
    }

    /// Whether the set is in this folder.
    fn is_at(self, place: &Path) -> bool {
        match self {
            NamedSet::EmnistLetters => LETTERS.iter().all(|file| gzipped_or_not(place, file).is_some()),
            NamedSet::Cifar10 if super::cifar::files(place).is_some() => true,
            NamedSet::Cifar10 => {
                super::cifar::files(&place.join("cifar-10-batches-bin")).is_some() || has_parquet(place)
            }
            _ => place.is_file() || idx_folder::is_it(place) || has_parquet(place),
        }
    }

    /// The first of the folders that has the set.
    ///
    /// # Errors
    /// If none has it: which were searched, and how to download it.
    pub fn locate(self) -> Result<PathBuf> {
        let places = self.places();
        places.iter().find(|place| self.is_at(place)).cloned().ok_or_else(|| {
            let looked: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
            let bytes: u64 = self.files().iter().map(|file| file.bytes).sum();
            let expected = format!(
                "its files in one of {}; or let `tercet data fetch {}` get them ({} MB)",
                looked.join(", "),
                self.name(),
                bytes.div_ceil(1_000_000)
            );
            Error::mismatch(format!("the data set {}", self.name()), "none on this machine", expected)
        })
    }

    /// Reads the set from where it is.
    pub(super) fn open(self, options: &ReadOptions) -> Result<Found> {
        let place = self.locate()?;
        let found = match self {
            NamedSet::EmnistLetters => letters(&place)?,
            _ => find(&place, options, None)?,
        };
        // Hugging Face's tables contain the names themselves.
        let classes = found.classes.or_else(|| self.classes());
        Ok(Found { name: self.title().to_owned(), classes, ..found })
    }

    /// Extracts the needed files if the download is an archive. `archive` is its path.
    ///
    /// # Errors
    /// An archive that lacks the files or cannot be read, and files that cannot be written.
    pub fn unpack(self, archive: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
        match self {
            NamedSet::EmnistLetters => LETTERS
                .iter()
                .map(|file| {
                    let (name, path) = (format!("gzip/{file}.gz"), folder.join(format!("{file}.gz")));
                    unzip(archive, &name, &path)?;
                    Ok(path)
                })
                .collect(),
            _ => Ok(Vec::new()),
        }
    }

    /// Whether the folder contains all downloaded files, judging by their names.
    pub fn is_fetched(self, folder: &Path) -> bool {
        match self {
            NamedSet::EmnistLetters | NamedSet::Cifar10 => self.is_at(folder),
            _ => false,
        }
    }
}

/// The name of a set that `text` is probably meant to be: `cifar-10`, `fashion_mnist`, `MNIST` or `mnits`.
pub(super) fn similar_name(text: &str) -> Option<&'static str> {
    let plain = |name: &str| -> Vec<char> {
        name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let text = plain(text);
    let differences = |set: &NamedSet| {
        let name = plain(set.name());
        // `emnist`, `fashion`
        if text.len() >= 5 && name.starts_with(&text) { 0 } else { differences(&text, &name) }
    };
    let names = ALL.iter().map(|set| (differences(set), set.name()));
    let (least, name) = names.min()?;
    // Two wrong letters are a misspelling only if most are right.
    (least <= 2 && text.len() > 2 * least).then_some(name)
}

/// The minimum number of letters to insert, remove, replace, or swap with the next, to get from one word to the other
/// (the optimal string alignment distance).
fn differences(a: &[char], b: &[char]) -> usize {
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = match (i, j) {
                (0, _) | (_, 0) => i + j,
                _ => {
                    let replaced = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let one = replaced.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                    let is_swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                    if is_swapped { one.min(table[i - 2][j - 2] + 1) } else { one }
                }
            };
        }
    }
    table[a.len()][b.len()]
}

impl FromStr for NamedSet {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        ALL.into_iter().find(|set| set.name() == text).ok_or_else(|| {
            let names: Vec<&str> = ALL.iter().map(|set| set.name()).collect();
            let hint = similar_name(text).map(|name| format!("; did you mean {name}?")).unwrap_or_default();
            Error::setting("the name of the data set", text, format!("one of {}{hint}", names.join(", ")))
        })
    }
}

impl fmt::Display for NamedSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The folders of a set in the cache of Hugging Face's hub, newest first.
fn snapshots(hub: &Path, names: &[&str], part: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for name in names {
        let folder = hub.join(format!("datasets--{name}")).join("snapshots");
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let mut each: Vec<PathBuf> = entries.map(|entry| entry.path().join(part)).collect();
        each.sort_by_key(|path| {
            std::cmp::Reverse(fs::metadata(path).and_then(|about| about.modified()).ok())
        });
        found.extend(each);
    }
    // If there is none, report where it would be.
    if found.is_empty() {
        found.extend(names.first().map(|name| hub.join(format!("datasets--{name}/snapshots"))));
    }
    found
}

fn has_parquet(folder: &Path) -> bool {
    cfg!(feature = "parquet")
        && fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.starts_with("train") && name.ends_with(".parquet")
        })
}

fn gzipped_or_not(folder: &Path, file: &str) -> Option<PathBuf> {
    [folder.join(file), folder.join(format!("{file}.gz"))].into_iter().find(|path| path.is_file())
}

/// EMNIST letters, of which a folder may hold other splits too.
fn letters(folder: &Path) -> Result<Found> {
    let subset = |what: &str, images: &str, labels: &str| {
        let there = |file| gzipped_or_not(folder, file).unwrap_or_else(|| folder.join(file));
        let (path, labels_path) = (there(images), there(labels));
        let (features, labels) = (idx_folder::read_images(&path)?, idx_folder::read_labels(&labels_path)?);
        let subset = RawSubset::new(format!("EMNIST letters {what}"), path, labels_path, features, labels);
        subset.check()?;
        Ok(subset)
    };
    let train = subset("train", LETTERS[0], LETTERS[1])?;
    let test = subset("test", LETTERS[2], LETTERS[3])?;
    let (train, test) = (Subset::Whole(train), Some(Subset::Whole(test)));
    Ok(Found { name: String::new(), train, test, classes: None, layout: None, notes: Vec::new() })
}

/// Extracts one file from a ZIP archive.
#[cfg(feature = "zip")]
fn unzip(archive: &Path, name: &str, to: &Path) -> Result<()> {
    use std::io::Read;

    /// The maximum number of bytes of an extracted file.
    const MOST_UNPACKED: u64 = 256 << 20;
    let refuse = |error: zip::result::ZipError| {
        let remedy = "Fetch it again.";
        Error::format(
            archive,
            format!("an archive without {name} ({error})"),
            "the archive of the set",
            remedy,
        )
    };
    let file = fs::File::open(archive).map_err(Error::file("open", archive))?;
    let mut zip = zip::ZipArchive::new(file).map_err(refuse)?;
    let entry = zip.by_name(name).map_err(refuse)?;
    let mut entry = entry.take(MOST_UNPACKED);
    crate::file::replace_with(to, |file| std::io::copy(&mut entry, file).map(drop))
}

#[cfg(not(feature = "zip"))]
fn unzip(archive: &Path, _: &str, _: &Path) -> Result<()> {
    Err(Error::feature(archive, "a ZIP archive", "zip"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Idx, Values, write_idx};

    #[test]
    fn digests_are_digests_and_every_set_has_a_mirror() {
        for set in NamedSet::all() {
            assert_eq!(set.name().parse::<NamedSet>().unwrap(), *set);
            assert!(!set.mirrors().is_empty() && set.mirrors().iter().all(|mirror| mirror.ends_with('/')));
            for file in set.files() {
                assert!(
                    file.sha256.len() == 64 && file.sha256.bytes().all(|b| b.is_ascii_hexdigit()),
                    "{file:?}"
                );
                assert!(file.bytes > 0);
            }
        }
        let error = "cifar".parse::<NamedSet>().unwrap_err().to_string();
        assert!(error.contains("fashion-mnist") && error.contains("cifar10"), "{error}");
    }

    #[test]
    fn misspelt_names_are_recognised() {
        for (text, name) in [
            ("cifar-10", "cifar10"),
            ("CIFAR10", "cifar10"),
            ("cifar", "cifar10"),
            ("fashion_mnist", "fashion-mnist"),
            ("FashionMNIST", "fashion-mnist"),
            ("MNIST", "mnist"),
            ("mnits", "mnist"),
            ("k-mnist", "kmnist"),
            ("emnist", "emnist-letters"),
            ("fashion", "fashion-mnist"),
            ("emnist letters", "emnist-letters"),
        ] {
            assert_eq!(similar_name(text), Some(name), "{text}");
        }
        for other in ["", "m", "ist", "digits", "flowers", "imagenet"] {
            assert_eq!(similar_name(other), None, "{other}");
        }
    }

    #[test]
    fn letters_are_transposed_and_their_labels_begin_with_0() {
        let folder = tempfile::tempdir().unwrap();
        // Two images of 2 × 2, column-major in the file.
        let images = Idx { dimensions: vec![2, 2, 2], values: Values::U8(vec![1, 2, 3, 4, 5, 6, 7, 8]) };
        let labels = Idx { dimensions: vec![2], values: Values::U8(vec![1, 26]) };
        for file in LETTERS {
            let idx = if file.contains("images") { &images } else { &labels };
            write_idx(&folder.path().join(file), idx).unwrap();
        }
        assert!(NamedSet::EmnistLetters.is_at(folder.path()));
        let found = letters(folder.path()).unwrap();
        let found = Found { classes: NamedSet::EmnistLetters.classes(), ..found };
        let set = super::super::open::finish(found, &ReadOptions::default()).unwrap();
        assert_eq!(set.train.pixels(0), Some(&[1, 3, 2, 4][..]));
        assert_eq!((set.train.labels(), set.train.classes()[25].as_str()), (&[0, 25][..], "z"));

        // Floats that are pixels are read and transposed as such.
        let values = Values::F32((1..=8u8).map(f32::from).collect());
        for file in [LETTERS[0], LETTERS[2]] {
            let numbers = Idx { dimensions: vec![2, 2, 2], values: values.clone() };
            write_idx(&folder.path().join(file), &numbers).unwrap();
        }
        let set =
            super::super::open::finish(letters(folder.path()).unwrap(), &ReadOptions::default()).unwrap();
        assert_eq!(set.train.pixels(0), Some(&[1, 3, 2, 4][..]));
    }

    #[test]
    fn hugging_faces_folders_are_found_newest_first() {
        let hub = tempfile::tempdir().unwrap();
        assert_eq!(
            snapshots(hub.path(), &["uoft-cs--cifar10"], "plain_text"),
            [hub.path().join("datasets--uoft-cs--cifar10/snapshots")]
        );
        let part = hub.path().join("datasets--cifar10/snapshots/0b2714/plain_text");
        fs::create_dir_all(&part).unwrap();
        assert_eq!(
            snapshots(hub.path(), &["uoft-cs--cifar10", "cifar10"], "plain_text"),
            std::slice::from_ref(&part)
        );
        assert!(!NamedSet::Cifar10.is_at(&part));
        fs::write(part.join("train-00000-of-00001.parquet"), "PAR1").unwrap();
        assert_eq!(NamedSet::Cifar10.is_at(&part), cfg!(feature = "parquet"));

        let snapshots_of = hub.path().join("datasets--x/snapshots");
        let now = std::time::SystemTime::now();
        let aged = [("b", 20), ("a", 60), ("c", 40)].map(|(name, seconds)| {
            let path = snapshots_of.join(name).join("part");
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::File::create(&path)
                .unwrap()
                .set_modified(now - std::time::Duration::from_secs(seconds))
                .unwrap();
            path
        });
        let [b, a, c] = aged;
        assert_eq!(snapshots(hub.path(), &["x"], "part"), [b, c, a]);
    }
}
