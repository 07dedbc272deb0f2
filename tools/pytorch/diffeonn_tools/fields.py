"""Batched PyTorch counterparts of the library's fields, for training: warp, exponential, smoothness.

Displacements and velocities are (N, 2, H, W), component 0 is x, the longest side spans [-1, 1], corners aligned.
"""

from functools import lru_cache

import torch
from torch.nn import functional as F


def base_grid(height, width, dtype=torch.float32):
    """Positions (1, 2, H, W) of the pixels."""
    longest = max(height, width) - 1
    x = (2 * torch.arange(width, dtype=dtype) - (width - 1)) / longest
    y = (2 * torch.arange(height, dtype=dtype) - (height - 1)) / longest
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width)])[None]


def warp(image, u, padding="zeros"):
    """``image(p + u(p))``, bilinear."""
    height, width = image.shape[2:]
    longest = max(height, width) - 1
    scale = torch.tensor([longest / (width - 1), longest / (height - 1)], dtype=u.dtype).view(1, 2, 1, 1)
    grid = ((base_grid(*u.shape[2:], dtype=u.dtype) + u) * scale).permute(0, 2, 3, 1)
    return F.grid_sample(image, grid, mode="bilinear", padding_mode=padding, align_corners=True)


def compose(u, after):
    """Displacement of ``phi(psi(p))`` where phi is ``p + u(p)`` and psi is ``p + after(p)``."""
    return after + warp(u, after, "border")


def exponential(v, squarings=7):
    """Displacement of the flow of the stationary velocity ``v`` at time 1, by scaling and squaring."""
    u = v / 2 ** squarings
    for _ in range(squarings):
        u = compose(u, u)
    return u


def inverse(u, iterations=20):
    """Displacement of the inverse map by fixed-point iteration."""
    w = -u
    for _ in range(iterations):
        w = -warp(u, w, "border")
    return w


def upsample(lattice, height, width):
    """Velocity lattice to image size, bilinear, corners aligned."""
    return F.interpolate(lattice, (height, width), mode="bilinear", align_corners=True)


def spline(lattice, height, width):
    """Velocity lattice to image size by uniform cubic B-splines, as the library's canonicaliser does.

    The lattice's values are control points, aligned at the corners, continued linearly beyond the border:
    ``c(-1) = 2 c(0) - c(1)``.
    """
    rows, columns = (spline_basis(nodes, size).to(lattice.dtype) for nodes, size in zip(lattice.shape[2:], (height, width)))
    return rows @ lattice @ columns.T


@lru_cache(maxsize=16)
def spline_basis(nodes, size):
    """Weights (size, nodes), float64, of a uniform cubic B-spline with aligned corners, continued linearly beyond the border."""
    position = torch.arange(size, dtype=torch.float64) * (nodes - 1) / (size - 1)
    cell = position.floor().clamp(max=nodes - 2).long()
    t = (position - cell)[:, None]
    local = torch.cat([(1 - t) ** 3, 3 * t ** 3 - 6 * t ** 2 + 4, -3 * t ** 3 + 3 * t ** 2 + 3 * t + 1, t ** 3], 1) / 6
    padded = torch.zeros(size, nodes + 2, dtype=torch.float64)
    padded.scatter_(1, cell[:, None] + torch.arange(4), local)
    basis = padded[:, 1:-1].clone()
    for ghost, near, next_ in ((0, 0, 1), (-1, -1, -2)):
        basis[:, near] += 2 * padded[:, ghost]
        basis[:, next_] -= padded[:, ghost]
    return basis


def compose_velocities(v, w, height, width):
    """``v + w + [v, w] / 2``, ``[v, w] = J_v w - J_w v``, on a lattice (N, 2, h, w) with the image's corners: its exponential is exp(v)
    after exp(w), ``p -> exp(v)(exp(w)(p))``, up to terms of third order (Baker, Campbell, Hausdorff)."""
    longest = max(height, width) - 1
    spacings = [2 * (size - 1) / longest / (nodes - 1) for size, nodes in zip((height, width), v.shape[2:])]

    def along(field, direction):
        rows, columns = torch.gradient(field, spacing=spacings, dim=(2, 3))
        return columns * direction[:, :1] + rows * direction[:, 1:]

    return v + w + (along(v, w) - along(w, v)) / 2


def _differences(field):
    pixel = 2.0 / (max(field.shape[2:]) - 1)
    return field.diff(dim=3) / pixel, field.diff(dim=2) / pixel


def smoothness(v):
    """Mean over positions of |grad v|^2, summed over components and axes; (N,)."""
    return sum((d ** 2).sum(1).mean((1, 2)) for d in _differences(v))


def minimum_determinant(u):
    """Least determinant over all four combinations of one-sided differences; (N,)."""
    dx, dy = _differences(u)
    least = []
    for a in (dx[:, :, :-1, :], dx[:, :, 1:, :]):
        for b in (dy[:, :, :, :-1], dy[:, :, :, 1:]):
            least.append(((1 + a[:, 0]) * (1 + b[:, 1]) - a[:, 1] * b[:, 0]).flatten(1).min(1).values)
    return torch.stack(least).min(0).values
