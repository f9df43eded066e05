"""Golden values for the VAE: what two independent frameworks compute in float64.

The network, its loss, its gradients and ten Adam steps are worked out twice: in JAX (framework SAME
padding; a transposed convolution is the framework's own adjoint of the convolution) and in PyTorch
(explicit padding, then cropping of its transposed convolution). Both must agree to 1e-12 before
anything is written. Each case becomes one safetensors file beside this script.

    python -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python make_golden.py             # write the files
    venv/bin/python make_golden.py --check     # recompute and compare with the files, write nothing
    venv/bin/python make_golden.py --float32   # show how far a float32 run strays; write nothing

What a file holds, beside string metadata (height, width, channels, widths, latent_dim, batch, beta,
steps, learning_rate, beta1, beta2, epsilon, seed, parameters, tensors, note; in cases that have them also
likelihood and classes):

    images               U8  [N, H, W, C]     the network sees images / 255
    labels               U8  [N]              classes of the images (cases with classes)
    eps                  F64 [steps, N, Z]    noise of each Adam step; the first serves `forward` and `grad`
    forward.mean         F64 [N, Z]           with the initial parameters
    forward.logvar       F64 [N, Z]
    forward.z            F64 [N, Z]           mean + eps * exp(logvar / 2)
    forward.xhat         F64 [N, H, W, C]     mean of the likelihood: sigmoid(logits) but for the continuous Bernoulli
    forward.reconstruction, forward.kl, forward.loss  F64 [1]   means over the batch; loss = rec + beta * KL
    step_loss            F64 [steps]          the loss before each Adam update; step_loss[0] = forward.loss
    param.NAME           F64                  initial parameters, exact in f32 (cases with parameters = "stored")
    grad.NAME            F64                  gradient of forward.loss
    adam.NAME            F64                  parameters after the last step

In a case with parameters = "generated" there is no param.NAME (the formula is `generated_parameter`), and
each grad.NAME and adam.NAME is a summary: grad.NAME.sum [1], grad.NAME.sum_of_squares [1] and
grad.NAME.samples [min(64, size)], the entries at index floor(j * size / count), row-major.
"""

from __future__ import annotations

import argparse
import itertools
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Callable

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
import torch
import torch.nn.functional as F
from jax import lax
from safetensors import safe_open
from safetensors.numpy import save_file

