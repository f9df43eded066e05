//! A learned mixture of Gaussians as the prior of latent vectors.
//!
//! `p(z) = sum over c of w_c N(z; m_c, diag(exp v_c))`, with the weights `w` the softmax of logits. All three are parameters
//! of the network ([`PriorTensors`]), and learned with it.

use super::parameters::ParameterTable;
use std::ops::Range;

/// Where the parameters of the mixture lie among those of the network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PriorTensors {
    /// Means, `[K, Z]`.
    pub(crate) means: Range<usize>,
    /// Logarithms of the variances, `[K, Z]`.
    pub(crate) logvars: Range<usize>,
    /// What the weights are the softmax of, `[K]`.
    pub(crate) logits: Range<usize>,
}

impl PriorTensors {
    /// All of them: they follow one another.
    pub(crate) fn range(&self) -> Range<usize> {
        self.means.start..self.logits.end
    }
}

/// A mixture of Gaussians with diagonal covariances, to be asked for its density.
#[derive(Clone, PartialEq, Debug)]
pub struct LearnedPrior {
    dim: usize,
    /// `[K, Z]`.
    means: Vec<f64>,
    /// One by variance, `[K, Z]`.
    precisions: Vec<f64>,
    weights: Vec<f64>,
    /// Of each component the logarithm of its weight and of its density's constant.
    constants: Vec<f64>,
}

/// The gradient of a mixture's parameters, in the layout of the [`PriorTensors`].
pub(crate) struct MixtureGradient<'a> {
    pub(crate) means: &'a mut [f32],
    pub(crate) logvars: &'a mut [f32],
    pub(crate) logits: &'a mut [f32],
}

impl<'a> MixtureGradient<'a> {
    /// In the numbers of a mixture of `components` components, which follow one another.
    pub(crate) fn new(numbers: &'a mut [f32], components: usize) -> Self {
        let (means, rest) = numbers.split_at_mut((numbers.len() - components) / 2);
        let (logvars, logits) = rest.split_at_mut(means.len());
        Self { means, logvars, logits }
    }
}

impl LearnedPrior {
    /// The prior that is among the parameters of a network; none if that is the standard normal.
    #[must_use]
    pub fn of(table: &ParameterTable, parameters: &[f32]) -> Option<Self> {
        let PriorTensors { means, logvars, logits } = table.prior()?;
        let of = |range: Range<usize>| parameters[range].iter().map(|&number| f64::from(number)).collect::<Vec<_>>();
        let (means, logvars, logits) = (of(means), of(logvars), of(logits));
        let dim = means.len() / logits.len();
        let norm = log_sum_exp(&logits);
        let weights = logits.iter().map(|logit| libm::exp(logit - norm)).collect();
        let constants = logits.iter().zip(logvars.chunks_exact(dim)).map(|(logit, logvars)| {
            logit - norm - 0.5 * logvars.iter().map(|logvar| logvar + libm::log(std::f64::consts::TAU)).sum::<f64>()
        });
        let constants = constants.collect();
        let precisions = logvars.iter().map(|logvar| libm::exp(-logvar)).collect();
        Some(Self { dim, means, precisions, weights, constants })
    }

    /// The weight of each component; they add up to 1.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Mean and standard deviation of a component in each latent dimension.
    ///
    /// # Panics
    /// If there is no such component.
    pub fn component(&self, component: usize) -> impl Iterator<Item = (f64, f64)> {
        let here = component * self.dim..(component + 1) * self.dim;
        let precisions = self.precisions[here.clone()].iter();
        self.means[here].iter().zip(precisions).map(|(mean, precision)| (*mean, libm::sqrt(1.0 / precision)))
    }

    /// The component that a number from 0 up to 1 chooses, each as often as its weight says.
    #[must_use]
    pub fn choose(&self, share: f64) -> usize {
        let mut sum = 0.0;
        let is_before = |weight: &&f64| {
            sum += **weight;
            sum <= share
        };
        self.weights.iter().take_while(is_before).count().min(self.weights.len() - 1)
    }

    /// The logarithm of the density at a latent vector, `[Z]`, in nats.
    #[must_use]
    pub fn log_density(&self, latent: &[f32]) -> f64 {
        self.log_densities(latent, &mut Vec::new())
    }

    /// The same; leaves the share of each component in it, `[K]`.
    fn log_densities(&self, latent: &[f32], shares: &mut Vec<f64>) -> f64 {
        let components = self.means.chunks_exact(self.dim).zip(self.precisions.chunks_exact(self.dim));
        shares.clear();
        shares.extend(components.zip(&self.constants).map(|((means, precisions), constant)| {
            let distances = latent.iter().zip(means).zip(precisions);
            let square = |off: f64| off * off;
            constant - 0.5 * distances.map(|((z, mean), by)| square(f64::from(*z) - mean) * by).sum::<f64>()
        }));
        let total = log_sum_exp(shares);
        for share in shares {
            *share = libm::exp(*share - total);
        }
        total
    }

