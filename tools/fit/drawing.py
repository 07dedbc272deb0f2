"""Drawn images with their truth: bodies with organs, letters and faces. Every function takes a numpy Generator and draws one image."""

import numpy as np

# Letters as strokes in a box of side 2, x to the right and y downwards; no two are each other turned by less than a quarter.
LETTERS = {
    "A": [[(-1, 1), (0, -1), (1, 1)], [(-.5, .2), (.5, .2)]],
    "B": [[(-.7, -1), (-.7, 1), (.5, 1), (.8, .5), (.4, 0), (-.7, 0)], [(-.7, -1), (.4, -1), (.7, -.5), (.4, 0)]],
    "E": [[(.7, -1), (-.7, -1), (-.7, 1), (.7, 1)], [(-.7, 0), (.5, 0)]],
    "F": [[(.7, -1), (-.7, -1), (-.7, 1)], [(-.7, 0), (.5, 0)]],
    "H": [[(-.8, -1), (-.8, 1)], [(.8, -1), (.8, 1)], [(-.8, 0), (.8, 0)]],
    "K": [[(-.7, -1), (-.7, 1)], [(.8, -1), (-.7, .1), (.8, 1)]],
    "N": [[(-.8, 1), (-.8, -1), (.8, 1), (.8, -1)]],
    "R": [[(-.7, 1), (-.7, -1), (.4, -1), (.7, -.5), (.4, 0), (-.7, 0)], [(0, 0), (.7, 1)]],
    "S": [[(.7, -.8), (.2, -1), (-.5, -.9), (-.6, -.4), (.5, .2), (.6, .7), (.1, 1), (-.7, .8)]],
    "Z": [[(-.7, -1), (.7, -1), (-.7, 1), (.7, 1)]],
}


def grid(height, width):
    """Rows and columns of pixel centres, each (height, width)."""
    return np.mgrid[0:height, 0:width].astype(np.float64)


def texture(rng, height, width, cells):
    """Smooth noise of about mean 0 and deviation 1, (height, width), with `cells` knots along each side."""
    knots = rng.normal(size=(cells + 1, cells + 1))
    rows, columns = np.linspace(0, cells, height), np.linspace(0, cells, width)
    i, j = np.minimum(rows.astype(int), cells - 1), np.minimum(columns.astype(int), cells - 1)
    u, v = (rows - i)[:, None], (columns - j)[None, :]
    at = lambda a, b: knots[np.ix_(i + a, j + b)]
    return (1 - u) * ((1 - v) * at(0, 0) + v * at(0, 1)) + u * ((1 - v) * at(1, 0) + v * at(1, 1))


def ellipse(y, x, centre, radii, degrees):
    """Signed depth in pixels, about: positive inside. `centre` and `radii` are (x, y)."""
    angle = np.deg2rad(degrees)
    dx, dy = x - centre[0], y - centre[1]
    along, across = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
    return (1 - np.hypot(along / radii[0], across / radii[1])) * min(radii)


def paint(image, depth, colour):
    """Lays `colour`, (3,) or (H, W, 3), over `image`, in place, where `depth` is positive, with an edge one pixel wide."""
    cover = np.clip(depth + 0.5, 0, 1)[..., None]
    image *= 1 - cover
    image += cover * colour


def finish(rng, image, noise):
    """Adds noise and rounds to bytes."""
    return np.clip(np.rint(255 * (image + noise * rng.normal(size=image.shape))), 0, 255).astype(np.uint8)