LEARNING_RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8
STEPS = 10
SAMPLES = 64
AGREEMENT = 1e-12
GENERATED_BOUND = 0.16

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """One architecture, one batch; `kink` is the least |pre-activation| a ReLU may see in a watched step."""

    name: str
    height: int
    width: int
    channels: int
    widths: tuple[int, ...]
    latent_dim: int
    batch: int
    beta: float = 1.0
    generated: bool = False
    kink: float = 1e-5
    likelihood: str = "gaussian"
    classes: int = 0

    def watched(self, step: int) -> bool:
        """Whether step 1, 2, ... must keep clear of the kinks.

        All must in the small cases. Of the reference network's 140,000 pre-activations a step some will always be
        close to zero, so there it is only the first, of which the gradient is stored.
        """
        return step == 1 or not self.generated

    def labels(self) -> np.ndarray:
        """The class of each image, in turn."""
        return np.arange(self.batch, dtype=np.uint8) % np.uint8(max(self.classes, 1))

    def sizes(self) -> list[tuple[int, int]]:
        """Height and width of the input and after each encoder stage."""
        sizes = [(self.height, self.width)]
        for _ in self.widths:
            sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
        return sizes

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every parameter tensor, in the order all files use."""
        shapes: dict[str, tuple[int, ...]] = {}
        ins = (self.channels, *self.widths)
        for i, (c_in, c_out) in enumerate(itertools.pairwise(ins), start=1):
            shapes[f"encoder.conv{i}.weight"] = (3, 3, c_in, c_out)
            shapes[f"encoder.conv{i}.bias"] = (c_out,)
        (h, w), c = self.sizes()[-1], self.widths[-1]
        shapes["encoder.head.weight"] = (h * w * c, 2 * self.latent_dim)
        shapes["encoder.head.bias"] = (2 * self.latent_dim,)
        shapes["decoder.project.weight"] = (h, w, self.latent_dim, c)
        shapes["decoder.project.bias"] = (c,)
        outs = (self.widths[-1], *reversed(self.widths))
        for i, (c_in, c_out) in enumerate(itertools.pairwise(outs), start=1):
            shapes[f"decoder.deconv{i}.weight"] = (3, 3, c_in, c_out)
            shapes[f"decoder.deconv{i}.bias"] = (c_out,)
        shapes["decoder.output.weight"] = (3, 3, self.widths[0], self.channels)
        shapes["decoder.output.bias"] = (self.channels,)
        if self.classes:
            shapes["encoder.class.weight"] = (self.classes, 2 * self.latent_dim)
            shapes["decoder.class.weight"] = (self.classes, h * w * c)
        if self.likelihood == "sigma-gaussian":
            shapes["decoder.log_sigma"] = (1,)
        return shapes


CASES = (
    Case("even_8x8x1", 8, 8, 1, (4, 6), 3, batch=4),
    Case("odd_9x13x3", 9, 13, 3, (5, 7), 4, batch=3),
    Case("beta_12x10x2", 12, 10, 2, (8,), 2, batch=3, beta=0.5),
    Case("deep_8x11x4", 8, 11, 4, (3, 4, 5, 3, 2), 2, batch=5),
    Case("sigma_9x8x2", 9, 8, 2, (4,), 2, batch=3, likelihood="sigma-gaussian"),
    Case("bernoulli_8x9x1", 8, 9, 1, (4, 3), 2, batch=4, likelihood="bernoulli"),
    Case("continuous_10x8x1", 10, 8, 1, (4, 5), 3, batch=4, likelihood="continuous-bernoulli"),
    Case("classes_8x10x1", 8, 10, 1, (4, 5), 2, batch=5, classes=3),
    Case("reference_28x28x1", 28, 28, 1, (32, 64), 20, batch=3, generated=True),
)


# ---------------------------------------------------------------------------------------------------
# Inputs


def generated_parameter(tensor: int, size: int) -> np.ndarray:
    """Entries 0..size of parameter tensor number `tensor` (0-based), exact integer arithmetic.

    In wrapping u32: h = index + (tensor + 1) * 2^20, then the finaliser of MurmurHash3:
    h ^= h >> 16; h *= 0x85ebca6b; h ^= h >> 13; h *= 0xc2b2ae35; h ^= h >> 16.
    The value is f32(0.16 * ((h >> 8) / 2^23 - 1)), all in f64 and rounded to f32 at the end.
    """
    h = np.arange(size, dtype=np.uint32) + np.uint32((tensor + 1) << 20)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x85EBCA6B)
    h ^= h >> np.uint32(13)
    h *= np.uint32(0xC2B2AE35)
    h ^= h >> np.uint32(16)
    unit = (h >> np.uint32(8)).astype(np.float64) / 2.0**23 - 1.0
    return to_f32(GENERATED_BOUND * unit)


def to_f32(values: np.ndarray) -> np.ndarray:
    """The nearest numbers that f32 holds exactly, as f64."""
    return np.asarray(values, dtype=np.float32).astype(np.float64)


def random_parameters(case: Case, rng: np.random.Generator) -> Arrays:
    """Glorot-uniform weights (fans = kernel area x channels) and, so that they count, biases in +-0.2."""
    params: Arrays = {}
    for name, shape in case.shapes().items():
        if name.endswith(("bias", "log_sigma")):
            bound = 0.2
        else:
            area = int(np.prod(shape[:-2]))
            bound = np.sqrt(6.0 / (area * (shape[-2] + shape[-1])))
        params[name] = to_f32(rng.uniform(-bound, bound, shape))
    return params


def generated_parameters(case: Case) -> Arrays:
    """Every tensor from `generated_parameter`, numbered in the order of `Case.shapes`."""
    return {
        name: generated_parameter(i, int(np.prod(shape))).reshape(shape)
        for i, (name, shape) in enumerate(case.shapes().items())
    }


@dataclass(frozen=True)
class Inputs:
    """What a seed fixes: parameters, images (u8) and the noise of each step."""

    seed: int
    params: Arrays
    images: np.ndarray
    eps: np.ndarray

    @staticmethod
    def draw(case: Case, seed: int) -> "Inputs":
        """Images have black, white and grey pixels; the noise is exact in f32."""
        rng = np.random.default_rng(seed)
        params = generated_parameters(case) if case.generated else random_parameters(case, rng)
        grey = rng.uniform(-128, 384, (case.batch, case.height, case.width, case.channels))
        images = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
        eps = to_f32(rng.standard_normal((STEPS, case.batch, case.latent_dim)))
        return Inputs(seed, params, images, eps)


# ---------------------------------------------------------------------------------------------------
# The network in JAX

DIMENSIONS = ("NHWC", "HWIO", "NHWC")


def jax_conv(x: jax.Array, weight: jax.Array, stride: int) -> jax.Array:
    """Convolution with the framework's SAME padding."""
    return lax.conv_general_dilated(x, weight, (stride, stride), "SAME", dimension_numbers=DIMENSIONS)


