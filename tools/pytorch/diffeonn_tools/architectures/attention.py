"""Networks with attention, and their neighbours: layer and group normalisation, GELU, SiLU."""

import math

import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Self-attention of several heads on (N, L, C); ``bias`` is added to the scores."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x, bias=None):
        n, length, width = x.shape
        q, k, v = self.qkv(x).reshape(n, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        scores = q @ k.transpose(-2, -1) / math.sqrt(width // self.heads)
        weights = torch.softmax(scores if bias is None else scores + bias, -1)
        return self.out((weights @ v).transpose(1, 2).reshape(n, length, width))


class Block(nn.Module):
    """Pre-normalised transformer layer."""

    def __init__(self, width, heads, factor=2):
        super().__init__()
        self.norm1, self.attention, self.norm2 = nn.LayerNorm(width), Attention(width, heads), nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, factor * width), nn.GELU(), nn.Linear(factor * width, width))

    def forward(self, x, bias=None):
        x = x + self.attention(self.norm1(x), bias)
        return x + self.mlp(self.norm2(x))


class VisionTransformer(nn.Module):
    """Dosovitskiy et al., ICLR 2021."""

    def __init__(self, size=16, patch=4, width=16, depth=2, classes=5):
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, stride=patch)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.positions = nn.Parameter(0.5 * torch.randn(1, (size // patch) ** 2 + 1, width))
        self.blocks = nn.Sequential(*(Block(width, 2) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, image):
        x = self.patches(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.positions
        return self.head(self.norm(self.blocks(x))[:, 0])


class SwinBlock(nn.Module):
    """Attention within windows, shifted by a roll, with relative positions. Liu et al., ICCV 2021."""

    def __init__(self, channels=3, size=8, window=4, width=12, heads=2, shift=2):
        super().__init__()
        self.size, self.window, self.shift, self.heads = size, window, shift, heads
        self.embed = nn.Conv2d(channels, width, 2, stride=2)
        self.norm1, self.attention, self.norm2 = nn.LayerNorm(width), Attention(width, heads), nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.table = nn.Parameter(torch.randn((2 * window - 1) ** 2, heads))
        line = torch.arange(window)
        cell = torch.stack(torch.meshgrid(line, line, indexing="ij")).flatten(1)
        offset = (cell[:, :, None] - cell[:, None, :]) + window - 1
        self.register_buffer("index", (offset[0] * (2 * window - 1) + offset[1]).flatten())
        self.register_buffer("mask", self._mask(size, window, shift))
        self.merge = nn.Linear(4 * width, 2 * width, bias=False)

    @staticmethod
    def _mask(size, window, shift):
        region = torch.zeros(size, size)
        edges = (slice(0, -window), slice(-window, -shift), slice(-shift, None))
        for i, rows in enumerate(edges):
            for j, columns in enumerate(edges):
                region[rows, columns] = 3 * i + j
        parts = region.view(size // window, window, size // window, window).transpose(1, 2).reshape(-1, window * window)
        return torch.where(parts[:, None] == parts[:, :, None], 0.0, -100.0)

    def forward(self, image):
        x = self.embed(image).permute(0, 2, 3, 1)
        n, (count, window), width = x.shape[0], (self.size // self.window, self.window), x.shape[3]
        h = torch.roll(self.norm1(x), (-self.shift, -self.shift), (1, 2))
        h = h.reshape(-1, count, window, count, window, width).transpose(2, 3).reshape(-1, window * window, width)
        area = window * window
        bias = self.table[self.index].view(area, area, self.heads).permute(2, 0, 1).unsqueeze(0) + self.mask.unsqueeze(1)
        h = self.attention(h, bias.repeat(n, 1, 1, 1))
        h = h.view(-1, count, count, window, window, width).transpose(2, 3).reshape(-1, self.size, self.size, width)
        x = x + torch.roll(h, (self.shift, self.shift), (1, 2))
        x = x + self.mlp(self.norm2(x))
        merged = torch.cat([x[:, i::2, j::2] for j in (0, 1) for i in (0, 1)], -1)
        return self.merge(merged).mean((1, 2))


class ConvNextBlock(nn.Module):
    """Large depthwise convolution, layer normalisation over channels, GELU, layer scale."""

    def __init__(self, width):
        super().__init__()
        self.depthwise, self.norm = nn.Conv2d(width, width, 7, padding=3, groups=width), nn.LayerNorm(width, eps=1e-6)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.scale = nn.Parameter(0.5 * torch.randn(width))

    def forward(self, x):
        h = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        return x + (self.scale * self.down(F.gelu(self.up(h)))).permute(0, 3, 1, 2)


class ConvNext(nn.Module):
    """Liu et al., CVPR 2022."""

    def __init__(self, width=8, classes=5):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 4, stride=4)
        self.first, self.second = ConvNextBlock(width), ConvNextBlock(width + 4)
        self.norm, self.reduce = nn.LayerNorm(width, eps=1e-6), nn.Conv2d(width, width + 4, 2, stride=2)
        self.last, self.head = nn.LayerNorm(width + 4), nn.Linear(width + 4, classes)

    def forward(self, image):
        h = self.first(self.stem(image))
        h = self.second(self.reduce(self.norm(h.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)))
        return self.head(self.last(h.mean((2, 3))))


class ResidualGroup(nn.Module):
    """Group normalisation, SiLU and convolution twice, shifted by an embedding of time."""

    def __init__(self, inputs, outputs, time, groups=2):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(groups, inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time = nn.Linear(time, outputs)
        self.norm2, self.conv2 = nn.GroupNorm(groups, outputs), nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x, time):
        h = self.conv1(F.silu(self.norm1(x))) + self.time(F.silu(time))[:, :, None, None]
        return self.shortcut(x) + self.conv2(F.silu(self.norm2(h)))


class DiffusionUNet(nn.Module):
    """Noise of an image at a time: sinusoidal embedding, attention at the bottom. Ho, Jain and Abbeel, NeurIPS 2020."""

    def __init__(self, channels=2, width=8, time=8):
        super().__init__()
        self.register_buffer("frequencies", torch.exp(torch.linspace(0, 3, time // 2)))
        self.embed = nn.Sequential(nn.Linear(time, time), nn.SiLU(), nn.Linear(time, time))
        self.stem, self.down = nn.Conv2d(channels, width, 3, padding=1), nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.inner, self.norm, self.attention = ResidualGroup(width, width, time), nn.GroupNorm(2, width), Attention(width, 2)
        self.up, self.outer = nn.Conv2d(width, width, 3, padding=1), ResidualGroup(2 * width, width, time)
        self.last = nn.Sequential(nn.GroupNorm(2, width), nn.SiLU(), nn.Conv2d(width, channels, 3, padding=1))

    def forward(self, image, time):
        angles = time[:, None] * self.frequencies
        time = self.embed(torch.cat([angles.sin(), angles.cos()], 1))
        a = self.stem(image)
        h = self.inner(self.down(a), time)
        tokens = self.norm(h).flatten(2).transpose(1, 2)
        h = h + self.attention(tokens).transpose(1, 2).reshape(h.shape)
        h = self.up(F.interpolate(h, scale_factor=2.0, mode="nearest"))
        return self.last(self.outer(torch.cat([a, h], 1), time))


class LanguageModel(nn.Module):
    """Causal transformer on token numbers; the embedding is shared with the output. Vaswani et al., 2017; Press and Wolf, 2017."""

    def __init__(self, words=11, length=7, width=12):
        super().__init__()
        self.words, self.positions = nn.Embedding(words, width), nn.Embedding(length, width)
        self.block, self.norm = Block(width, 3), nn.LayerNorm(width)
        self.register_buffer("mask", torch.full((length, length), -1e4).triu(1))
        self.register_buffer("order", torch.arange(length))

    def forward(self, tokens):
        x = self.words(tokens) + self.positions(self.order)
        return F.log_softmax(self.norm(self.block(x, self.mask)) @ self.words.weight.t(), -1)