def body(rng, height, width):
    """A body with organs: bytes (H, W, 3), and classes (H, W): 1 for the left lobe, 2 for the right one.

    Lobes, and the liver and the stomach below them, share a colour: which is which tell place, shape and the neighbours.
    """
    y, x = grid(height, width)
    scale = np.array([width, height]) * rng.normal(1, .03, 2) / 100
    middle = np.array([width - 1, height - 1]) / 2 + rng.normal(0, .015, 2) * [width, height]
    jitter = lambda *values: np.array(values) * rng.normal(1, .06, len(values))
    place = lambda cx, cy: middle + scale * (np.array([cx, cy]) + rng.normal(0, .8, 2))
    background, skin, organ = rng.uniform(.05, .45, 3), rng.uniform(.5, .85, 3), rng.uniform(.1, .55, 3)
    image = background + .07 * texture(rng, height, width, 8)[..., None] * rng.uniform(.4, 1, 3)
    paint(image, ellipse(y, x, middle, scale * jitter(45, 45), 0), skin + .04 * texture(rng, height, width, 6)[..., None])
    paint(image, ellipse(y, x, place(0, 2), scale * jitter(3, 38), 0), .6 * skin + .4)
    tone = lambda: organ + rng.normal(0, .03, 3) + .03 * texture(rng, height, width, 8)[..., None]
    for centre, radii, degrees in (((-18, 24), (17, 9), 12), ((17, 25), (11, 8), -15)):
        paint(image, ellipse(y, x, place(*centre), scale * jitter(*radii), degrees + rng.normal(0, 3)), tone())
    classes = np.zeros((height, width), np.uint8)
    for number, (centre, radii, degrees) in enumerate((((-19, -12), (11, 22), 8), ((19, -12), (13, 20), -8)), 1):
        depth = ellipse(y, x, place(*centre), scale * jitter(*radii), degrees + rng.normal(0, 3))
        if number == 1:     # The heart presses into the lobe of this side.
            depth = np.minimum(depth, -ellipse(y, x, place(-6, -2), scale * jitter(9, 8), 0))
        paint(image, depth, tone())
        classes[depth > 0] = number
    return finish(rng, image, .02), classes


def letter(rng, side):
    """One of ten letters: bytes (side, side, 3), and its number."""
    number = int(rng.integers(len(LETTERS)))
    y, x = grid(side, side)
    size = side * rng.uniform(.27, .33, 2) * [.9, 1]
    middle = (side - 1) / 2 + rng.uniform(-.04, .04, 2) * side
    slant, thickness = rng.normal(0, .06), side * rng.uniform(.035, .06)
    depth = np.full((side, side), -np.inf)
    for stroke in list(LETTERS.values())[number]:
        points = np.array(stroke) + rng.normal(0, .1, (len(stroke), 2))
        points[:, 0] -= slant * points[:, 1]
        points = middle + size * points
        for (ax, ay), (bx, by) in zip(points[:-1], points[1:]):
            dx, dy = bx - ax, by - ay
            t = np.clip(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy), 0, 1)
            depth = np.maximum(depth, thickness - np.hypot(x - ax - t * dx, y - ay - t * dy))
    paper, ink = rng.uniform(.45, .95, 3), rng.uniform(0, .5, 3)
    image = paper + .08 * texture(rng, side, side, 5)[..., None]
    paint(image, depth, ink)
    return finish(rng, image, .07), number


def face(rng, side):
    """A face: bytes (side, side, 3), and five points (5, 2) in pixels, x and y: both eyes, the tip of the nose, both ends of the mouth."""
    y, x = grid(side, side)
    unit = side / 64
    middle = (side - 1) / 2 + rng.uniform(-4, 4, 2) * unit
    spread, eyes, nose, mouth = unit * rng.normal([9, 7, 3, 12], [1, 1, 1, 1])
    width, skew = unit * rng.normal(7, 1), unit * rng.normal(0, .7, (5, 2))
    points = middle + np.array([(-spread, -eyes), (spread, -eyes), (0, nose), (-width, mouth), (width, mouth)]) + skew
    skin = rng.uniform(.55, .85) * np.array([1, .9, .8])
    image = rng.uniform(.1, .35) + .05 * texture(rng, side, side, 6)[..., None] * np.ones(3)
    paint(image, ellipse(y, x, middle, unit * rng.normal([20, 25], 1.2), 0), skin)
    for eye in points[:2]:
        paint(image, ellipse(y, x, eye, unit * np.array([4.2, 2.6]), 0), skin * .3 + .7)
        paint(image, ellipse(y, x, eye, unit * np.array([1.7, 1.7]), 0), skin * .15)
    bridge = points[:2].mean(0)
    segments = ((bridge, points[2], 1.1, .75), (points[3], points[4], 1.4, .45))
    for (ax, ay), (bx, by), thickness, tone in segments:
        dx, dy = bx - ax, by - ay
        t = np.clip(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy), 0, 1)
        paint(image, thickness * unit - np.hypot(x - ax - t * dx, y - ay - t * dy), skin * tone)
    return finish(rng, image, .02), points
