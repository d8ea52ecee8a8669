//! Loading the data that a command works on.

use std::path::Path;

use tercet::data::{Collection, SealedTest, Source};
use tercet::preprocess::Input;
use tercet::{Error, Model};

use crate::args::data_source::DataArgs;

/// Reads the data set that `--data` and the options beside it name.
pub fn open(args: &DataArgs) -> anyhow::Result<Collection> {
    Ok(args.data.parse::<Source>()?.open_with(&args.reading.read_options())?)
}

/// The test set of a collection, or an error that says how it would be found.
pub fn test_set(collection: &Collection) -> anyhow::Result<&SealedTest> {
    collection.test.as_ref().ok_or_else(|| {
        let expected =
            "one beside the training set (t10k-images-idx3-ubyte, x_test, …_test.csv, test/), or --test-data";
        Error::mismatch(format!("test set of {}", collection.name), "none", expected).into()
    })
}

/// Rejects a data set whose examples or classes are not the model's.
pub fn check_fit(path: &Path, model: &Model, collection: &Collection) -> anyhow::Result<()> {
    let (card, train) = (&model.card, &collection.train);
    let refuse = |part: &str, found: String, wanted: String| {
        let learned =
            card.data.as_ref().map_or(String::new(), |data| format!(", which learned from {}", data.name));
        let expected =
            format!("{wanted}, the {part} of {}{learned}; `--data` names other data", path.display());
        Err(Error::mismatch(format!("{part} of {}", collection.name), found, expected).into())
    };
    let Input { features, image, .. } = model.preprocessing().input();
    if features != train.width() {
        return refuse("features", train.width().to_string(), features.to_string());
    }
    if let (Some(wanted), Some(found)) = (image, train.feature_shape())
        && wanted != found
    {
        return refuse("images", found.to_string(), wanted.to_string());
    }
    if card.classes.names() != train.classes().names() {
        return refuse("classes", train.classes().join(", "), card.classes.join(", "));
    }
    Ok(())
}
