"""Five small networks whose exports by current exporters are kept as fixtures: each at most 60 KB, weights drawn from a seed."""

from typing import Callable, NamedTuple, Sequence, Tuple

import torch
from torch import nn
from torch.nn import functional as F


class Classifier(nn.Module):
    """Convolutions with batch normalisation, pooled and classified."""

    def __init__(self, classes=5):
        super().__init__()
        sizes = (3, 8, 16, 24)
        self.features = nn.Sequential(
            *(
                layer
                for a, b in zip(sizes, sizes[1:])
                for layer in (nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2))
            )
        )
        self.head = nn.Linear(sizes[-1], classes)

    def forward(self, image):
        return self.head(F.adaptive_avg_pool2d(self.features(image), 1).flatten(1))


def _double(inputs, outputs):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1), nn.LeakyReLU(0.1), nn.Conv2d(outputs, outputs, 3, padding=1), nn.LeakyReLU(0.1)
    )


class BilinearUNet(nn.Module):
    """Two levels, bilinear upsampling instead of transposed convolutions."""

    def __init__(self, classes=2, width=6):
        super().__init__()
        self.down = nn.ModuleList([_double(1, width), _double(width, 2 * width)])
        self.bottom = _double(2 * width, 2 * width)
        self.up = nn.ModuleList([_double(4 * width, width), _double(2 * width, width)])
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, image):
        kept, x = [], image
        for block in self.down:
            x = block(x)
            kept.append(x)
            x = F.avg_pool2d(x, 2)
        x = self.bottom(x)
        for block in self.up:
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = block(torch.cat([kept.pop(), x], 1))
        return self.head(x)


class Transformer(nn.Module):
    """Patches, a class token, one block of attention and a gated layer behind it. Dosovitskiy et al., 2021."""

    def __init__(self, size=16, patch=4, width=24, heads=4, classes=5):
        super().__init__()
        self.heads = heads
        self.patches = nn.Conv2d(3, width, patch, stride=patch)
        self.token = nn.Parameter(0.5 * torch.randn(1, 1, width))
        self.place = nn.Parameter(0.5 * torch.randn(1, (size // patch) ** 2 + 1, width))
        self.before, self.behind, self.last = (nn.LayerNorm(width) for _ in range(3))
        self.qkv, self.merge = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.head = nn.Linear(width, classes)

    def attention(self, x):
        q, k, v = (part.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        if hasattr(F, "scaled_dot_product_attention"):
            found = F.scaled_dot_product_attention(q, k, v)
        else:
            found = torch.softmax(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5, -1) @ v
        return self.merge(found.transpose(1, 2).flatten(2))

    def forward(self, image):
        x = self.patches(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.place
        x = x + self.attention(self.before(x))
        x = x + self.mlp(self.behind(x))
        return self.head(self.last(x)[:, 0])


class Separable(nn.Module):
    """Depthwise-separable convolutions with group normalisation, SiLU, hard swish and squeeze-and-excite."""

    def __init__(self, classes=4, width=12):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, stride=2, padding=1), nn.GroupNorm(4, width), nn.SiLU())
        self.depthwise = nn.ModuleList(nn.Conv2d(width, width, size, padding=size // 2, groups=width, bias=False) for size in (3, 5))
        self.pointwise = nn.ModuleList(nn.Sequential(nn.GroupNorm(3, width), nn.Hardswish(), nn.Conv2d(width, width, 1)) for _ in range(2))
        self.squeeze, self.excite = nn.Linear(width, 4), nn.Linear(4, width)
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, image):
        x = self.stem(image)
        for depthwise, pointwise in zip(self.depthwise, self.pointwise):
            x = x + pointwise(depthwise(x))
        gate = F.hardsigmoid(self.excite(F.silu(self.squeeze(x.mean((2, 3))))))
        return self.head(x * gate[:, :, None, None])


class Recurrent(nn.Module):
    """A GRU in both directions, an LSTM behind it, a score at every step."""

    def __init__(self, channels=5, width=8, classes=4):
        super().__init__()
        self.gru = nn.GRU(channels, width, batch_first=True, bidirectional=True)
        self.lstm = nn.LSTM(2 * width, width, batch_first=True)
        self.head = nn.Linear(width, classes)

    def forward(self, sequence):
        return self.head(self.lstm(self.gru(sequence)[0])[0])


class Fixture(NamedTuple):
    """One network: how to build it, its input with the batch axis, and which operator sets each exporter is asked for."""

    create: Callable[[], nn.Module]
    input: Tuple[str, Tuple[int, ...]]
    torchscript: Sequence[int]
    dynamo: Sequence[int]


FIXTURES = {
    "classifier": Fixture(Classifier, ("image", (2, 3, 16, 16)), (17,), (18,)),
    "unet": Fixture(BilinearUNet, ("image", (2, 1, 16, 16)), (17,), (20,)),
    "transformer": Fixture(Transformer, ("image", (2, 3, 16, 16)), (17,), (20,)),
    "separable": Fixture(Separable, ("image", (2, 3, 16, 16)), (17,), (18,)),
    "recurrent": Fixture(Recurrent, ("sequence", (2, 6, 5)), (17,), (18,)),
}


def build(name, seed=1):
    """A network with drawn weights, in evaluation mode; statistics and scales of normalisations are drawn, too, so that they matter."""
    torch.manual_seed(seed)
    module = FIXTURES[name].create()
    for part in module.modules():
        if isinstance(part, (nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.uniform_(part.bias, -0.3, 0.3)
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.running_mean, -0.3, 0.3)
            nn.init.uniform_(part.running_var, 0.5, 1.5)
    return module.eval()
