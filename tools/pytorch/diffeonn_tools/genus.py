"""The genus task: MNIST digits labelled by their number of holes, counted on the undeformed image.

The rule, the same in the C# library:

1. A pixel of the stored 28x28 bytes is ink if it is at least ``THRESHOLD``, else background.
2. The image is surrounded by one ring of background, so that all outside is one region.
3. Background pixels join their 4 neighbours (left, right, up, down); ink therefore counts as 8-connected.
4. The region that holds the ring is the outside. Every other region of at least ``SMALLEST_HOLE`` pixels is a hole.
5. The label is the number of holes, at most 2.

Threshold and smallest hole are those for which, on the first 6,000 training digits, holes agree best with the digits' usual
shape (0, 6 and 9: one, 8: two, 4 left out, others none): on 85%. The rest are looped twos, open eights and the like.

Splits: the last ``VALIDATION`` images of the training files are ``val``, the others ``train``; ``test`` is the t10k files.
"""

import gzip
import struct
from pathlib import Path

import numpy as np
import torch

THRESHOLD = 64
SMALLEST_HOLE = 4
VALIDATION = 5000
FILES = {"train": "train-images-idx3-ubyte", "val": "train-images-idx3-ubyte", "test": "t10k-images-idx3-ubyte"}


def load_split(folder, split):
    """Images (N, 1, 28, 28), float32 in [0, 1], and labels (N,), int64, of the images of a split."""
    if split not in FILES:
        raise ValueError(f"split '{split}' is unknown; expected one of {', '.join(FILES)}.")
    images = read_images(find(folder, FILES[split]))
    if split != "test":
        images = images[-VALIDATION:] if split == "val" else images[:-VALIDATION]
    labels = np.array([genus(image) for image in images], dtype=np.int64)
    return torch.from_numpy(images[:, None].astype(np.float32) / 255), torch.from_numpy(labels)


def genus(image):
    """The label of one image (H, W) of bytes."""
    height, width = image.shape
    stride = width + 2
    background = np.pad(image < THRESHOLD, 1, constant_values=True).ravel().tolist()
    _clear(background, 0, stride)
    holes = 0
    for start in range(len(background)):
        if background[start] and _clear(background, start, stride) >= SMALLEST_HOLE:
            holes += 1
    return min(holes, 2)


def _clear(background, start, stride):
    """Clears the region of ``start``; its number of pixels."""
    stack, size = [start], 0
    background[start] = False
    while stack:
        position = stack.pop()
        size += 1
        column = position % stride
        for step, allowed in ((-1, column > 0), (1, column < stride - 1), (-stride, True), (stride, True)):
            other = position + step
            if allowed and 0 <= other < len(background) and background[other]:
                background[other] = False
                stack.append(other)
    return size


def find(folder, name):
    """The IDX file of a name, packed or not, with ``-`` or ``.`` before ``idx``."""
    for candidate in (name, name.replace("-idx", ".idx")):
        for suffix in (".gz", ""):
            path = Path(folder) / (candidate + suffix)
            if path.exists():
                return path
    raise FileNotFoundError(f"'{Path(folder) / name}.gz' is missing; `python3 -m diffeonn_tools get mnist` fetches it.")


def read_images(path):
    """Bytes (N, H, W) of an IDX file of images."""
    content = Path(path).read_bytes()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    if len(content) < 16:
        raise ValueError(f"'{path}' has {len(content)} bytes; the header of an IDX file of images has 16.")
    magic, count, height, width = struct.unpack(">4I", content[:16])
    if magic != 0x803:
        raise ValueError(f"'{path}' starts with 0x{magic:08x}; an IDX file of images starts with 0x00000803.")
    if len(content) != 16 + count * height * width:
        raise ValueError(f"'{path}' has {len(content)} bytes; its header of {count} images of {width}x{height} asks for "
                         f"{16 + count * height * width}.")
    return np.frombuffer(content, np.uint8, offset=16).reshape(count, height, width)
