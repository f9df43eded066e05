"""The training step in JAX: one jitted function, buffers donated."""

from __future__ import annotations

import os
from functools import partial

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import workload
from networks import Network

Parameters = dict[str, jax.Array]
DIMENSIONS = ("NHWC", "HWIO", "NHWC")


def conv(x: jax.Array, weight: jax.Array, stride: int) -> jax.Array:
    """Convolution, SAME."""
    return lax.conv_general_dilated(x, weight, (stride, stride), "SAME", dimension_numbers=DIMENSIONS)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def conv_transpose(x: jax.Array, weight: jax.Array, stride: int) -> jax.Array:
    """The adjoint of `conv`, weight [kernel, kernel, out, in].

    Its gradients are written out as those of `conv`: the one that JAX would derive for the weight is a
    convolution dilated on both sides, for which XLA has no fast code on a CPU (more than ten times slower).
    """
    size = (x.shape[0], x.shape[1] * stride, x.shape[2] * stride, weight.shape[2])
    full = jax.ShapeDtypeStruct(size, x.dtype)
    return jax.linear_transpose(lambda y: conv(y, weight, stride), full)(x)[0]


def conv_transpose_forward(
    x: jax.Array, weight: jax.Array, stride: int
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    """The value, and what the gradients need."""
    return conv_transpose(x, weight, stride), (x, weight)


def conv_transpose_backward(
    stride: int, saved: tuple[jax.Array, jax.Array], grad: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Gradients of x and weight: `conv` of the gradient, and its weight gradient with x for the output's."""
    x, weight = saved
    grad_x, pullback = jax.vjp(lambda w: conv(grad, w, stride), weight)
    return grad_x, pullback(x)[0]


conv_transpose.defvjp(conv_transpose_forward, conv_transpose_backward)


def jax_layout(name: str, value: np.ndarray) -> np.ndarray:
    """Transposed convolutions have [kernel, kernel, out, in] here; project is [Z, features]."""
    if name == "decoder.project.weight":
        return value.transpose(2, 0, 1, 3).reshape(value.shape[2], -1)
    if name.startswith("decoder") and value.ndim == 4:
        return value.transpose(0, 1, 3, 2)
    return value


def loss(p: Parameters, network: Network, x: jax.Array, eps: jax.Array) -> jax.Array:
    """Mean over the batch of reconstruction error and KL; x is [N, side, side, channels]."""
    batch = x.shape[0]
    h = x
    for name in network.convs:
        h = jax.nn.relu(conv(h, p[f"{name}.weight"], 2) + p[f"{name}.bias"])
    head = h.reshape(batch, -1) @ p["encoder.head.weight"] + p["encoder.head.bias"]
    mean, logvar = jnp.split(head, 2, axis=1)
    z = mean + eps * jnp.exp(0.5 * logvar)
    h = (z @ p["decoder.project.weight"]).reshape(batch, *network.deepest)
    h = jax.nn.relu(h + p["decoder.project.bias"])
    for name in network.deconvs:
        h = jax.nn.relu(conv_transpose(h, p[f"{name}.weight"], 2) + p[f"{name}.bias"])
    xhat = jax.nn.sigmoid(conv_transpose(h, p["decoder.output.weight"], 1) + p["decoder.output.bias"])
    reconstruction = 0.5 * jnp.sum((xhat - x) ** 2)
    kl = -0.5 * jnp.sum(1 + logvar - mean**2 - jnp.exp(logvar))
    return (reconstruction + kl) / batch


def train(
    network: Network,
    params: Parameters,
    first: Parameters,
    second: Parameters,
    step: jax.Array,
    x: jax.Array,
    eps: jax.Array,
) -> tuple[jax.Array, Parameters, Parameters, Parameters, jax.Array]:
    """Forward, backward and Adam."""
    value, grad = jax.value_and_grad(loss)(params, network, x, eps)
    step = step + 1
    correction1, correction2 = 1 - workload.BETA1**step, 1 - workload.BETA2**step
    first = jax.tree.map(lambda m, g: workload.BETA1 * m + (1 - workload.BETA1) * g, first, grad)
    second = jax.tree.map(lambda v, g: workload.BETA2 * v + (1 - workload.BETA2) * g * g, second, grad)

    def update(w: jax.Array, m: jax.Array, v: jax.Array) -> jax.Array:
        return w - workload.LEARNING_RATE * (m / correction1) / (jnp.sqrt(v / correction2) + workload.EPSILON)

    return value, jax.tree.map(update, params, first, second), first, second, step


class Trainer:
    """The model, Adam's state and the images."""

    def __init__(
        self,
        variant: str,
        network: Network,
        params: dict[str, np.ndarray],
        images: np.ndarray,
        batch: int,
        threads: int,
    ) -> None:
        self.version = f"jax {jax.__version__}"
        self.network = network
        self.batch = batch
        self.images = images
        self.params = {k: jnp.array(jax_layout(k, v)) for k, v in params.items()}
        self.first = {k: jnp.zeros_like(v) for k, v in self.params.items()}
        self.second = {k: jnp.zeros_like(v) for k, v in self.params.items()}
        self.taken = jnp.zeros((), jnp.float32)
        self.key = jax.random.key(0)
        self.train = jax.jit(partial(train, network), donate_argnums=(0, 1, 2, 3))
        self.draw = jax.jit(self._draw)

    def _draw(self, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The next key and fresh noise."""
        key, use = jax.random.split(key)
        return key, jax.random.normal(use, (self.batch, self.network.latent_dim))

    def step(self, batch: int, noise: np.ndarray | None) -> jax.Array:
        """One training step, possibly still running when this returns."""
        x = jnp.asarray(self.images[batch * self.batch : (batch + 1) * self.batch])
        if noise is None:
            self.key, eps = self.draw(self.key)
        else:
            eps = jnp.asarray(noise)
        value, self.params, self.first, self.second, self.taken = self.train(
            self.params, self.first, self.second, self.taken, x, eps
        )
        return value

    def wait(self, loss: jax.Array) -> float:
        """The loss, once the step that made it is done."""
        jax.block_until_ready(self.params)
        return float(loss)
