//! Trains on all digits of MNIST but one, and says how well the loss then tells that one from the others; or, with `only`,
//! on that digit alone, and how well it tells the others from it.
//!
//!     cargo run --release --example find_anomalies -- 4
//!     cargo run --release --example find_anomalies -- 4 only

use elbo::anomaly::ranking::{auroc, average_precision};
use elbo::anomaly::{Score, scores, threshold};
use elbo::dataset::{Dataset, DatasetError, Splits};
use elbo::{Recipe, Settings, Training, Vae};
use std::error::Error;

/// The images of a data set whose class is normal.
fn normal(images: &Dataset, is_normal: impl Fn(u16) -> bool) -> Result<Dataset, DatasetError> {
    let labels = (0..).zip(images.labels().unwrap_or_default());
    let chosen: Vec<u32> = labels.filter(|(_, label)| is_normal(**label)).map(|(index, _)| index).collect();
    images.subset(&chosen)
}

/// Trains on normal images, prints how well each score tells the others from them in `test`, and gives the areas under the
/// curve.
pub(crate) fn find(
    train: &Dataset,
    test: &Dataset,
    recipe: Recipe,
    is_normal: impl Fn(u16) -> bool,
) -> Result<Vec<f64>, Box<dyn Error>> {
    let recipe = Recipe { validation: 0.1, ..recipe };
    let mut training = Training::new(Settings::new("normal images", recipe), normal(train, &is_normal)?)?;
    while training.advance()?.is_some() {}
    let vae = Vae::try_from(&training)?;

    let losses = scores(&vae, test, 10, 1, &|_| ())?;
    let is_anomaly: Vec<bool> = test.labels().unwrap_or_default().iter().map(|label| !is_normal(*label)).collect();
    let mut areas = Vec::new();
    for score in Score::ALL {
        let values: Vec<f64> = losses.iter().map(|loss| score.of(*loss)).collect();
        let area = auroc(&values, &is_anomaly).ok_or("images of one kind only")?;
        let precision = average_precision(&values, &is_anomaly).unwrap_or(0.0);
        println!("{score:<15} AUROC {area:.4}, average precision {precision:.4}");
        areas.push(area);
    }

    // A threshold comes from normal images that were not trained on.
    if let Some((_, held_out)) = training.held_out() {
        let held_out: Vec<f64> =
            scores(&vae, held_out, 10, 1, &|_| ())?.into_iter().map(|loss| Score::Loss.of(loss)).collect();
        let limit = threshold(&held_out, 0.05)?;
        let share = |kind: bool| {
            let of_kind = losses.iter().zip(&is_anomaly).filter(|(_, is_anomaly)| **is_anomaly == kind);
            let above = of_kind.clone().filter(|(loss, _)| loss.total() > limit).count();
            100.0 * above as f64 / of_kind.count() as f64
        };
        println!("above {limit:.2} nats: {:.1} % of normal images, {:.1} % of anomalies", share(false), share(true));
    }
    Ok(areas)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (digit, only) = match &arguments[..] {
        [digit] => (digit.parse::<u16>()?, false),
        [digit, only] if only == "only" => (digit.parse::<u16>()?, true),
        _ => return Err("usage: find_anomalies DIGIT [only]".into()),
    };
    let mnist = Splits::mnist();
    let test = mnist.test.ok_or("MNIST has a test set")?;
    let recipe = Recipe { epochs: if only { 20 } else { 5 }, ..Recipe::fast() };
    find(&mnist.train, &test, recipe, |label| (label == digit) == only)?;
    Ok(())
}
