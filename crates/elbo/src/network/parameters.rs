//! One table of parameters: from it come offsets, initial values, keys in files, counts and the printed summary.

use crate::network::architecture::{Architecture, Role};
use crate::network::prior::PriorTensors;
use crate::noise::{Noise, Purpose};
use std::ops::Range;

/// The name of the number from which one standard deviation for all pixels follows, where it is learned.
const LOG_SIGMA: &str = "decoder.log_sigma";

/// The names of the parameters of a learned prior: means and log-variances, `[K, Z]`, and what the weights are the softmax
/// of, `[K]`.
const PRIOR: [&str; 3] = ["prior.means", "prior.logvars", "prior.logits"];

/// One tensor of the network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parameter {
    /// Its name, as in files: `encoder.conv1.weight`.
    pub name: String,
    /// Its shape; values are row-major.
    pub shape: Vec<usize>,
    /// Where it lies in the flat array of all parameters.
    pub range: Range<usize>,
    /// Kernel area times input and output channels; a bias has none.
    fans: Option<[usize; 2]>,
}

/// All tensors of a network, in the order in which data flows; parameters, gradients and moments are flat arrays of
/// this layout.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParameterTable {
    parameters: Vec<Parameter>,
    len: usize,
}

impl ParameterTable {
    /// The table of a network.
    #[must_use]
    pub fn new(architecture: &Architecture) -> Self {
        let mut table = Self { parameters: Vec::new(), len: 0 };
        let layers = architecture.layers();
        for layer in &layers {
            let [kernel_height, kernel_width] = layer.geometry.kernel;
            let taps = layer.geometry.taps();
            let fans = [taps * layer.c_in, taps * layer.c_out];
            let (shape, fans) = match layer.role {
                // A plain matrix.
                Role::Head => (vec![taps * layer.c_in, layer.c_out], [taps * layer.c_in, layer.c_out]),
                _ => (vec![kernel_height, kernel_width, layer.c_in, layer.c_out], fans),
            };
            table.push(format!("{}.weight", layer.name), shape, Some(fans));
            table.push(format!("{}.bias", layer.name), vec![layer.c_out], None);
        }
        let classes = architecture.classes();
        if classes > 0 {
            for (layer, name) in layers.iter().filter_map(|layer| Some((layer, layer.role.class_rows()?))) {
                let numbers = layer.output().iter().product();
                table.push(name.to_owned(), vec![classes, numbers], Some([classes, numbers]));
            }
        }
        if architecture.likelihood().learns_sigma() {
            table.push(LOG_SIGMA.to_owned(), vec![1], None);
        }
        let components = architecture.prior_components();
        if components > 0 {
            let [means, logvars, logits] = PRIOR.map(str::to_owned);
            let shape = vec![components, architecture.latent_dim()];
            // Means begin within -1 to 1, so that no two components are the same.
            table.push(means, shape.clone(), Some([3, 3]));
            table.push(logvars, shape, None);
            table.push(logits, vec![components], None);
        }
        table
    }

    fn push(&mut self, name: String, shape: Vec<usize>, fans: Option<[usize; 2]>) {
        let start = self.len;
        self.len += shape.iter().product::<usize>();
        self.parameters.push(Parameter { name, shape, range: start..self.len, fans });
    }