def jax_conv_transpose(x: jax.Array, weight: jax.Array, stride: int, size: tuple[int, int]) -> jax.Array:
    """The adjoint, taken by the framework, of the SAME convolution that maps `size` to x's size."""
    full = jax.ShapeDtypeStruct((x.shape[0], *size, weight.shape[3]), x.dtype)
    adjoint = jax.linear_transpose(lambda y: jax_conv(y, weight.transpose(0, 1, 3, 2), stride), full)
    return adjoint(x)[0]


def jax_pixels(
    case: Case, params: dict[str, jax.Array], logits: jax.Array, x: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Mean and negative log-likelihood of each pixel, by their formulae."""
    s = jax.nn.sigmoid(logits)
    cross_entropy = -(x * jnp.log(s) + (1 - x) * jnp.log1p(-s))
    if case.likelihood == "gaussian":
        return s, 0.5 * (s - x) ** 2
    if case.likelihood == "sigma-gaussian":
        log_sigma = jnp.logaddexp(params["decoder.log_sigma"][0], -6.0)
        return s, 0.5 * ((s - x) / jnp.exp(log_sigma)) ** 2 + log_sigma + 0.5 * jnp.log(2 * jnp.pi)
    if case.likelihood == "bernoulli":
        return s, cross_entropy
    # The paper's formulae in lambda, here s, which no logit takes too near to one half.
    log_constant = jnp.log(2 * jnp.arctanh(1 - 2 * s) / (1 - 2 * s))
    return s / (2 * s - 1) + 1 / (2 * jnp.arctanh(1 - 2 * s)), cross_entropy - log_constant


def jax_forward(case: Case, params: dict[str, jax.Array], x: jax.Array, eps: jax.Array) -> dict[str, jax.Array]:
    """All forward values; `kink` is the smallest |pre-activation| in front of a ReLU."""
    sizes, stages = case.sizes(), len(case.widths)
    kinks: list[jax.Array] = []

    def relu(values: jax.Array) -> jax.Array:
        kinks.append(jnp.min(jnp.abs(values)))
        return jnp.maximum(values, 0.0)

    def layer(name: str) -> tuple[jax.Array, jax.Array]:
        return params[f"{name}.weight"], params[f"{name}.bias"]

    h = x
    for i in range(1, stages + 1):
        weight, bias = layer(f"encoder.conv{i}")
        h = relu(jax_conv(h, weight, 2) + bias)
    weight, bias = layer("encoder.head")
    head = h.reshape(h.shape[0], -1) @ weight + bias
    one_hot = jax.nn.one_hot(case.labels(), case.classes)
    if case.classes:
        head += one_hot @ params["encoder.class.weight"]
    mean, logvar = jnp.split(head, 2, axis=1)
    z = mean + eps * jnp.exp(logvar / 2)
    weight, bias = layer("decoder.project")
    h = jnp.einsum("nz,hwzc->nhwc", z, weight) + bias
    if case.classes:
        h += (one_hot @ params["decoder.class.weight"]).reshape(h.shape)
    h = relu(h)
    for i in range(1, stages + 1):
        weight, bias = layer(f"decoder.deconv{i}")
        h = relu(jax_conv_transpose(h, weight, 2, sizes[stages - i]) + bias)
    weight, bias = layer("decoder.output")
    logits = jax_conv_transpose(h, weight, 1, sizes[0]) + bias
    xhat, pixels = jax_pixels(case, params, logits, x)
    reconstruction = jnp.mean(jnp.sum(pixels, axis=(1, 2, 3)))
    kl = jnp.mean(-0.5 * jnp.sum(1 + logvar - mean**2 - jnp.exp(logvar), axis=1))
    loss = reconstruction + case.beta * kl
    return {"mean": mean, "logvar": logvar, "z": z, "xhat": xhat, "reconstruction": reconstruction,
            "kl": kl, "loss": loss, "kink": jnp.min(jnp.stack(kinks))}  # fmt: skip


@dataclass(frozen=True)
class Outputs:
    """What is computed: forward values and gradient at the start, then the Adam run."""

    forward: Arrays
    grad: Arrays
    step_loss: np.ndarray
    adam: Arrays
    kink: float

    def flat(self) -> Arrays:
        """All of it under the names of the file."""
        values = {f"forward.{k}": np.atleast_1d(v) for k, v in self.forward.items()}
        values |= {f"grad.{k}": v for k, v in self.grad.items()}
        values |= {f"adam.{k}": v for k, v in self.adam.items()}
        return values | {"step_loss": self.step_loss}


@cache
def jax_value_and_grad(case: Case) -> Callable[..., tuple[tuple[jax.Array, dict[str, jax.Array]], dict[str, jax.Array]]]:
    """Of (parameters, images / 255, noise): loss and forward values, and the gradient. Compiled once a case."""

    def loss(params: dict[str, jax.Array], x: jax.Array, eps: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
        values = jax_forward(case, params, x, eps)
        return values["loss"], values

    return jax.jit(jax.value_and_grad(loss, has_aux=True))


def run_jax(case: Case, inputs: Inputs) -> Outputs | None:
    """The case in JAX float64, Adam written out; None as soon as a ReLU comes too near its kink."""
    x = jnp.asarray(inputs.images, dtype=jnp.float64) / 255.0
    params = {k: jnp.asarray(v) for k, v in inputs.params.items()}
    first = {k: jnp.zeros_like(v) for k, v in params.items()}
    second = dict(first)
    losses, kinks, forward, initial_grad = [], [], {}, {}
    for step in range(1, STEPS + 1):
        (_, values), grad = jax_value_and_grad(case)(params, x, jnp.asarray(inputs.eps[step - 1]))
        losses.append(float(values["loss"]))
        kink = float(values.pop("kink"))
        if case.watched(step):
            if kink < case.kink:
                return None
            kinks.append(kink)
        if step == 1:
            forward, initial_grad = values, grad
        for k, g in grad.items():
            first[k] = BETA1 * first[k] + (1 - BETA1) * g
            second[k] = BETA2 * second[k] + (1 - BETA2) * g * g
            corrected = first[k] / (1 - BETA1**step)
            scale = jnp.sqrt(second[k] / (1 - BETA2**step)) + EPSILON
            params[k] = params[k] - LEARNING_RATE * corrected / scale
    return Outputs(to_numpy(forward), to_numpy(initial_grad), np.array(losses), to_numpy(params), min(kinks))


def to_numpy(values: dict[str, jax.Array]) -> Arrays:
    """Host copies as f64."""
    return {k: np.asarray(v, dtype=np.float64) for k, v in values.items()}


# ---------------------------------------------------------------------------------------------------
# The network in PyTorch


def torch_conv_same(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """3x3, stride 2, NCHW: before an axis p = size mod 2 zeros, after it one."""
    top, left = x.shape[2] % 2, x.shape[3] % 2
    return F.conv2d(F.pad(x, (left, 1, top, 1)), weight.permute(3, 2, 0, 1), bias, stride=2)


def torch_deconv_same(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """3x3, stride 2, NCHW: the full transposed convolution, cropped to `size` from offset p = size mod 2."""
    (height, width), (top, left) = size, (size[0] % 2, size[1] % 2)
    full = F.conv_transpose2d(x, weight.permute(2, 3, 0, 1), bias, stride=2)
    return full[:, :, top : top + height, left : left + width]


def torch_pixels(
    case: Case, params: dict[str, torch.Tensor], logits: torch.Tensor, x: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean of each pixel, and the negative log-likelihood of all of them together, by the framework's own."""
    xhat = torch.sigmoid(logits)
    if case.likelihood == "gaussian":
        return xhat, 0.5 * F.mse_loss(xhat, x, reduction="sum")
    if case.likelihood == "sigma-gaussian":
        sigma = (F.softplus(params["decoder.log_sigma"] + 6) - 6).exp()
        return xhat, -torch.distributions.Normal(xhat, sigma).log_prob(x).sum()
    if case.likelihood == "bernoulli":
        return xhat, F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    distribution = torch.distributions.ContinuousBernoulli(logits=logits)
    return distribution.mean, -distribution.log_prob(x).sum()


def torch_forward(
    case: Case, params: dict[str, torch.Tensor], x: torch.Tensor, eps: torch.Tensor
) -> dict[str, torch.Tensor]:
    """All forward values from NHWC images; xhat is NHWC again."""
    sizes, stages = case.sizes(), len(case.widths)
    h = x.permute(0, 3, 1, 2)
    for i in range(1, stages + 1):
        h = F.relu(torch_conv_same(h, params[f"encoder.conv{i}.weight"], params[f"encoder.conv{i}.bias"]))
    flat = h.permute(0, 2, 3, 1).reshape(case.batch, -1)
    head = flat @ params["encoder.head.weight"] + params["encoder.head.bias"]
    labels = torch.tensor(case.labels(), dtype=torch.long)
    if case.classes:
        head = head + F.embedding(labels, params["encoder.class.weight"])
    mean, logvar = head[:, : case.latent_dim], head[:, case.latent_dim :]
    z = mean + eps * torch.exp(logvar / 2)
    weight = params["decoder.project.weight"].permute(2, 3, 0, 1)
    h = F.conv_transpose2d(z[:, :, None, None], weight, params["decoder.project.bias"], stride=sizes[-1])
    if case.classes:
        rows = F.embedding(labels, params["decoder.class.weight"])
        h = h + rows.reshape(case.batch, *sizes[-1], case.widths[-1]).permute(0, 3, 1, 2)
    h = F.relu(h)
    for i in range(1, stages + 1):
        weight, bias = params[f"decoder.deconv{i}.weight"], params[f"decoder.deconv{i}.bias"]
        h = F.relu(torch_deconv_same(h, weight, bias, sizes[stages - i]))
    weight, bias = params["decoder.output.weight"], params["decoder.output.bias"]
    logits = F.conv_transpose2d(h, weight.permute(2, 3, 0, 1), bias, padding=1)
    xhat, nats = torch_pixels(case, params, logits.permute(0, 2, 3, 1), x)
    reconstruction = nats / case.batch
    kl = -0.5 * (1 + logvar - mean.square() - logvar.exp()).sum() / case.batch
    loss = reconstruction + case.beta * kl
    return {"mean": mean, "logvar": logvar, "z": z, "xhat": xhat, "reconstruction": reconstruction,
            "kl": kl, "loss": loss}  # fmt: skip


def run_torch(case: Case, inputs: Inputs, dtype: torch.dtype, steps: int = STEPS) -> Outputs:
    """The case in PyTorch with its own autograd and its own Adam."""
    x = torch.tensor(inputs.images, dtype=dtype) / 255
    params = {k: torch.tensor(v, dtype=dtype, requires_grad=True) for k, v in inputs.params.items()}
    adam = torch.optim.Adam(params.values(), lr=LEARNING_RATE, betas=(BETA1, BETA2), eps=EPSILON)
    losses, forward, initial_grad = [], {}, {}
    for step in range(steps):
        adam.zero_grad()
        values = torch_forward(case, params, x, torch.tensor(inputs.eps[step], dtype=dtype))
        values["loss"].backward()
        losses.append(values["loss"].item())
        if step == 0:
            forward = {k: v.detach().double().numpy() for k, v in values.items()}
            initial_grad = {k: v.grad.double().numpy().copy() for k, v in params.items()}
        adam.step()
    final = {k: v.detach().double().numpy() for k, v in params.items()}
    return Outputs(forward, initial_grad, np.array(losses), final, float("nan"))


# ---------------------------------------------------------------------------------------------------
# Comparing, choosing a seed, writing


def assert_agree(ours: Arrays, theirs: Arrays, tolerance: float) -> None:
    """|a - b| <= tolerance * max(1, |b|) for every entry of every tensor."""
    assert ours.keys() == theirs.keys(), ours.keys() ^ theirs.keys()
    for name, a in ours.items():
        b = theirs[name]
        assert a.shape == b.shape, (name, a.shape, b.shape)
        worst = float(np.max(np.abs(a - b) / np.maximum(1.0, np.abs(b))))
        assert worst <= tolerance, f"{name} differs by {worst:.3g}"


def compute(case: Case) -> tuple[Inputs, Outputs]:
    """The first seed with which no ReLU comes near its kink and a gradient reaches every tensor.

    Both frameworks must agree on what it gives.
    """
    for seed in range(1, 10_000):
        inputs = Inputs.draw(case, seed)
        outputs = run_jax(case, inputs)
        if outputs is not None and all(g.any() for g in outputs.grad.values()):
            assert_agree(outputs.flat(), run_torch(case, inputs, torch.float64).flat(), AGREEMENT)
            print(f"{case.name}: seed {seed}, least |pre-activation| {outputs.kink:.2g}, loss {outputs.step_loss[0]:.6f}")
            return inputs, outputs
    raise AssertionError(f"{case.name}: no seed keeps clear of the kinks with every tensor alive")


def summary(name: str, values: np.ndarray) -> Arrays:
    """Sum, sum of squares and evenly spaced entries of a tensor too large to store."""
    flat = values.reshape(-1)
    count = min(SAMPLES, flat.size)
    index = np.arange(count) * flat.size // count
    return {f"{name}.sum": np.array([flat.sum()]), f"{name}.sum_of_squares": np.array([(flat * flat).sum()]),
            f"{name}.samples": flat[index]}  # fmt: skip


def contents(case: Case, inputs: Inputs, outputs: Outputs) -> Arrays:
    """The tensors of the case's file."""
    tensors: Arrays = {"images": inputs.images, "eps": inputs.eps}
    if case.classes:
        tensors["labels"] = case.labels()
    if not case.generated:
        tensors |= {f"param.{k}": v for k, v in inputs.params.items()}
    for name, values in outputs.flat().items():
        if case.generated and name.startswith(("grad.", "adam.")):
            tensors |= summary(name, values)
        else:
            tensors[name] = values
    return {k: np.ascontiguousarray(v) for k, v in tensors.items()}


def metadata(case: Case, inputs: Inputs) -> dict[str, str]:
    """What a reader needs to rebuild the case; all safetensors metadata are strings."""
    # What a case does not have is not named, so that files stay as they are.
    likelihood = {} if case.likelihood == "gaussian" else {"likelihood": case.likelihood}
    classes = {"classes": str(case.classes)} if case.classes else {}
    return likelihood | classes | {
        "height": str(case.height),
        "width": str(case.width),
        "channels": str(case.channels),
        "widths": ",".join(map(str, case.widths)),
        "latent_dim": str(case.latent_dim),
        "batch": str(case.batch),
        "beta": str(case.beta),
        "steps": str(STEPS),
        "learning_rate": str(LEARNING_RATE),
        "beta1": str(BETA1),
        "beta2": str(BETA2),
        "epsilon": str(EPSILON),
        "seed": str(inputs.seed),
        "parameters": "generated" if case.generated else "stored",
        "tensors": ",".join(case.shapes()),
        "note": "float64 values; JAX and PyTorch agree to 1e-12; see make_golden.py",
    }


def write(case: Case, path: Path) -> None:
    """Compute the case and write its file."""
    inputs, outputs = compute(case)
    save_file(contents(case, inputs, outputs), path, metadata(case, inputs))
    path.chmod(0o644)
    print(f"  wrote {path.name}, {path.stat().st_size:,} bytes")


def check(case: Case, path: Path) -> None:
    """Compute the case and compare it with its file."""
    inputs, outputs = compute(case)
    with safe_open(path, "np") as file:
        assert file.metadata() == metadata(case, inputs), f"{path.name}: metadata differ"
        stored = {name: file.get_tensor(name) for name in file.keys()}
    as_f64: Callable[[Arrays], Arrays] = lambda tensors: {k: v.astype(np.float64) for k, v in tensors.items()}
    assert_agree(as_f64(contents(case, inputs, outputs)), as_f64(stored), 10 * AGREEMENT)
    print(f"  {path.name} is as computed")


def show_float32(case: Case, _path: Path) -> None:
    """Run the case in PyTorch float32 and print how far each kind of value strays from float64."""
    inputs, outputs = compute(case)
    single = run_torch(case, inputs, torch.float32).flat()
    kinds: dict[str, tuple[float, float, float]] = {}
    for name, exact in outputs.flat().items():
        kind = name if name.startswith("forward") else name.split(".")[0]
        error = np.abs(single[name] - exact)
        tensor_max = float(np.abs(exact).max())
        worst = (float(error.max()), float((error / np.maximum(np.abs(exact), 1e-30)).max()), float(error.max()) / tensor_max)
        kinds[kind] = tuple(map(max, kinds.get(kind, (0.0, 0.0, 0.0)), worst))
    for kind, (absolute, relative, scaled) in kinds.items():
        print(f"  {kind:24} absolute {absolute:.1e}  relative {relative:.1e}  relative to the tensor's largest {scaled:.1e}")


def main() -> None:
    """Write, check or measure every case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="compare with the files, write nothing")
    mode.add_argument("--float32", action="store_true", help="print the deviation of a float32 run, write nothing")
    arguments = parser.parse_args()
    action = check if arguments.check else show_float32 if arguments.float32 else write
    folder = Path(__file__).resolve().parent
    for case in CASES:
        action(case, folder / f"{case.name}.safetensors")


if __name__ == "__main__":
    main()
