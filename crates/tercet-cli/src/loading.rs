//! Loading the data that a command works on.

use std::path::Path;

use tercet::data::{Collection, ReadOptions, SealedTest, Source};
use tercet::preprocess::Input;
use tercet::{Error, Model};

use crate::args::data_source::DataArgs;
use crate::output_files::register_source;
use crate::progress::say;

/// Reads the data set of `--data` and its related options.
pub fn open(args: &DataArgs) -> anyhow::Result<Collection> {
    open_source(&args.data.parse()?, &args.reading.read_options())
}

/// Reads a data set, and prints what is not obvious about how it was read.
pub fn open_source(source: &Source, options: &ReadOptions) -> anyhow::Result<Collection> {
    register_source(source)?;
    let collection = source.open_with(options)?;
    collection.notes.iter().for_each(say);
    Ok(collection)
}

/// The test set, or an error that says where one is looked for.
pub fn test_set(collection: &Collection) -> anyhow::Result<&SealedTest> {
    collection.test.as_ref().ok_or_else(|| {
        let expected = "one next to the training set (t10k-images-idx3-ubyte, x_test, …_test.csv, test/), or \
             --test-data";
        Error::mismatch(format!("test set of {}", collection.name), "none", expected).into()
    })
}

/// Rejects a data set whose features, images or classes differ from the model's.
pub fn check_fit(path: &Path, model: &Model, collection: &Collection) -> anyhow::Result<()> {
    let (card, train) = (&model.card, &collection.train);
    let reject = |part: &str, found: String, wanted: String| {
        let learned =
            card.data.as_ref().map_or(String::new(), |data| format!(", which was trained on {}", data.name));
        let expected =
            format!("{wanted}, the {part} of {}{learned}; choose other data with --data", path.display());
        Err(Error::mismatch(format!("{part} of {}", collection.name), found, expected).into())
    };
    let Input { features, image, .. } = model.preprocessing().input();
    if features != train.width() {
        return reject("features", train.width().to_string(), features.to_string());
    }
    if let (Some(wanted), Some(found)) = (image, train.feature_shape())
        && wanted != found
    {
        return reject("images", found.to_string(), wanted.to_string());
    }
    if card.classes.names() != train.classes().names() {
        return reject("classes", train.classes().join(", "), card.classes.join(", "));
    }
    Ok(())
}
