"""The training step in TensorFlow: tf.function, with or without XLA."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

import workload
from networks import Network

def tf_layout(name: str, value: np.ndarray) -> np.ndarray:
    """Transposed convolutions have [kernel, kernel, out, in] here; project is [Z, features]."""
    if name == "decoder.project.weight":
        return value.transpose(2, 0, 1, 3).reshape(value.shape[2], -1)
    if name.startswith("decoder") and value.ndim == 4:
        return value.transpose(0, 1, 3, 2)
    return value


def loss(network: Network, p: dict[str, tf.Variable], x: tf.Tensor, eps: tf.Tensor) -> tf.Tensor:
    """Mean over the batch of reconstruction error and KL; x is [N, side, side, channels]."""
    batch = x.shape[0]

    def transposed(h: tf.Tensor, name: str, stride: int) -> tf.Tensor:
        weight = p[f"{name}.weight"]
        side = h.shape[1] * stride
        h = tf.nn.conv2d_transpose(h, weight, [batch, side, side, weight.shape[2]], stride, "SAME")
        return tf.nn.bias_add(h, p[f"{name}.bias"])

    h = x
    for name in network.convs:
        h = tf.nn.conv2d(h, p[f"{name}.weight"], 2, "SAME")
        h = tf.nn.relu(tf.nn.bias_add(h, p[f"{name}.bias"]))
    head = tf.reshape(h, [batch, -1]) @ p["encoder.head.weight"] + p["encoder.head.bias"]
    mean, logvar = tf.split(head, 2, axis=1)
    z = mean + eps * tf.exp(0.5 * logvar)
    h = tf.reshape(z @ p["decoder.project.weight"], [batch, *network.deepest])
    h = tf.nn.relu(tf.nn.bias_add(h, p["decoder.project.bias"]))
    for name in network.deconvs:
        h = tf.nn.relu(transposed(h, name, 2))
    xhat = tf.sigmoid(transposed(h, "decoder.output", 1))
    reconstruction = 0.5 * tf.reduce_sum(tf.square(xhat - x))
    kl = -0.5 * tf.reduce_sum(1.0 + logvar - tf.square(mean) - tf.exp(logvar))
    return (reconstruction + kl) / batch


class Trainer:
    """The model, TensorFlow's own fused Adam kernel and the images."""

    def __init__(
        self,
        variant: str,
        network: Network,
        params: dict[str, np.ndarray],
        images: np.ndarray,
        batch: int,
        threads: int,
    ) -> None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        self.version = f"tensorflow {tf.__version__}"
        self.network = network
        self.batch = batch
        self.images = images
        self.params = {k: tf.Variable(tf_layout(k, v)) for k, v in params.items()}
        self.moments = [(tf.Variable(tf.zeros_like(v)), tf.Variable(tf.zeros_like(v))) for v in self.params.values()]
        self.powers = tf.Variable(1.0), tf.Variable(1.0)
        self.train = tf.function(self._train, jit_compile=variant == "xla")

    def _train(self, x: tf.Tensor, eps: tf.Tensor) -> tf.Tensor:
        """Forward, backward and Adam, as one graph."""
        variables = list(self.params.values())
        with tf.GradientTape() as tape:
            value = loss(self.network, self.params, x, eps)
        gradients = tape.gradient(value, variables)
        power1, power2 = self.powers
        power1.assign(power1 * workload.BETA1)
        power2.assign(power2 * workload.BETA2)
        for variable, (first, second), gradient in zip(variables, self.moments, gradients):
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=power1.read_value(),
                beta2_power=power2.read_value(),
                lr=workload.LEARNING_RATE,
                beta1=workload.BETA1,
                beta2=workload.BETA2,
                epsilon=workload.EPSILON,
                grad=gradient,
            )
        return value

    def step(self, batch: int, noise: np.ndarray | None) -> tf.Tensor:
        """One training step."""
        x = tf.convert_to_tensor(self.images[batch * self.batch : (batch + 1) * self.batch])
        if noise is None:
            eps = tf.random.normal([self.batch, self.network.latent_dim])
        else:
            eps = tf.convert_to_tensor(noise)
        return self.train(x, eps)

    def wait(self, loss: tf.Tensor) -> float:
        """The loss, once it has been computed."""
        return float(loss.numpy())
