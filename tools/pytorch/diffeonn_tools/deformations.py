"""Random deformations: the same seed gives the same map here and in the C# library.

Everything is float64 NumPy. Maps are displacements of shape (2, H, W), component 0 is x, in the library's unit:
corners aligned, the longest side spans [-1, 1]. A deformed image is ``x(p + u(p))``.
"""

import numpy as np

_MASK = (1 << 64) - 1
PRESETS = ("tps", "tps-strong", "svf", "twist")


class SplitMix64:
    """Steele, Lea and Flood's 64-bit generator, with uniform and normal numbers."""

    def __init__(self, state):
        self.state = state & _MASK
        self._spare = None

    @classmethod
    def for_image(cls, seed, index):
        """The generator of image ``index`` in the set of seed ``seed``."""
        return cls(cls(seed).next() + index * 0xD1342543DE82EF95)

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & _MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return z ^ (z >> 31)

    def uniform(self, low=0.0, high=1.0):
        return low + (high - low) * ((self.next() >> 11) * 2.0 ** -53)

    def normal(self):
        if self._spare is not None:
            value, self._spare = self._spare, None
            return value
        u1, u2 = self.uniform(), self.uniform()
        radius = np.sqrt(-2.0 * np.log(1.0 - u1))
        self._spare = radius * np.sin(2.0 * np.pi * u2)
        return radius * np.cos(2.0 * np.pi * u2)


def coordinates(height, width):
    """x and y of every pixel, each (H, W)."""
    longest = max(height, width) - 1
    x = (2.0 * np.arange(width) - (width - 1)) / longest
    y = (2.0 * np.arange(height) - (height - 1)) / longest
    return np.meshgrid(x, y)


def random_map(preset, seed, index, height, width, amplitude=8.0):
    """The unfolded displacement (2, H, W) of image ``index`` in the set of seed ``seed``."""
    if preset not in PRESETS:
        raise ValueError(f"deformation '{preset}' is unknown; expected one of {', '.join(PRESETS)}.")
    generator = SplitMix64.for_image(seed, index)
    for _ in range(100):
        if preset == "svf":
            u = _svf(generator, height, width, amplitude)
        elif preset == "twist":
            u = _twist(generator, height, width)
        else:
            u = _tps(generator, height, width) * (2.0 if preset == "tps-strong" else 1.0)
        if minimum_determinant(u) > 0:
            return u
    raise RuntimeError(f"'{preset}' with seed {seed}, image {index}: 100 draws, all folded.")


def minimum_determinant(u):
    """Least Jacobian determinant of ``p + u(p)`` over all four combinations of one-sided differences."""
    _, height, width = u.shape
    pixel = 2.0 / (max(height, width) - 1)
    along_x = np.diff(u, axis=2) / pixel
    along_y = np.diff(u, axis=1) / pixel
    least = np.inf
    for dx in (along_x[:, :-1, :], along_x[:, 1:, :]):
        for dy in (along_y[:, :, :-1], along_y[:, :, 1:]):
            least = min(least, float(((1 + dx[0]) * (1 + dy[1]) - dx[1] * dy[0]).min()))
    return least


def _tps(generator, height, width):
    ticks = 0.6 * np.array([-0.5, 0.0, 0.5])
    source = np.array([(x, y) for y in ticks for x in ticks])
    angle = np.deg2rad(generator.uniform(-30.0, 30.0))
    jitter = np.array([[generator.uniform(-0.12, 0.12) for _ in range(2)] for _ in range(9)])
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    target = np.clip(0.9 * source @ rotation.T + jitter, -0.5, 0.5)

    system = np.zeros((12, 12))
    system[:9, :9] = _thin_plate(((source[:, None] - source[None]) ** 2).sum(-1))
    system[:9, 9] = system[9, :9] = 1
    system[:9, 10:] = source
    system[10:, :9] = source.T
    solution = np.linalg.solve(system, np.vstack([target, np.zeros((3, 2))]))

    x, y = coordinates(height, width)
    q = np.stack([x, y], -1) / 2
    kernel = _thin_plate(((q[:, :, None] - source) ** 2).sum(-1))
    mapped = kernel @ solution[:9] + solution[9] + q @ solution[10:]
    return np.moveaxis(mapped - q, -1, 0)


def _thin_plate(squared):
    """r^2 ln r of the squared distance, 0 at 0."""
    return 0.5 * squared * np.log(np.where(squared > 0, squared, 1.0))


def _svf(generator, height, width, amplitude):
    lattice = np.array([generator.normal() for _ in range(72)]).reshape(2, 6, 6)
    x, y = coordinates(height, width)
    v = np.einsum("hi,cij,wj->chw", _cubic_basis(y[:, 0]), lattice, _cubic_basis(x[0]))
    v *= amplitude * (2.0 / 127.0) / np.sqrt((v ** 2).sum(0)).max()
    return exponential(v)


def _twist(generator, height, width):
    """A turn about a point that fades with the distance; for evaluation only, nothing is trained on it."""
    centre_x, centre_y = generator.uniform(-0.3, 0.3), generator.uniform(-0.3, 0.3)
    angle = np.deg2rad(generator.uniform(-90.0, 90.0))
    radius = generator.uniform(0.3, 0.6)
    x, y = coordinates(height, width)
    x, y = x - centre_x, y - centre_y
    turn = angle * np.exp(-(x ** 2 + y ** 2) / (2 * radius ** 2))
    return np.stack([np.cos(turn) * x - np.sin(turn) * y - x, np.sin(turn) * x + np.cos(turn) * y - y])


def _cubic_basis(positions):
    """Uniform cubic B-spline weights (len, 6): three spans over [-1, 1]."""
    t = (positions + 1) * 1.5
    span = np.clip(np.floor(t).astype(int), 0, 2)
    s = t - span
    weights = np.stack([(1 - s) ** 3, 3 * s ** 3 - 6 * s ** 2 + 4, -3 * s ** 3 + 3 * s ** 2 + 3 * s + 1, s ** 3], -1) / 6
    basis = np.zeros((len(positions), 6))
    for k in range(4):
        basis[np.arange(len(positions)), span + k] = weights[:, k]
    return basis


def exponential(v, squarings=7):
    """Scaling and squaring with bilinear sampling, clamped to the border."""
    u = v / 2.0 ** squarings
    for _ in range(squarings):
        u = u + sample(u, u, "border")
    return u


def sample(image, u, padding="zeros"):
    """``image(p + u(p))`` for an image (C, H, W), bilinear; outside it is zero or the border's value."""
    if padding not in ("zeros", "border"):
        raise ValueError(f"padding '{padding}' is unknown; expected 'zeros' or 'border'.")
    _, height, width = image.shape
    pixel = 2.0 / (max(height, width) - 1)
    column = np.arange(width)[None, :] + u[0] / pixel
    row = np.arange(height)[:, None] + u[1] / pixel
    if padding == "border":
        column, row = np.clip(column, 0, width - 1), np.clip(row, 0, height - 1)
    left, top = np.floor(column).astype(int), np.floor(row).astype(int)
    result = np.zeros((image.shape[0],) + u.shape[1:])
    for dy in (0, 1):
        for dx in (0, 1):
            j, i = left + dx, top + dy
            weight = (1 - np.abs(column - j)) * (1 - np.abs(row - i))
            inside = (j >= 0) & (j < width) & (i >= 0) & (i < height)
            result += np.where(inside, weight, 0) * image[:, np.clip(i, 0, height - 1), np.clip(j, 0, width - 1)]
    return result
