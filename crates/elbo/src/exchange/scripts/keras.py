"""A variational autoencoder in Keras 3, as `elbo export` wrote it.

    from model import load, save
    encoder, decoder = load()           # from weights.npz beside this file
    mean, logvar = encoder(image)       # image: [N, H, W, C], numbers from BLACK to WHITE
    image = decoder(mean)               # the mean of each pixel, likewise

A conditional model (CLASSES > 0) is also given the class of each image, whole numbers [N]:
`encoder([image, label])`. What was trained further comes back by `save(encoder, decoder, "tuned.npz")` and
`elbo import tuned.npz --out MODEL`, with model.json beside it.

Needs keras with any of its backends, and numpy. `python model.py` decodes latent vectors of zeros.
"""

from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

# CONSTANTS
WEIGHTS = Path(__file__).with_name("weights.npz")


def sizes():
    """Height and width of the image and after each stage, with the padding above and to the left."""
    height, width = HEIGHT, WIDTH
    for _ in WIDTHS:
        yield height, width, height % 2, width % 2
        height, width = (height + 1) // 2, (width + 1) // 2
    yield height, width, 0, 0


def make_encoder():
    image = keras.Input((HEIGHT, WIDTH, CHANNELS), name="image")
    label = keras.Input((), dtype="int32", name="class")
    x = (image - BLACK) / (WHITE - BLACK)
    if CUT:
        x = ops.clip(x, 0.0, 1.0)
    for stage, ((_, _, above, left), width) in enumerate(zip(sizes(), WIDTHS), 1):
        x = layers.ZeroPadding2D(((above, 1), (left, 1)))(x)
        x = layers.Conv2D(width, 3, strides=2, activation="relu", name=f"encoder.conv{stage}")(x)
    x = layers.Dense(2 * LATENT_DIM, name="encoder.head")(layers.Flatten()(x))
    if CLASSES:
        x = x + layers.Embedding(CLASSES, 2 * LATENT_DIM, name="encoder.classes")(label)
    return keras.Model([image, label] if CLASSES else image, [x[:, :LATENT_DIM], x[:, LATENT_DIM:]], name="encoder")


def make_decoder():
    z = keras.Input((LATENT_DIM,), name="z")
    label = keras.Input((), dtype="int32", name="class")
    *before, (height, width, _, _) = sizes()
    x = layers.Reshape((1, 1, LATENT_DIM))(z)
    x = layers.Conv2DTranspose(WIDTHS[-1], (height, width), name="decoder.project")(x)
    if CLASSES:
        rows = layers.Embedding(CLASSES, height * width * WIDTHS[-1], name="decoder.classes")(label)
        x = x + layers.Reshape((height, width, WIDTHS[-1]))(rows)
    x = layers.ReLU()(x)
    for stage, ((height, width, above, left), c_out) in enumerate(zip(reversed(before), reversed(WIDTHS)), 1):
        x = layers.Conv2DTranspose(c_out, 3, strides=2, activation="relu", name=f"decoder.deconv{stage}")(x)
        x = x[:, above : above + height, left : left + width]
    x = layers.Conv2DTranspose(CHANNELS, 3, name="decoder.output")(x)[:, 1:-1, 1:-1]
    image = BLACK + (WHITE - BLACK) * mean_of(x)
    return keras.Model([z, label] if CLASSES else z, image, name="decoder")


def mean_of(logits):
    """The mean of a pixel in [0, 1] by its logit."""
    if LIKELIHOOD != "continuous-bernoulli":
        return ops.sigmoid(logits)
    # 1 / (1 - exp(-x)) - 1 / x, by Taylor's polynomial where x is small.
    size = ops.abs(logits)
    large = ops.maximum(size, 1.0)
    large = 1 / (1 - ops.exp(-large)) - 1 / large - 0.5
    square = size * size
    small = size * (1 / 12 + square * (-1 / 720 + square * (1 / 30240 + square * (-1 / 1209600 + square / 47900160))))
    return 0.5 + ops.sign(logits) * ops.where(size < 1, small, large)


def parts(layer):
    """The arrays of a layer, by the ends of their names in the file."""
    return ("embeddings",) if isinstance(layer, layers.Embedding) else ("kernel", "bias")


def load(path=WEIGHTS):
    encoder, decoder = make_encoder(), make_decoder()
    with np.load(path) as arrays:
        for layer in encoder.layers + decoder.layers:
            if layer.weights:
                layer.set_weights([arrays[f"{layer.name}.{part}"] for part in parts(layer)])
    return encoder, decoder


def save(encoder, decoder, path):
    """Writes the weights as `elbo import` reads them."""
    with np.load(WEIGHTS) as exported:
        # What is in no layer stays as it is: what was learned of sigma, log(sigma) = -6 + softplus(log_sigma + 6), and of a
        # mixture of Gaussians as the prior.
        arrays = dict(exported)
    for layer in encoder.layers + decoder.layers:
        if layer.weights:
            arrays |= {f"{layer.name}.{part}": array for part, array in zip(parts(layer), layer.get_weights())}
    np.savez(path, **arrays)


if __name__ == "__main__":
    decoder = load()[1]
    z = np.zeros((CLASSES or 1, LATENT_DIM), "float32")
    images = ops.convert_to_numpy(decoder([z, np.arange(CLASSES, dtype="int32")] if CLASSES else z))
    print(images.shape, f"from {images.min():.4f} to {images.max():.4f}, mean {images.mean():.4f}")
