//! Which bound is minimised.

use serde::{Deserialize, Serialize};

/// What training minimises.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ObjectiveKind {
    /// The negative evidence lower bound, its divergence weighted by beta (Kingma and Welling, 2014; Higgins et al., 2017).
    #[default]
    Elbo,
    /// The importance-weighted bound of several draws (Burda, Grosse and Salakhutdinov, 2016), which is nearer to the
    /// likelihood the more there are.
    Iwae,
    /// The negative evidence lower bound, in whose divergence the total correlation alone is weighted by beta (Chen et al.,
    /// 2018), so that latent dimensions become independent of one another.
    BetaTc,
}

impl ObjectiveKind {
    /// Each, in the order of its definition.
    pub const ALL: [Self; 3] = [Self::Elbo, Self::Iwae, Self::BetaTc];

    /// Draws of an image's latent vector, where the importance-weighted bound is asked for and nothing says otherwise.
    pub const SAMPLES: u32 = 5;

    /// As settings and the command write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Elbo => "elbo",
            Self::Iwae => "iwae",
            Self::BetaTc => "beta-tc",
        }
    }
}
