//! The programs that go with weights: one text for all networks, below the constants of one.

use super::scale::Scale;
use crate::files::ModelCard;
use crate::network::likelihood::Likelihood;

const PYTORCH: &str = include_str!("scripts/pytorch.py");
const KERAS: &str = include_str!("scripts/keras.py");

/// The line that the constants take the place of.
const MARK: &str = "# CONSTANTS\n";

/// The program that builds a network with `PyTorch`.
pub(super) fn pytorch(card: &ModelCard, scale: Scale) -> Vec<u8> {
    PYTORCH.replace(MARK, &constants(card, scale)).into_bytes()
}

/// The program that builds a network with Keras.
pub(super) fn keras(card: &ModelCard, scale: Scale) -> Vec<u8> {
    KERAS.replace(MARK, &constants(card, scale)).into_bytes()
}

fn constants(card: &ModelCard, scale: Scale) -> String {
    let architecture = &card.architecture;
    let drawn = if card.recipe.binarize.is_some() {
        "# Trained on pixels drawn black or white: draw those of grey images first, white with their share of white.\n"
    } else {
        ""
    };
    let image = architecture.image();
    let widths: Vec<String> = architecture.widths().iter().map(usize::to_string).collect();
    let likelihood = match architecture.likelihood() {
        Likelihood::Gaussian => "gaussian",
        Likelihood::SigmaGaussian => "sigma-gaussian",
        Likelihood::Bernoulli => "bernoulli",
        Likelihood::ContinuousBernoulli => "continuous-bernoulli",
    };
    let cut = if scale.is_unit { "False" } else { "True" };
    // `{:?}` writes a whole number as Python does a float: `255.0`.
    format!(
        "HEIGHT, WIDTH, CHANNELS = {}, {}, {}\n\
         WIDTHS = [{}]  # channels after each stage\n\
         LATENT_DIM = {}\n\
         CLASSES = {}  # 0: the model is not conditional\n\
         PRIOR_COMPONENTS = {}  # 0: the prior is the standard normal\n\
         LIKELIHOOD = \"{likelihood}\"\n\
         BLACK, WHITE = {:?}, {:?}\n\
         CUT = {cut}  # whether numbers outside become the nearest inside\n{drawn}",
        image.height,
        image.width,
        image.channels,
        widths.join(", "),
        architecture.latent_dim(),
        architecture.classes(),
        architecture.prior_components(),
        scale.low,
        scale.high,
    )
}
