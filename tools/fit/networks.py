"""Small networks of the usual kinds, and what stands around them in an ONNX file."""

import torch
from torch import nn


def block(before, after, stride=1):
    return nn.Sequential(nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU())


class UNet(nn.Module):
    """Scores (N, classes, H, W) of images (N, channels, H, W) whose sides are multiples of 8."""

    def __init__(self, channels, classes, widths=(8, 16, 32, 48)):
        super().__init__()
        self.down = nn.ModuleList()
        for width in widths:
            self.down.append(nn.Sequential(block(channels, width), block(width, width)) if self.down else block(channels, width))
            channels = width
        self.up = nn.ModuleList(block(low + high, high) for low, high in zip(widths[:0:-1], widths[-2::-1]))
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x):
        kept = []
        for stage in self.down:
            x = stage(nn.functional.max_pool2d(x, 2) if kept else x)
            kept.append(x)
        kept.pop()
        for stage in self.up:
            x = nn.functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = stage(torch.cat((x, kept.pop()), 1))
        return self.head(x)


class Quarter(nn.Module):
    """Scores (N, classes, H/4, W/4) of images (N, channels, H, W)."""

    def __init__(self, channels, classes):
        super().__init__()
        self.skip = nn.Sequential(block(channels, 12), block(12, 24, 2), block(24, 32, 2), block(32, 32))
        self.deep = nn.Sequential(block(32, 48, 2), block(48, 48))
        self.head = nn.Sequential(block(80, 32), nn.Conv2d(32, classes, 1))

    def forward(self, x):
        near = self.skip(x)
        far = nn.functional.interpolate(self.deep(near), scale_factor=2, mode="nearest")
        return self.head(torch.cat((near, far), 1))


def classifier(channels, classes):
    """Scores (N, classes) of images (N, channels, H, W). Batch norm stands after ReLU, where exporting leaves it."""
    layers = []
    for width in (16, 32, 48):
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(width), nn.MaxPool2d(2)]
        channels = width
    return nn.Sequential(*layers, nn.Conv2d(channels, 64, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(64),
                         nn.Flatten(), nn.Dropout(.2), nn.Linear(64 * 16, classes))


class Points(nn.Module):
    """Pixels (N, 2 * points), x and y by turns, of points in images (N, channels, side, side)."""

    def __init__(self, channels, points, side):
        super().__init__()
        self.layers = nn.Sequential(
            block(channels, 12), nn.MaxPool2d(2), block(12, 24), nn.MaxPool2d(2), block(24, 32), nn.MaxPool2d(2), block(32, 48),
            nn.Flatten(), nn.Linear(48 * (side // 8) ** 2, 64), nn.ReLU(), nn.Linear(64, 2 * points))
        self.side = side

    def forward(self, x):
        return (self.layers(x) + 1) * ((self.side - 1) / 2)


class ChannelsLast(nn.Module):
    """Images and scores (N, H, W, channels) around a network of (N, channels, H, W)."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class Bytes(nn.Module):
    """Bytes around a network of values 0 to 1."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x.to(torch.float32) / 255)
