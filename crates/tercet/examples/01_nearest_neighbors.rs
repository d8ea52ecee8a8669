//! The lecture's first classifier: a digit gets the class of the most similar training images.
//!
//! ```text
//! distance(a, b) = √ Σ (a_i − b_i)²
//! ```

use tercet::Result;
use tercet::data::{Colours, Dataset, Source, contact_sheet_text, default_validation, split};
use tercet::neighbors::{Metric, NeighborsClassifier, Vote, accuracy_by_k};

/// How many images are stored, and how many are classified.
const STORED: usize = 10_000;
const QUERIES: usize = 500;

fn main() -> Result<()> {
    let mnist = Source::Mnist.open()?;
    let parts = split(&mnist.train, default_validation(mnist.train.len()), 0)?;
    let (stored, queries) = (parts.train.first(STORED), parts.validation.first(QUERIES));

    // ANCHOR: distance
    // The sum of the squared differences of all pixels is an integer; the root is taken last.
    let distance = |a: &[u8], b: &[u8]| {
        let squared: u32 = a.iter().zip(b).map(|(&a, &b)| u32::from(a.abs_diff(b)).pow(2)).sum();
        f64::from(squared).sqrt()
    };
    // ANCHOR_END: distance
    let image = |set: &Dataset, i| set.pixels(i).expect("MNIST is made of pixels").to_vec();

    // One digit, its nearest neighbour in each class, and their distances.
    let digit = image(&queries, 0);
    println!(
        "A digit, which is a {}, and how far the nearest image of each class is from it:\n",
        queries.label(0)
    );
    println!("{}", picture(&queries.first(1), 1)?);
    for class in 0..10 {
        let of_class = (0..STORED).filter(|&i| stored.label(i) == class);
        let nearest = of_class.map(|i| distance(&digit, &image(&stored, i))).fold(f64::INFINITY, f64::min);
        println!("  distance to the nearest {class}: {nearest:7.1}");
    }

    // ANCHOR: classify
    let classifier = NeighborsClassifier::fit(&stored, Metric::L2, 3, Vote::Uniform)?;
    let neighbors = classifier.search(&queries)?;
    let predicted = classifier.predict_from(&neighbors)?;
    // ANCHOR_END: classify

    // The library's distances equal those computed above.
    let (nearest, distances) = neighbors.of(0);
    for (&i, &found) in nearest.iter().zip(distances) {
        assert_eq!(found, distance(&digit, &image(&stored, i as usize)));
    }
    println!("\nIts 3 nearest neighbours of all {STORED}:\n");
    let rows: Vec<usize> = nearest.iter().map(|&i| i as usize).collect();
    println!("{}", picture(&stored.subset(&rows), 3)?);

    let labels = queries.labels();
    let right = predicted.iter().zip(labels).filter(|(found, label)| found == label).count();
    println!("Of {QUERIES} digits, the 3 nearest neighbours read {right} rightly.\n");
    println!("How the number of neighbours changes that:");
    // One search for 100 neighbours gives the result for every k up to 100.
    let neighbors = classifier.with_k(100)?.search(&queries)?;
    let accuracies = accuracy_by_k(&neighbors, stored.labels(), labels, Vote::Uniform)?;
    for k in [1, 3, 5, 10, 30, 100] {
        println!("  k = {k:3}: {:5.1} %", 100.0 * accuracies[k - 1]);
    }

    // Distances are square roots of integers, so these results are the same on every machine.
    assert_eq!(right, 480);
    assert!(accuracies[99] < accuracies[2], "too many neighbours blur the borders");
    Ok(())
}

/// Images as text, with a row for each class.
fn picture(images: &Dataset, columns: usize) -> Result<String> {
    contact_sheet_text(images, columns, 100, Colours::None)
}