    /// The number of parameters of all tensors together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Never: every network has parameters.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The tensors in their order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Parameter> {
        self.parameters.iter()
    }

    /// Weight and bias of layer number `layer`.
    pub(crate) fn layer(&self, layer: usize) -> (&Parameter, &Parameter) {
        (&self.parameters[2 * layer], &self.parameters[2 * layer + 1])
    }

    /// The rows, one per class, that are added to the sums of a layer of this role, if the network is conditional.
    pub(crate) fn class_rows(&self, role: Role) -> Option<&Parameter> {
        role.class_rows().and_then(|name| self.named(name))
    }

    fn named(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    /// Where the number from which the pixels' standard deviation follows lies, if it is learned.
    pub(crate) fn log_sigma(&self) -> Option<usize> {
        self.named(LOG_SIGMA).map(|parameter| parameter.range.start)
    }

    /// Where the parameters of a learned prior lie, if there is one.
    pub(crate) fn prior(&self) -> Option<PriorTensors> {
        let [means, logvars, logits] = PRIOR.map(|name| self.named(name).map(|parameter| parameter.range.clone()));
        Some(PriorTensors { means: means?, logvars: logvars?, logits: logits? })
    }

    /// Fresh parameters: Glorot uniform for weights, within `+-sqrt(6 / (fan_in + fan_out))` (Glorot and Bengio,
    /// 2010, equation 16) with the fans kernel area x channels; means of a learned prior within +-1; and zero for biases
    /// and all else.
    #[must_use]
    pub fn initialize(&self, seed: u64) -> Vec<f32> {
        let mut values = vec![0.0; self.len];
        let noise = Noise::new(seed, Purpose::Initialization, 0);
        for (number, parameter) in self.parameters.iter().enumerate() {
            if let Some([fan_in, fan_out]) = parameter.fans {
                let bound = (6.0 / (fan_in + fan_out) as f64).sqrt() as f32;
                noise.uniform(number as u64, bound, &mut values[parameter.range.clone()]);
            }
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::ImageShape;
    use sha2::{Digest, Sha256};

    #[test]
    fn the_reference_adds_up_as_published() {
        let table = ParameterTable::new(&Architecture::reference());
        assert_eq!(table.len(), 262_761);
        let encoder: usize = table.iter().filter(|p| p.name.starts_with("encoder")).map(|p| p.range.len()).sum();
        assert_eq!(encoder, 144_296);
        let shapes: Vec<_> = table.iter().map(|p| (p.name.as_str(), p.shape.clone())).collect();
        assert_eq!(shapes[0], ("encoder.conv1.weight", vec![3, 3, 1, 32]));
        assert_eq!(shapes[1], ("encoder.conv1.bias", vec![32]));
        assert_eq!(shapes[4], ("encoder.head.weight", vec![3136, 40]));
        assert_eq!(shapes[6], ("decoder.project.weight", vec![7, 7, 20, 64]));
        assert_eq!(shapes[10], ("decoder.deconv2.weight", vec![3, 3, 64, 32]));
        assert_eq!(shapes[13], ("decoder.output.bias", vec![1]));
    }

    #[test]
    fn ranges_cover_the_array_without_gaps() {
        let image = ImageShape { height: 9, width: 12, channels: 3 };
        let table = ParameterTable::new(&Architecture::new(image, &[5, 7, 3], 4).unwrap());
        let mut end = 0;
        for parameter in table.iter() {
            assert_eq!(parameter.range.start, end);
            assert_eq!(parameter.range.len(), parameter.shape.iter().product::<usize>());
            end = parameter.range.end;
        }
        assert_eq!(end, table.len());
    }

    /// The first weights are those of `tests/golden/make_noise.py`.
    #[test]
    fn initial_weights_are_what_they_were() {
        let values = ParameterTable::new(&Architecture::reference()).initialize(1);
        let first = values[..4].iter().map(|value| value.to_bits());
        assert!(first.eq([0x3dcf_e5bb, 0xbcf1_35f7, 0x3d3c_2653, 0xbcd3_03f2]), "{:?}", &values[..4]);
        let digest =
            values.iter().fold(Sha256::new(), |hasher, value| hasher.chain_update(value.to_le_bytes())).finalize();
        assert_eq!(digest[..8], [237, 78, 172, 210, 69, 42, 197, 74]);
    }

    #[test]
    fn initial_weights_are_glorot_uniform_and_biases_zero() {
        let table = ParameterTable::new(&Architecture::reference());
        let values = table.initialize(1);
        assert_ne!(values, table.initialize(2));
        assert_eq!(values, table.initialize(1));
        for parameter in table.iter() {
            let values = &values[parameter.range.clone()];
            if parameter.name.ends_with("bias") {
                assert!(values.iter().all(|&x| x == 0.0));
                continue;
            }
            // Fans by hand: kernel area x channels, the head's a plain matrix.
            let fans = match parameter.shape[..] {
                [rows, columns] => rows + columns,
                [h, w, c_in, c_out] => h * w * (c_in + c_out),
                _ => unreachable!(),
            };
            let bound = (6.0 / fans as f32).sqrt();
            let largest = values.iter().fold(0.0_f32, |a, x| a.max(x.abs()));
            assert!(largest <= bound && largest > 0.95 * bound, "{}: {largest} of {bound}", parameter.name);
            let mean = values.iter().sum::<f32>() / values.len() as f32;
            assert!(mean.abs() < 4.0 * bound / (3.0 * values.len() as f32).sqrt(), "{}: mean {mean}", parameter.name);
        }
    }
}
