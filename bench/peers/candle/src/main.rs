//! The training step in candle, on its own CPU kernels.

use candle_core::{Device, Result, Tensor, Var};
use candle_nn::{AdamW, Optimizer, ParamsAdamW};
use elbo_peers_common::{BETA1, BETA2, EPSILON, Failure, LEARNING_RATE, Layer, Network, Parameter, Trainer, serve};

const VERSION: &str = "candle 0.11.1";

/// A layer's parameters; the bias in the shape in which it is added.
struct Variables {
    weight: Var,
    bias: Var,
}

impl Variables {
    fn new(layer: &Layer, bias_shape: &[usize]) -> Result<Self> {
        let var = |parameter: &Parameter, shape: &[usize]| {
            Var::from_tensor(&Tensor::from_slice(&parameter.values, shape, &Device::Cpu)?)
        };
        Ok(Self { weight: var(&layer.weight, &layer.weight.shape)?, bias: var(&layer.bias, bias_shape)? })
    }

    /// Those of a layer on `[N, C, H, W]`.
    fn spatial(layer: &Layer) -> Result<Self> {
        Self::new(layer, &[1, layer.bias.values.len(), 1, 1])
    }

    fn conv(&self, x: &Tensor) -> Result<Tensor> {
        x.conv2d(&self.weight, 1, 2, 1, 1)?.broadcast_add(&self.bias)
    }

    /// The output has `stride` times the side.
    fn deconv(&self, x: &Tensor, stride: usize) -> Result<Tensor> {
        x.conv_transpose2d(&self.weight, 1, stride - 1, stride, 1)?.broadcast_add(&self.bias)
    }
}

/// The network and its optimiser.
struct Vae {
    image: (usize, usize),
    deepest: (usize, usize),
    latent_dim: usize,
    convs: Vec<Variables>,
    head: Variables,
    project: Variables,
    deconvs: Vec<Variables>,
    output: Variables,
    adam: AdamW,
}

impl Vae {
    fn new(network: &Network) -> Result<Self> {
        let layers = network.layers();
        let spatial = |layers: &[Layer]| layers.iter().map(Variables::spatial).collect::<Result<Vec<_>>>();
        let (convs, deconvs) = (spatial(&layers.convs)?, spatial(&layers.deconvs)?);
        let head = Variables::new(&layers.head, &[1, 2 * network.latent_dim])?;
        let (project, output) = (Variables::spatial(&layers.project)?, Variables::spatial(&layers.output)?);
        let all = convs.iter().chain(&deconvs).chain([&head, &project, &output]);
        let variables = all.flat_map(|layer| [layer.weight.clone(), layer.bias.clone()]).collect();
        let adam = ParamsAdamW { lr: LEARNING_RATE, beta1: BETA1, beta2: BETA2, eps: EPSILON, weight_decay: 0.0 };
        let (image, deepest) = ((network.channels, network.side), network.deepest());
        let (latent_dim, adam) = (network.latent_dim, AdamW::new(variables, adam)?);
        Ok(Self { image, deepest, latent_dim, convs, head, project, deconvs, output, adam })
    }

    /// Mean over the batch of reconstruction error and KL.
    fn loss(&self, x: &Tensor, eps: &Tensor) -> Result<Tensor> {
        let batch = x.dim(0)?;
        let mut h = x.clone();
        for conv in &self.convs {
            h = conv.conv(&h)?.relu()?;
        }
        let statistics = h.flatten_from(1)?.matmul(&self.head.weight)?.broadcast_add(&self.head.bias)?;
        let mean = statistics.narrow(1, 0, self.latent_dim)?;
        let logvar = statistics.narrow(1, self.latent_dim, self.latent_dim)?;
        let z = (&mean + (eps * (&logvar * 0.5)?.exp()?)?)?;
        let (channels, side) = self.deepest;
        h = z.matmul(&self.project.weight)?.reshape((batch, channels, side, side))?;
        h = h.broadcast_add(&self.project.bias)?.relu()?;
        for deconv in &self.deconvs {
            h = deconv.deconv(&h, 2)?.relu()?;
        }
        let xhat = candle_nn::ops::sigmoid(&self.output.deconv(&h, 1)?)?;
        let reconstruction = ((xhat - x)?.sqr()?.sum_all()? * 0.5)?;
        let kl = (((&logvar + 1.0)? - mean.sqr()?)? - logvar.exp()?)?.sum_all()?;
        (reconstruction - (kl * 0.5)?)? / batch as f64
    }
}

impl Trainer for Vae {
    fn step(&mut self, images: &[f32], noise: Option<&[f32]>) -> std::result::Result<f64, Failure> {
        let (channels, side) = self.image;
        let batch = images.len() / (channels * side * side);
        let x = Tensor::from_slice(images, (batch, channels, side, side), &Device::Cpu)?;
        let eps = match noise {
            Some(noise) => Tensor::from_slice(noise, (batch, self.latent_dim), &Device::Cpu)?,
            None => Tensor::randn(0f32, 1.0, (batch, self.latent_dim), &Device::Cpu)?,
        };
        let loss = self.loss(&x, &eps)?;
        self.adam.backward_step(&loss)?;
        Ok(f64::from(loss.to_scalar::<f32>()?))
    }
}

fn main() {
    serve(VERSION, |network| Ok(Vae::new(network)?));
}
