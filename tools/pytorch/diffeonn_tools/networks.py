"""The networks of a bundle. All take images (N, C, H, W) and keep the batch size free when exported."""

import torch
from torch import nn
from torch.nn import functional as F

from . import fields


class UNet(nn.Module):
    """Inner model for segmentation: U-Net with batch normalisation; logits (N, classes, H, W).

    Ronneberger, Fischer and Brox, MICCAI 2015. Height and width must be divisible by ``2 ** levels``.
    """

    def __init__(self, channels=1, classes=2, width=12, levels=4):
        super().__init__()
        widths = [width * 2 ** level for level in range(levels + 1)]
        self.encoders = nn.ModuleList(_double(a, b) for a, b in zip([channels] + widths, widths))
        self.ups = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in zip(widths, widths[1:]))
        self.decoders = nn.ModuleList(_double(2 * a, a) for a in widths[:-1])
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, image):
        skips, h = [], image
        for level, encoder in enumerate(self.encoders):
            h = encoder(h if level == 0 else F.max_pool2d(h, 2))
            skips.append(h)
        for up, decoder, skip in zip(reversed(self.ups), reversed(self.decoders), reversed(skips[:-1])):
            h = decoder(torch.cat([skip, up(h)], 1))
        return self.head(h)

    def features(self, image, level):
        """What the first convolution of a level's encoder gives; the image is halved ``level`` times."""
        h = image
        for encoder in self.encoders[:level]:
            h = F.max_pool2d(encoder(h), 2)
        return self.encoders[level][:3](h)

    def feature_channels(self, level):
        return self.encoders[level][0].out_channels


def _double(inputs, outputs):
    layers = []
    for a in (inputs, outputs):
        layers += [nn.Conv2d(a, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers)


class Vae(nn.Module):
    """Variational autoencoder; returns (reconstruction, mu, logvar).

    It samples the latent while training and takes the posterior mean in evaluation, so that the energy is a function.
    Each entry of ``widths`` halves the size: it must divide by ``2 ** len(widths)``.
    """

    def __init__(self, channels=1, size=128, widths=(16, 32, 64, 64, 64), latent=64):
        super().__init__()
        widths = list(widths)
        self.inner = (widths[-1], size >> len(widths), size >> len(widths))
        flat = self.inner[0] * self.inner[1] * self.inner[2]
        encoder = []
        for a, b in zip([channels] + widths, widths):
            encoder += [nn.Conv2d(a, b, 4, stride=2, padding=1), nn.BatchNorm2d(b), nn.SiLU()]
        self.encoder = nn.Sequential(*encoder, nn.Flatten(1))
        self.mu = nn.Linear(flat, latent)
        self.logvar = nn.Linear(flat, latent)
        self.expand = nn.Linear(latent, flat)
        decoder = []
        for a, b in zip(widths[::-1], widths[-2::-1]):
            decoder += [nn.ConvTranspose2d(a, b, 4, stride=2, padding=1), nn.BatchNorm2d(b), nn.SiLU()]
        self.decoder = nn.Sequential(*decoder, nn.ConvTranspose2d(widths[0], channels, 4, stride=2, padding=1), nn.Sigmoid())

    def forward(self, image):
        h = self.encoder(image)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar) if self.training else mu
        return self.decode(z), mu, logvar

    def decode(self, z):
        return self.decoder(self.expand(z).view(-1, *self.inner))


class Critic(nn.Module):
    """Wasserstein critic; a score (N,), low on undeformed images.

    Convolutions of 5x5 whose hidden layers all see the image too; the score is the mean over pixels. ``downsample``
    averages blocks of pixels first: the receptive field then covers most of the image and a pass costs a fraction.
    SiLU instead of ReLU keeps the gradient, which is what descends, continuous.
    """

    def __init__(self, channels=1, width=16, layers=6, downsample=4):
        super().__init__()
        self.downsample = downsample
        self.layers = nn.ModuleList(
            nn.Conv2d(channels if i == 0 else width + channels, 1 if i == layers - 1 else width, 5, padding=2)
            for i in range(layers))

    def forward(self, image):
        x = F.avg_pool2d(image, self.downsample, count_include_pad=False) if self.downsample > 1 else image
        h = F.silu(self.layers[0](x))
        for layer in self.layers[1:-1]:
            h = F.silu(layer(torch.cat([h, x], 1)))
        return self.layers[-1](torch.cat([h, x], 1)).mean((1, 2, 3))


