//! The training step in Burn, on its `flex` backend: pure Rust, on the CPU.

use burn::module::{Module, Param};
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::module::{conv_transpose2d, conv2d};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use elbo_peers_common::{BETA1, BETA2, EPSILON, Failure, LEARNING_RATE, Layer, Network, Parameter, Trainer, serve};

const VERSION: &str = "burn 0.22.1, flex";

/// A layer's parameters, the weight of rank `D`.
#[derive(Module, Debug)]
struct Variables<const D: usize> {
    weight: Param<Tensor<D>>,
    bias: Param<Tensor<1>>,
}

impl<const D: usize> Variables<D> {
    fn new(layer: &Layer, device: &Device) -> Self {
        let data = |parameter: &Parameter| TensorData::new(parameter.values.clone(), parameter.shape.clone());
        let weight = Param::from_data(data(&layer.weight), device);
        Self { weight, bias: Param::from_data(data(&layer.bias), device) }
    }
}

impl Variables<4> {
    fn conv(&self, x: Tensor<4>) -> Tensor<4> {
        let options = ConvOptions::new([2, 2], [1, 1], [1, 1], 1);
        conv2d(x, self.weight.val(), Some(self.bias.val()), options)
    }

    /// The output has `stride` times the side.
    fn deconv(&self, x: Tensor<4>, stride: usize) -> Tensor<4> {
        let options = ConvTransposeOptions::new([stride; 2], [1, 1], [stride - 1; 2], [1, 1], 1);
        conv_transpose2d(x, self.weight.val(), Some(self.bias.val()), options)
    }
}

/// The network's parameters.
#[derive(Module, Debug)]
struct Vae {
    convs: Vec<Variables<4>>,
    head: Variables<2>,
    project: Variables<2>,
    deconvs: Vec<Variables<4>>,
    output: Variables<4>,
}

impl Vae {
    fn new(network: &Network, device: &Device) -> Self {
        let layers = network.layers();
        let spatial = |layers: &[Layer]| layers.iter().map(|layer| Variables::new(layer, device)).collect();
        Self {
            convs: spatial(&layers.convs),
            head: Variables::new(&layers.head, device),
            project: Variables::new(&layers.project, device),
            deconvs: spatial(&layers.deconvs),
            output: Variables::new(&layers.output, device),
        }
    }

    /// Mean over the batch of reconstruction error and KL.
    fn loss(&self, x: Tensor<4>, eps: Tensor<2>) -> Tensor<1> {
        let ([batch, _, side, _], [_, latent_dim]) = (x.dims(), eps.dims());
        let h = self.convs.iter().fold(x.clone(), |h, conv| relu(conv.conv(h)));
        let statistics = h.flatten::<2>(1, 3).matmul(self.head.weight.val()) + self.head.bias.val().unsqueeze();
        let mean = statistics.clone().narrow(1, 0, latent_dim);
        let logvar = statistics.narrow(1, latent_dim, latent_dim);
        let z = mean.clone() + eps * (logvar.clone() * 0.5).exp();
        let (channels, side) = (self.project.bias.dims()[0], side >> self.convs.len());
        let h = z.matmul(self.project.weight.val()).reshape([batch, channels, side, side]);
        let h = relu(h + self.project.bias.val().reshape([1, channels, 1, 1]));
        let h = self.deconvs.iter().fold(h, |h, deconv| relu(deconv.deconv(h, 2)));
        let reconstruction = (sigmoid(self.output.deconv(h, 1)) - x).square().sum() * 0.5;
        let kl = (logvar.clone() + 1.0 - mean.square() - logvar.exp()).sum() * -0.5;
        (reconstruction + kl) / batch as f64
    }
}

/// The model, its optimiser and what they work on.
struct Training {
    image: [usize; 3],
    latent_dim: usize,
    device: Device,
    model: Option<Vae>,
    adam: ModuleOptimizer,
}

impl Training {
    fn new(network: &Network) -> Self {
        let device = Device::flex().autodiff();
        let model = Some(Vae::new(network, &device));
        let adam = AdamConfig::new().with_beta_1(BETA1 as f32).with_beta_2(BETA2 as f32).with_epsilon(EPSILON as f32);
        let image = [network.channels, network.side, network.side];
        Self { image, latent_dim: network.latent_dim, device, model, adam: adam.init() }
    }
}

impl Trainer for Training {
    fn step(&mut self, images: &[f32], noise: Option<&[f32]>) -> Result<f64, Failure> {
        let [channels, height, width] = self.image;
        let batch = images.len() / (channels * height * width);
        let data = TensorData::new(images.to_vec(), [batch, channels, height, width]);
        let x = Tensor::<4>::from_data(data, &self.device);
        let shape = [batch, self.latent_dim];
        let eps = match noise {
            Some(noise) => Tensor::<2>::from_data(TensorData::new(noise.to_vec(), shape), &self.device),
            None => Tensor::random(shape, Distribution::Normal(0.0, 1.0), &self.device),
        };
        let model = self.model.take().ok_or("an earlier step failed")?;
        let loss = model.loss(x, eps);
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        self.model = Some(self.adam.step(LEARNING_RATE, model, gradients));
        Ok(f64::from(loss.into_scalar::<f32>()))
    }
}

fn main() {
    serve(VERSION, |network| Ok(Training::new(network)));
}
