"""A variational autoencoder in PyTorch, as `elbo export` wrote it.

    from model import load, save
    vae = load()                        # from weights.safetensors beside this file
    mean, logvar = vae.encode(image)    # image: [N, C, H, W], numbers from BLACK to WHITE
    image = vae.decode(mean)            # the mean of each pixel, likewise

A conditional model (CLASSES > 0) is also given the class of each image, whole numbers [N]:
`vae.encode(image, label)`. What was trained further comes back by `save(vae, "tuned.safetensors")` and
`elbo import tuned.safetensors --out MODEL`, with model.json beside it.

Needs torch and safetensors. `python model.py` decodes latent vectors of zeros.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

# CONSTANTS

def sizes():
    """Height and width of the image and after each stage, with the padding above and to the left."""
    height, width = HEIGHT, WIDTH
    for _ in WIDTHS:
        yield height, width, height % 2, width % 2
        height, width = (height + 1) // 2, (width + 1) // 2
    yield height, width, 0, 0


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        channels = CHANNELS
        for stage, c_out in enumerate(WIDTHS, 1):
            self.add_module(f"conv{stage}", nn.Conv2d(channels, c_out, 3, stride=2))
            channels = c_out
        *_, (height, width, _, _) = sizes()
        self.head = nn.Linear(height * width * channels, 2 * LATENT_DIM)
        if CLASSES:
            self.classes = nn.Embedding(CLASSES, 2 * LATENT_DIM)

    def forward(self, x, label=None):
        for stage, (_, _, above, left) in enumerate(list(sizes())[:-1], 1):
            x = F.relu(getattr(self, f"conv{stage}")(F.pad(x, (left, 1, above, 1))))
        # The head reads pixel by pixel: [N, H, W, C].
        x = self.head(x.permute(0, 2, 3, 1).flatten(1))
        if CLASSES:
            x = x + self.classes(label)
        return x[:, :LATENT_DIM], x[:, LATENT_DIM:]


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        *_, (height, width, _, _) = sizes()
        channels = WIDTHS[-1]
        self.project = nn.ConvTranspose2d(LATENT_DIM, channels, (height, width))
        for stage, c_out in enumerate(reversed(WIDTHS), 1):
            self.add_module(f"deconv{stage}", nn.ConvTranspose2d(channels, c_out, 3, stride=2))
            channels = c_out
        self.output = nn.ConvTranspose2d(channels, CHANNELS, 3, padding=1)
        if CLASSES:
            self.classes = nn.Embedding(CLASSES, height * width * WIDTHS[-1])
        if LIKELIHOOD == "sigma-gaussian":
            # log(sigma) = -6 + softplus(log_sigma + 6)
            self.log_sigma = nn.Parameter(torch.zeros(1))

    def forward(self, z, label=None):
        *before, (height, width, _, _) = sizes()
        x = self.project(z[:, :, None, None])
        if CLASSES:
            rows = self.classes(label).unflatten(1, (height, width, WIDTHS[-1]))
            x = x + rows.permute(0, 3, 1, 2)
        x = F.relu(x)
        for stage, (height, width, above, left) in enumerate(reversed(before), 1):
            x = F.relu(getattr(self, f"deconv{stage}")(x)[:, :, above : above + height, left : left + width])
        return self.output(x)


class Prior(nn.Module):
    """A learned mixture of Gaussians; where there is none, the prior is the standard normal."""

    def __init__(self):
        super().__init__()
        self.means = nn.Parameter(torch.zeros(PRIOR_COMPONENTS, LATENT_DIM))
        self.logvars = nn.Parameter(torch.zeros(PRIOR_COMPONENTS, LATENT_DIM))
        self.logits = nn.Parameter(torch.zeros(PRIOR_COMPONENTS))  # the weights are their softmax


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder()
        if PRIOR_COMPONENTS:
            self.prior = Prior()

    def encode(self, image, label=None):
        """Mean and logarithm of the variance of the latent distribution of each image, [N, Z] each."""
        x = (image - BLACK) / (WHITE - BLACK)
        return self.encoder(x.clamp(0, 1) if CUT else x, label)

    def decode(self, z, label=None):
        """The mean of each pixel, [N, C, H, W]."""
        return BLACK + (WHITE - BLACK) * mean_of(self.decoder(z, label))


def mean_of(logits):
    """The mean of a pixel in [0, 1] by its logit."""
    if LIKELIHOOD != "continuous-bernoulli":
        return torch.sigmoid(logits)
    # 1 / (1 - exp(-x)) - 1 / x, by Taylor's polynomial where x is small.
    size = logits.abs()
    large = size.clamp(min=1)
    large = -1 / torch.expm1(-large) - 1 / large - 0.5
    square = size * size
    small = size * (1 / 12 + square * (-1 / 720 + square * (1 / 30240 + square * (-1 / 1209600 + square / 47900160))))
    return 0.5 + logits.sign() * torch.where(size < 1, small, large)


def load(path=Path(__file__).with_name("weights.safetensors")):
    vae = VAE()
    vae.load_state_dict(load_file(path))
    return vae.eval()


def save(vae, path):
    """Writes the weights as `elbo import` reads them."""
    state = vae.state_dict().items()
    save_file({name: tensor.detach().float().cpu().contiguous() for name, tensor in state}, path)


if __name__ == "__main__":
    with torch.no_grad():
        labels = torch.arange(CLASSES) if CLASSES else None
        images = load().decode(torch.zeros(CLASSES or 1, LATENT_DIM), labels)
    print(tuple(images.shape), f"from {images.min():.4f} to {images.max():.4f}, mean {images.mean():.4f}")