class Proposer(nn.Module):
    """Predicts the velocity whose exponential undoes a deformation, in one pass; (N, 2, output, output), component 0 is x.

    Convolutions on the reduced image, which also see the coordinates; a dense head for the map as a whole and a local
    one for its details add up to the control points of a ``lattice`` x ``lattice`` uniform cubic B-spline, as the
    canonicaliser's own. The network evaluates the spline at ``output`` x ``output`` nodes, because the library continues
    a proposal linearly between its nodes. Before training the proposal is zero.
    """

    def __init__(self, channels=1, size=128, widths=(24, 48, 96), downsample=2, lattice=8, output=32, reduced=32, hidden=256):
        super().__init__()
        self.downsample = downsample
        self.register_buffer("grid", fields.base_grid(size // downsample, size // downsample), persistent=False)
        self.first = nn.Conv2d(channels, widths[0], 5, stride=2, padding=2, bias=False)
        self.position = nn.Conv2d(2, widths[0], 5, stride=2, padding=2)
        layers = [nn.BatchNorm2d(widths[0]), nn.SiLU()]
        for a, b in zip(widths, widths[1:]):
            for inputs, stride in ((a, 2), (b, 1)):
                layers += [nn.Conv2d(inputs, b, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(b), nn.SiLU()]
        self.body = nn.Sequential(*layers)
        side = size // downsample >> len(widths)
        self.reduce = nn.Conv2d(widths[-1], reduced, 1)
        self.hidden = nn.Linear(reduced * side * side, hidden)
        self.dense = nn.Linear(hidden, 2 * lattice * lattice)
        self.local = nn.Conv2d(widths[-1], 2, 3, padding=1)
        self.lattice = lattice
        # Carries the cells of the features to the nodes of the lattice, and the spline's control points to the output.
        self.register_buffer("cells", _linear_basis(side, lattice), persistent=False)
        self.register_buffer("basis", fields.spline_basis(lattice, output).float(), persistent=False)
        for head in (self.dense, self.local):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)

    def forward(self, image):
        return self.propose(self.reduced(image))

    def reduced(self, image):
        """The image as the convolutions see it, ``downsample`` times smaller."""
        return F.avg_pool2d(image, self.downsample) if self.downsample > 1 else image

    def propose(self, reduced):
        """The proposal of an image that is reduced already."""
        h = self.body(self.first(reduced) + self.position(self.grid))
        dense = self.dense(F.silu(self.hidden(F.silu(self.reduce(h)).flatten(1)))).view(-1, 2, self.lattice, self.lattice)
        local = self.cells @ self.local(h) @ self.cells.t()
        return self.basis @ (dense + local) @ self.basis.t()


def _linear_basis(cells, nodes):
    """Weights (nodes, cells) of linear interpolation between cells' centres; the nodes' ends lie on the outer cells' edges."""
    position = (torch.arange(nodes, dtype=torch.float64) * cells / (nodes - 1) - 0.5).clamp(0, cells - 1)
    return (1 - (position[:, None] - torch.arange(cells)).abs()).clamp(min=0).float()


class Classifier(nn.Module):
    """Inner model for classification: convolutions with batch normalisation, each level halves the size; logits (N, classes)."""

    def __init__(self, channels=1, size=32, classes=3, widths=(16, 32, 64), hidden=64):
        super().__init__()
        widths = list(widths)
        layers = []
        for a, b in zip([channels] + widths, widths):
            layers += [_double(a, b), nn.MaxPool2d(2)]
        side = size >> len(widths)
        self.body = nn.Sequential(*layers, nn.Flatten(1), nn.Linear(widths[-1] * side * side, hidden), nn.ReLU(),
                                  nn.Linear(hidden, classes))

    def forward(self, image):
        return self.body(image)

    def features(self, image, level):
        """What the first convolution of a level gives; the image is halved ``level`` times."""
        return self.body[2 * level][:3](self.body[: 2 * level](image))

    def feature_channels(self, level):
        return self.body[2 * level][0].out_channels


class FeatureDistance(nn.Module):
    """An energy without training: how far an image's features lie from those of the training images; (N,).

    The features of a ``level``'s first convolution in the inner model, averaged over ``parts`` x ``parts`` parts of the image. Their
    Mahalanobis distance along the training images' first principal ``components``, squared, plus the square of what these leave, which
    weighs as much on the average: a training image has twice the number of components on the average. ``downsample`` averages blocks of
    pixels first: a pass costs a fraction.
    """

    def __init__(self, inner, level=4, parts=2, components=40, downsample=2):
        super().__init__()
        self.inner, self.level, self.parts, self.downsample = inner, level, parts, downsample
        size = inner.feature_channels(level) * parts ** 2
        for name, shape in (("mean", (size,)), ("components", (size, components)), ("inverse", (components,)), ("left", ())):
            self.register_buffer(name, torch.zeros(shape))

    def forward(self, image):
        f = self.features(image) - self.mean
        along = (f @ self.components).pow(2)
        return (along * self.inverse).sum(1) + (f.pow(2).sum(1) - along.sum(1)) * self.left

    def features(self, image):
        """Averages over the parts (N, F)."""
        x = F.avg_pool2d(image, self.downsample) if self.downsample > 1 else image
        h = self.inner.features(x, self.level)
        return F.adaptive_avg_pool2d(h, self.parts).flatten(1)

    def fit(self, images):
        """Takes the statistics of training images."""
        with torch.no_grad():
            f = torch.cat([self.features(part) for part in images.split(32)]).double()
            mean = f.mean(0)
            _, singular, directions = torch.linalg.svd(f - mean, full_matrices=False)
            variance = singular.pow(2) / len(f)
            count = self.components.shape[1]
            if count >= len(variance):
                raise ValueError(f"{count} components need more than {count} images and features; there are {len(f)} and {f.shape[1]}.")
            self.mean.copy_(mean)
            self.components.copy_(directions[:count].t())
            self.inverse.copy_(1 / variance[:count])
            self.left.copy_(count / variance[count:].sum())
        return self
