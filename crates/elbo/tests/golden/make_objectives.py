"""Golden values of the objectives beyond the evidence lower bound: what JAX computes in float64.

    python -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python make_objectives.py         # writes objectives.json

Each objective is written as its paper has it, from log p(x|z), log p(z) and log q(z|x) of every draw, and its gradient is
the framework's own. Images, noise and parameters follow from formulae that the test repeats.
"""

import json
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.special import logsumexp

SIDE, WIDTHS, LATENT, IMAGES = 8, (3, 5), 3, 6
LOG_2PI = np.log(2 * np.pi)


def shapes(components):
    """In the order of the parameters."""
    small = SIDE // 2 ** len(WIDTHS)
    channels = (1, *WIDTHS)
    table = {}
    for stage in range(len(WIDTHS)):
        table[f"encoder.conv{stage + 1}"] = (3, 3, channels[stage], channels[stage + 1])
    table["encoder.head"] = (small * small * WIDTHS[-1], 2 * LATENT)
    table["decoder.project"] = (small, small, LATENT, WIDTHS[-1])
    up = (WIDTHS[-1], *reversed(WIDTHS))
    for stage in range(len(WIDTHS)):
        table[f"decoder.deconv{stage + 1}"] = (3, 3, up[stage], up[stage + 1])
    table["decoder.output"] = (3, 3, WIDTHS[0], 1)
    named = {}
    for name, shape in table.items():
        named[f"{name}.weight"], named[f"{name}.bias"] = shape, shape[-1:]
    if components:
        named["prior.means"] = named["prior.logvars"] = (components, LATENT)
        named["prior.logits"] = (components,)
    return named


def waves(number, size, scale):
    """Numbers of an array: sin of its number and of theirs, as f32 has them."""
    return (scale * np.sin(12.9898 * (number + 1) + 0.78233 * np.arange(size))).astype(np.float32).astype(np.float64)


def inputs(samples, components):
    parameters = {n: waves(i, np.prod(s), 0.5).reshape(s) for i, (n, s) in enumerate(shapes(components).items())}
    pixels = np.arange(IMAGES * SIDE * SIDE)
    images = (pixels * pixels % 251).reshape(IMAGES, SIDE, SIDE, 1) / 255.0
    noise = waves(100, IMAGES * samples * LATENT, 1.5).reshape(IMAGES, samples, LATENT)
    return parameters, images, noise


def convolve(x, weight, stride):
    return lax.conv_general_dilated(x, weight, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def transposed(x, weight, stride):
    size = x.shape[1] * stride
    whole = jax.ShapeDtypeStruct((x.shape[0], size, size, weight.shape[3]), x.dtype)
    return jax.linear_transpose(lambda y: convolve(y, weight.transpose(0, 1, 3, 2), stride), whole)(x)[0]


def encode(p, x):
    for stage in range(len(WIDTHS)):
        x = jax.nn.relu(convolve(x, p[f"encoder.conv{stage + 1}.weight"], 2) + p[f"encoder.conv{stage + 1}.bias"])
    return jnp.split(x.reshape(x.shape[0], -1) @ p["encoder.head.weight"] + p["encoder.head.bias"], 2, axis=1)


def decode(p, z):
    h = jax.nn.relu(jnp.einsum("nz,hwzc->nhwc", z, p["decoder.project.weight"]) + p["decoder.project.bias"])
    for stage in range(len(WIDTHS)):
        h = jax.nn.relu(transposed(h, p[f"decoder.deconv{stage + 1}.weight"], 2) + p[f"decoder.deconv{stage + 1}.bias"])
    return transposed(h, p["decoder.output.weight"], 1) + p["decoder.output.bias"]


def normal(z, mean, logvar):
    """log N(z; mean, exp(logvar)) of each dimension."""
    return -0.5 * (LOG_2PI + logvar + (z - mean) ** 2 / jnp.exp(logvar))


def log_prior(p, z):
    if "prior.means" not in p:
        return normal(z, 0.0, 0.0).sum(-1)
    each = normal(z[..., None, :], p["prior.means"], p["prior.logvars"]).sum(-1)
    return logsumexp(each + jax.nn.log_softmax(p["prior.logits"]), axis=-1)


def terms(p, x, noise):
    """Means, log-variances, draws [N, K, Z], and the three log densities of each, [N, K]."""
    mean, logvar = encode(p, x)
    z = mean[:, None] + noise * jnp.exp(0.5 * logvar)[:, None]
    logits = decode(p, z.reshape(-1, LATENT)).reshape(*z.shape[:2], -1)
    target = x.reshape(x.shape[0], 1, -1)
    log_likelihood = (target * jax.nn.log_sigmoid(logits) + (1 - target) * jax.nn.log_sigmoid(-logits)).sum(-1)
    log_posterior = normal(z, mean[:, None], logvar[:, None]).sum(-1)
    return mean, logvar, z, log_likelihood, log_prior(p, z), log_posterior


def importance_weighted(p, x, noise):
    """Burda et al. (2016), equation 8."""
    *_, likelihood, prior, posterior = terms(p, x, noise)
    return -jnp.mean(logsumexp(likelihood + prior - posterior, axis=1) - jnp.log(noise.shape[1]))


def beta_tc(p, x, noise, beta=4.0):
    """Chen et al. (2018), equation 4 with alpha = gamma = 1, by minibatch-weighted sampling, less its constant."""
    mean, logvar, z, likelihood, *_ = terms(p, x, noise)
    z = z[:, 0]
    kl = -0.5 * (1 + logvar - mean**2 - jnp.exp(logvar)).sum(1)
    each = normal(z[:, None], mean[None], logvar[None])
    correlation = logsumexp(each.sum(-1), axis=1) - logsumexp(each, axis=1).sum(-1)
    return jnp.mean(-likelihood[:, 0] + kl + (beta - 1) * correlation)


CASES = {
    "importance_weighted": (importance_weighted, 5, 0),
    "learned_prior": (importance_weighted, 1, 3),
    "importance_weighted_learned_prior": (importance_weighted, 4, 2),
    "beta_tc": (beta_tc, 1, 0),
}

golden = {}
for name, (objective, samples, components) in CASES.items():
    parameters, images, noise = inputs(samples, components)
    value, gradient = jax.value_and_grad(objective)(parameters, images, noise)
    golden[name] = {
        "samples": samples,
        "components": components,
        "value": float(value),
        "gradient": {
            n: {"sum": float(g.sum()), "squares": float((g * g).sum()), "first": [float(v) for v in g.ravel()[:8]]}
            for n, g in gradient.items()
        },
    }
path = Path(__file__).with_name("objectives.json")
path.write_text(json.dumps(golden, indent=1) + "\n")
print({name: case["value"] for name, case in golden.items()})
