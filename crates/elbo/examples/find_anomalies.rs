//! Trains on all digits of MNIST but one, and says how well the loss then tells that one from the others; or, with `only`,
//! on that digit alone, and how well it tells the others from it.
//!
//!     cargo run --release --example find_anomalies -- 4
//!     cargo run --release --example find_anomalies -- 4 only

use elbo::anomaly::ranking::{auroc, average_precision};
use elbo::anomaly::{Score, scores, threshold};
use elbo::dataset::Splits;
use elbo::{Recipe, Settings, Training, Vae};
use std::error::Error;

/// Trains on the images of these classes, prints how well each score tells those of others in the test set from them, and
/// gives the areas under the curve.
pub(crate) fn find(data: &Splits, normal: &[String], recipe: Option<Recipe>) -> Result<Vec<f64>, Box<dyn Error>> {
    let test = data.test.as_ref().ok_or("data with a test set are wanted")?;
    let mut kept = data.clone();
    kept.keep_classes(normal)?;
    let recipe = Recipe { validation: 0.1, ..recipe.unwrap_or_else(|| Recipe::for_data(&kept, Some(0.1))) };
    let mut training = Training::new(Settings::new("normal images", recipe), kept)?;
    while training.advance()?.is_some() {}
    let vae = Vae::try_from(&training)?;

    let losses = scores(&vae, test, 10, 1, &|_| ())?;
    let is_anomaly: Vec<bool> = test
        .labels()
        .unwrap_or_default()
        .iter()
        .map(|label| !normal.contains(&test.classes()[usize::from(*label)]))
        .collect();
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
        [digit] => (digit, false),
        [digit, only] if only == "only" => (digit, true),
        _ => return Err("usage: find_anomalies DIGIT [only]".into()),
    };
    let mnist = Splits::mnist();
    let normal: Vec<String> = mnist.train.classes().iter().filter(|class| (*class == digit) == only).cloned().collect();
    find(&mnist, &normal, None)?;
    Ok(())
}
