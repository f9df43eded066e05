//! Small networks of every kind, with images, noise and parameters to try them on.

use super::{Defined, gradient};
use crate::dataset::ImageShape;
use crate::dataset::batch::scale;
use crate::network::architecture::Architecture;
use crate::network::likelihood::Likelihood;
use crate::network::loss::Objective;
use crate::network::parameters::ParameterTable;
use crate::noise::{Noise, Purpose};

pub(crate) struct Case {
    pub(crate) architecture: Architecture,
    pub(crate) pixels: Vec<u8>,
    pub(crate) labels: Option<Vec<u16>>,
    pub(crate) parameters: Vec<f32>,
    pub(crate) noise: Vec<f32>,
    pub(crate) objective: Objective,
}

impl Case {
    pub(crate) fn new(
        [height, width, channels]: [usize; 3],
        widths: &[usize],
        latent_dim: usize,
        count: usize,
        beta: f32,
    ) -> Self {
        let image = ImageShape { height, width, channels };
        Self::of(
            Architecture::new(image, widths, latent_dim).unwrap(),
            count,
            Objective { beta, ..Objective::default() },
        )
    }

    pub(crate) fn of(architecture: Architecture, count: usize, objective: Objective) -> Self {
        let image = architecture.image();
        let pixels = (0..count * image.len()).map(|i| (i * i % 251) as u8).collect();
        let classes = architecture.classes();
        // Some class more than once, and not always the same between two of another.
        let labels = (classes > 0).then(|| (0..count).map(|i| (i * i % classes) as u16).collect());
        let table = ParameterTable::new(&architecture);
        let mut parameters = table.initialize(5);
        // Biases too, or no test would see them.
        let random = Noise::new(6, Purpose::Choice, 0);
        for (i, parameter) in table.iter().enumerate().filter(|(_, parameter)| parameter.shape.len() == 1) {
            random.uniform(i as u64, 0.3, &mut parameters[parameter.range.clone()]);
        }
        if let Some(prior) = table.prior() {
            random.uniform(2_000, 0.4, &mut parameters[prior.logvars]);
        }
        let mut noise = vec![0.0; count * objective.samples as usize * architecture.latent_dim()];
        random.normal(1_000, &mut noise);
        Self { architecture, pixels, labels, parameters, noise, objective }
    }

    pub(crate) fn images(&self) -> Vec<f64> {
        let mut images = vec![0.0; self.pixels.len()];
        scale(&self.pixels, &mut images);
        images.into_iter().map(f64::from).collect()
    }

    pub(crate) fn at(&self, parameters: &[f64]) -> Defined {
        let noise: Vec<f64> = self.noise.iter().map(|&x| f64::from(x)).collect();
        gradient(
            &self.architecture,
            parameters,
            &self.images(),
            &noise,
            self.labels.as_deref().unwrap_or(&[]),
            &self.objective,
        )
    }

    pub(crate) fn parameters(&self) -> Vec<f64> {
        self.parameters.iter().map(|&x| f64::from(x)).collect()
    }
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new([8, 8, 1], &[3, 5], 2, 2, 1.0),
        Case::new([9, 11, 3], &[4], 3, 2, 0.7),
        Case::new([10, 9, 2], &[3, 2, 4], 2, 3, 2.0),
    ]
    .into_iter()
    .chain(of_each_likelihood())
    .chain([with_free_bits(), with_classes(5)])
    .chain(of_each_objective(2))
    .collect()
}

/// Several draws, a learned prior, both, and the total correlation; more draws than a thread takes at once, too.
pub(crate) fn of_each_objective(count: usize) -> impl Iterator<Item = Case> {
    let of = move |samples, prior_components, total_correlation, likelihood| {
        let image = ImageShape { height: 9, width: 8, channels: 2 };
        let architecture = Architecture::new(image, &[3, 4], 3).unwrap().with_likelihood(likelihood);
        let architecture = architecture.with_classes(2).unwrap().with_prior_components(prior_components).unwrap();
        let objective = Objective { beta: 0.8, samples, total_correlation, ..Objective::default() };
        Case::of(architecture, count, objective)
    };
    [
        of(4, 0, 0.0, Likelihood::Bernoulli),
        of(1, 3, 0.0, Likelihood::SigmaGaussian),
        of(3, 2, 0.0, Likelihood::SigmaGaussian),
        of(19, 0, 0.0, Likelihood::Gaussian),
        of(1, 0, 2.5, Likelihood::Gaussian),
    ]
    .into_iter()
}

pub(crate) fn with_classes(count: usize) -> Case {
    let image = ImageShape { height: 9, width: 8, channels: 2 };
    let architecture = Architecture::new(image, &[3, 4], 3).unwrap().with_classes(4).unwrap();
    Case::of(architecture.with_likelihood(Likelihood::SigmaGaussian), count, Objective::default())
}

/// Of its dimensions some are free and some are not.
pub(crate) fn with_free_bits() -> Case {
    let image = ImageShape { height: 9, width: 8, channels: 2 };
    let architecture = Architecture::new(image, &[3, 4], 5).unwrap();
    Case::of(architecture, 3, Objective { beta: 0.5, free_bits: 0.05, ..Objective::default() })
}

pub(crate) fn of_each_likelihood() -> impl Iterator<Item = Case> {
    Likelihood::ALL.into_iter().map(|likelihood| {
        let image = ImageShape { height: 9, width: 8, channels: 2 };
        let architecture = Architecture::new(image, &[3, 4], 2).unwrap().with_likelihood(likelihood);
        Case::of(architecture, 3, Objective { beta: 0.5, ..Objective::default() })
    })
}
