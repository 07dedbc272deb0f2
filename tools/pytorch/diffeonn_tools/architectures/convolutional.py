"""Convolutional networks: images (N, C, H, W) to scores, masks or images."""

import torch
from torch import nn
from torch.nn import functional as F


def conv(inputs, outputs, size=3, activation=nn.ReLU, **options):
    """Convolution without bias, batch normalisation, activation; keeps the size unless strided."""
    options.setdefault("padding", options.get("dilation", 1) * (size // 2))
    layers = [nn.Conv2d(inputs, outputs, size, bias=False, **options), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *([activation()] if activation else []))


class SqueezeExcite(nn.Module):
    """Channels weighted by a small network of their means."""

    def __init__(self, channels, inner, activation, gate):
        super().__init__()
        self.down, self.up = nn.Conv2d(channels, inner, 1), nn.Conv2d(inner, channels, 1)
        self.activation, self.gate = activation(), gate()

    def forward(self, x):
        return x * self.gate(self.up(self.activation(self.down(F.adaptive_avg_pool2d(x, 1)))))


class InvertedResidual(nn.Module):
    """Widen, convolve each channel, weight the channels, narrow: MobileNetV3 and EfficientNet."""

    def __init__(self, inputs, inner, outputs, size, stride, activation, gate=None):
        super().__init__()
        layers = [conv(inputs, inner, 1, activation), conv(inner, inner, size, activation, stride=stride, groups=inner)]
        if gate:
            layers.append(SqueezeExcite(inner, max(2, inner // 4), nn.ReLU if activation is nn.Hardswish else activation, gate))
        self.body = nn.Sequential(*layers, conv(inner, outputs, 1, None))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.body(x) if self.residual else self.body(x)


class MobileNetV3(nn.Module):
    """Howard et al., ICCV 2019."""

    def __init__(self, classes=5):
        super().__init__()
        self.features = nn.Sequential(
            conv(3, 6, 3, nn.Hardswish, stride=2),
            InvertedResidual(6, 12, 8, 3, 2, nn.ReLU, nn.Hardsigmoid),
            InvertedResidual(8, 16, 8, 3, 1, nn.ReLU),
            InvertedResidual(8, 24, 10, 5, 2, nn.Hardswish, nn.Hardsigmoid),
            InvertedResidual(10, 24, 10, 5, 1, nn.Hardswish, nn.Hardsigmoid),
            conv(10, 32, 1, nn.Hardswish))
        self.classifier = nn.Sequential(nn.Linear(32, 24), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(24, classes))

    def forward(self, image):
        return self.classifier(F.adaptive_avg_pool2d(self.features(image), 1).flatten(1))


class EfficientNet(nn.Module):
    """Tan and Le, ICML 2019."""

    def __init__(self, classes=5):
        super().__init__()
        self.features = nn.Sequential(
            conv(3, 6, 3, nn.SiLU, stride=2),
            InvertedResidual(6, 12, 8, 3, 2, nn.SiLU, nn.Sigmoid),
            InvertedResidual(8, 24, 8, 5, 1, nn.SiLU, nn.Sigmoid),
            conv(8, 24, 1, nn.SiLU))
        self.classifier = nn.Linear(24, classes)

    def forward(self, image):
        return self.classifier(self.features(image).mean((2, 3)))


class BasicBlock(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.body = nn.Sequential(conv(inputs, outputs, stride=stride), conv(outputs, outputs, activation=None))
        self.shortcut = conv(inputs, outputs, 1, None, stride=stride) if stride > 1 or inputs != outputs else nn.Identity()

    def forward(self, x):
        return F.relu(self.body(x) + self.shortcut(x))


class ResNet(nn.Module):
    """He et al., CVPR 2016."""

    def __init__(self, classes=5):
        super().__init__()
        self.stem = nn.Sequential(conv(3, 6, 7, stride=2), nn.MaxPool2d(3, stride=2, padding=1))
        self.layers = nn.Sequential(BasicBlock(6, 6, 1), BasicBlock(6, 10, 2), BasicBlock(10, 10, 1))
        self.classifier = nn.Linear(10, classes)

    def forward(self, image):
        return self.classifier(torch.flatten(F.adaptive_avg_pool2d(self.layers(self.stem(image)), 1), 1))


class DenseNet(nn.Module):
    """Every layer sees all before it. Huang et al., CVPR 2017."""

    def __init__(self, growth=4, classes=5):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, stride=2, padding=1, bias=False)
        self.blocks, self.transitions, width = nn.ModuleList(), nn.ModuleList(), 6
        for _ in range(2):
            self.blocks.append(nn.ModuleList(self._layer(width + i * growth, growth) for i in range(3)))
            width += 3 * growth
            self.transitions.append(nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width // 2, 1, bias=False),
                                                  nn.AvgPool2d(2)))
            width //= 2
        self.norm, self.classifier = nn.BatchNorm2d(width), nn.Linear(width, classes)

    @staticmethod
    def _layer(inputs, growth):
        return nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, 2 * growth, 1, bias=False),
                             nn.BatchNorm2d(2 * growth), nn.ReLU(), nn.Conv2d(2 * growth, growth, 3, padding=1, bias=False))

    def forward(self, image):
        h = self.stem(image)
        for block, transition in zip(self.blocks, self.transitions):
            for layer in block:
                h = torch.cat([h, layer(h)], 1)
            h = transition(h)
        return self.classifier(F.relu(self.norm(h)).mean((2, 3)))


class DeepLab(nn.Module):
    """Dilated convolutions, a pyramid of dilations and of the mean, bilinear enlargement. Chen et al., 2017 (v3)."""

    def __init__(self, classes=4):
        super().__init__()
        self.features = nn.Sequential(conv(3, 8, stride=2), conv(8, 10, stride=2), conv(10, 10, dilation=2), conv(10, 10, dilation=4))
        self.pyramid = nn.ModuleList([conv(10, 6, 1)] + [conv(10, 6, dilation=rate) for rate in (2, 3, 5)])
        self.pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(10, 6, 1), nn.ReLU())
        self.head = nn.Sequential(conv(30, 8, 1), nn.Conv2d(8, classes, 1))

    def forward(self, image):
        h = self.features(image)
        parts = [branch(h) for branch in self.pyramid]
        parts.append(F.interpolate(self.pooled(h), size=h.shape[2:], mode="bilinear", align_corners=False))
        return F.interpolate(self.head(torch.cat(parts, 1)), size=image.shape[2:], mode="bilinear", align_corners=False)


class DcganCritic(nn.Module):
    """Radford, Metz and Chintala, ICLR 2016."""

    def __init__(self, width=6):
        super().__init__()
        leaky = lambda: nn.LeakyReLU(0.2)  # noqa: E731
        self.body = nn.Sequential(
            nn.Conv2d(1, width, 4, stride=2, padding=1, bias=False), leaky(),
            conv(width, 2 * width, 4, leaky, stride=2, padding=1),
            conv(2 * width, 3 * width, 4, leaky, stride=2, padding=1),
            nn.Conv2d(3 * width, 1, 4, bias=False))

    def forward(self, image):
        return self.body(image).flatten()


class VaeEnergy(nn.Module):
    """A VAE as its posterior mean, and the energy of each image: squared error plus divergence from the prior."""

    def __init__(self, vae, beta=0.3):
        super().__init__()
        self.vae, self.beta = vae, beta

    def forward(self, image):
        reconstruction, mu, logvar = self.vae(image)
        divergence = 0.5 * (mu ** 2 + logvar.exp() - 1 - logvar).sum(1)
        return reconstruction, ((image - reconstruction) ** 2).sum((1, 2, 3)) + self.beta * divergence


class SuperResolution(nn.Module):
    """Sub-pixel convolution on a bicubic enlargement, PReLU. Shi et al., CVPR 2016."""

    def __init__(self, channels=2, width=8, factor=2):
        super().__init__()
        self.factor = factor
        self.body = nn.Sequential(nn.ReflectionPad2d(2), nn.Conv2d(channels, width, 5), nn.PReLU(width),
                                  nn.Conv2d(width, width, 3, padding=1), nn.PReLU(), nn.Conv2d(width, channels * factor ** 2, 3, padding=1))
        self.shuffle = nn.PixelShuffle(factor)

    def forward(self, image):
        large = F.interpolate(image, scale_factor=self.factor, mode="bicubic", align_corners=False)
        return torch.tanh(large + self.shuffle(self.body(image)))


class UNet3d(nn.Module):
    """Volumes (N, C, D, H, W): instance normalisation, transposed and trilinear enlargement. Cicek et al., MICCAI 2016."""

    def __init__(self, classes=2):
        super().__init__()
        self.first, self.second, self.third = self._double(1, 4), self._double(4, 6), self._double(6, 8)
        self.up, self.join, self.last = nn.ConvTranspose3d(8, 6, 2, stride=2), self._double(12, 6), self._double(10, 4)
        self.head = nn.Conv3d(4, classes, 1)

    @staticmethod
    def _double(inputs, outputs):
        return nn.Sequential(nn.Conv3d(inputs, outputs, 3, padding=1, bias=False), nn.InstanceNorm3d(outputs, affine=True), nn.ELU())

    def forward(self, volume):
        a = self.first(volume)
        b = self.second(F.max_pool3d(a, 2))
        h = self.join(torch.cat([b, self.up(self.third(F.avg_pool3d(b, 2)))], 1))
        h = F.interpolate(h, scale_factor=2, mode="trilinear", align_corners=True)
        return self.head(self.last(torch.cat([a, h], 1)))


class SpatialTransformer(nn.Module):
    """An affine map found by a small network resamples the image. Jaderberg et al., NeurIPS 2015."""

    def __init__(self, size=16, classes=4):
        super().__init__()
        self.localisation = nn.Sequential(nn.Conv2d(1, 4, 5, stride=2), nn.SiLU(), nn.Conv2d(4, 6, 3, stride=2), nn.SiLU(), nn.Flatten(1))
        self.theta = nn.Linear(6 * 4, 6)
        nn.init.normal_(self.theta.weight, std=0.05)
        self.theta.bias.data = torch.tensor([0.8, 0.15, 0.05, -0.1, 0.85, 0.02])
        self.classifier = nn.Sequential(nn.Conv2d(1, 6, 3, stride=2), nn.SiLU(), nn.Flatten(1), nn.Linear(6 * 49, classes))
        line = (torch.arange(size) * 2 + 1) / size - 1
        y, x = torch.meshgrid(line, line, indexing="ij")
        # torch.nn.functional.affine_grid written out, because its export came late.
        self.register_buffer("base", torch.stack([x, y, torch.ones_like(x)], -1).view(1, size * size, 3))
        self.size = size

    def forward(self, image):
        theta = self.theta(self.localisation(image)).view(-1, 2, 3)
        grid = (self.base @ theta.transpose(1, 2)).view(-1, self.size, self.size, 2)
        warped = F.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)
        return self.classifier(warped), warped