    /// The logarithm of the density at a latent vector, `[Z]`; writes its gradient by the latent vector and adds `weight`
    /// times that by the parameters.
    pub(crate) fn gradient(
        &self,
        latent: &[f32],
        by_latent: &mut [f32],
        weight: f64,
        parameters: &mut MixtureGradient<'_>,
        shares: &mut Vec<f64>,
    ) -> f64 {
        let log_density = self.log_densities(latent, shares);
        by_latent.fill(0.0);
        for (component, &share) in shares.iter().enumerate() {
            let here = component * self.dim..(component + 1) * self.dim;
            let (means, precisions) = (&self.means[here.clone()], &self.precisions[here.clone()]);
            let gradients = parameters.means[here.clone()].iter_mut().zip(&mut parameters.logvars[here]);
            let numbers = latent.iter().zip(means).zip(precisions).zip(by_latent.iter_mut().zip(gradients));
            for (((z, mean), precision), (by_latent, (by_mean, by_logvar))) in numbers {
                let off = f64::from(*z) - mean;
                let pull = share * off * precision;
                *by_latent -= pull as f32;
                *by_mean += (weight * pull) as f32;
                *by_logvar += (weight * 0.5 * (pull * off - share)) as f32;
            }
            parameters.logits[component] += (weight * (share - self.weights[component])) as f32;
        }
        log_density
    }
}

/// `log sum exp`, which does not overflow.
pub(crate) fn log_sum_exp(numbers: &[f64]) -> f64 {
    let largest = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !largest.is_finite() {
        // Of NaN the maximum would hide.
        return numbers.iter().sum();
    }
    largest + libm::log(numbers.iter().map(|number| libm::exp(number - largest)).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::architecture::Architecture;

    fn mixture() -> (ParameterTable, Vec<f32>) {
        let architecture = Architecture::reference().with_prior_components(2).unwrap();
        let table = ParameterTable::new(&architecture);
        let mut parameters = vec![0.0; table.len()];
        let PriorTensors { means, logvars, logits } = table.prior().unwrap();
        parameters[means].iter_mut().enumerate().for_each(|(i, mean)| *mean = (i as f32 * 0.7).sin());
        parameters[logvars].iter_mut().enumerate().for_each(|(i, logvar)| *logvar = (i as f32 * 1.3).cos());
        parameters[logits].copy_from_slice(&[0.3, -0.5]);
        (table, parameters)
    }

    #[test]
    fn one_standard_component_is_the_standard_normal() {
        let table = ParameterTable::new(&Architecture::reference().with_prior_components(1).unwrap());
        let mixture = LearnedPrior::of(&table, &vec![0.0; table.len()]).unwrap();
        let latent: Vec<f32> = (0..20).map(|i| 0.1 * i as f32).collect();
        let squares: f64 = latent.iter().map(|z| f64::from(*z).powi(2)).sum();
        let expected = -0.5 * squares - 10.0 * std::f64::consts::TAU.ln();
        assert!((mixture.log_density(&latent) - expected).abs() < 1e-12);
        assert!(LearnedPrior::of(&ParameterTable::new(&Architecture::reference()), &[]).is_none());
    }

    #[test]
    fn gradients_are_those_of_the_density() {
        let (table, parameters) = mixture();
        let latent: Vec<f32> = (0..20).map(|i| (i as f32 * 2.1).sin()).collect();
        let tensors = table.prior().unwrap();
        let mut by_latent = vec![9.0; 20];
        let mut by_parameters = vec![0.0; tensors.range().len()];
        let mut gradient = MixtureGradient::new(&mut by_parameters, 2);
        let of = |parameters: &[f32], latent: &[f32]| LearnedPrior::of(&table, parameters).unwrap().log_density(latent);
        let mixture = LearnedPrior::of(&table, &parameters).unwrap();
        let density = mixture.gradient(&latent, &mut by_latent, 2.0, &mut gradient, &mut Vec::new());
        assert_eq!(density, of(&parameters, &latent));
        let step = 1e-2;
        let difference = |change: &dyn Fn(f32) -> f64| (change(step) - change(-step)) / (2.0 * f64::from(step));
        for i in 0..20 {
            let expected = difference(&|step| {
                let mut latent = latent.clone();
                latent[i] += step;
                of(&parameters, &latent)
            });
            assert!((f64::from(by_latent[i]) - expected).abs() < 1e-3, "{i}: {} {expected}", by_latent[i]);
        }
        for (i, place) in tensors.range().enumerate() {
            let expected = 2.0
                * difference(&|step| {
                    let mut parameters = parameters.clone();
                    parameters[place] += step;
                    of(&parameters, &latent)
                });
            assert!((f64::from(by_parameters[i]) - expected).abs() < 2e-3, "{i}: {} {expected}", by_parameters[i]);
        }
    }

    #[test]
    fn components_are_chosen_by_their_weights() {
        let (table, parameters) = mixture();
        let mixture = LearnedPrior::of(&table, &parameters).unwrap();
        let first = mixture.weights()[0];
        assert!((first - 1.0 / (1.0 + (-0.8_f64).exp())).abs() < 1e-7);
        let chosen = [0.0, first - 1e-9, first + 1e-9, 0.999_999, 1.0].map(|share| mixture.choose(share));
        assert_eq!(chosen, [0, 0, 1, 1, 1]);
    }
}
