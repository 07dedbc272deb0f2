"""Image folders: ``images/NAME.png``, ``masks/NAME.png`` and ``split.csv`` with name, split and perhaps source.

Masks hold labels as they are stored (``masks.py``).
"""

import csv
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from . import genus, masks


def load_split(folder, split, size, source=None, classes=2):
    """Images and masks of one split as float32 tensors (N, 1, size, size), images in [0, 1], masks 0 or 1.

    Square images of another size are resized straight, with antialiasing. Without ``split.csv`` every fifth image is ``val``
    and the rest is ``train``. What the training cannot take is refused: more than two classes, pixels to ignore, images that
    are not square.
    """
    if classes != 2:
        raise ValueError(f"the configuration has {classes} classes; these tools train segmentations of two.")
    folder = Path(folder)
    names = _names(folder, split, source)
    if not names:
        raise ValueError(f"'{folder}' has no images in split '{split}'" + (f" of source '{source}'." if source else "."))
    rules, stored = masks.Rules(classes), []
    for name in names:
        path = folder / "masks" / f"{name}.png"
        stored.append((masks.read(_existing(path)), path))
        rules.learn(*stored[-1])
    images = [_image(folder / "images" / f"{name}.png", mask, size) for name, (mask, _) in zip(names, stored)]
    labels = [_label(rules.labels(mask, path), path, size) for mask, path in stored]
    return torch.from_numpy(np.stack(images)[:, None]), torch.from_numpy(np.stack(labels)[:, None]).float()


def _names(folder, split, source):
    table = folder / "split.csv"
    if not table.exists():
        names = sorted(path.stem for path in (folder / "images").glob("*.png") if not path.name.startswith("."))
        return [name for i, name in enumerate(names) if (i % 5 == 4) == (split == "val")]
    return [Path(row["name"]).stem for row in _rows(table, source) if row["split"] == split and (not source or row["source"] == source)]


def _rows(table, source):
    """The rows of split.csv by column, without outer blanks; quoted fields as RFC 4180 has them."""
    with open(table, newline="", encoding="utf-8-sig") as stream:
        reader = csv.reader(stream, strict=True, skipinitialspace=True)
        rows = []
        try:
            for fields in reader:
                rows.append((reader.line_num, [field.strip() for field in fields]))
        except csv.Error as error:
            raise ValueError(f"'{table}' line {reader.line_num}: {error}.") from error
    rows = [(line, fields) for line, fields in rows if any(fields)]
    header = rows[0][1] if rows else []
    for column in ("name", "split", *(["source"] if source else [])):
        if header.count(column) != 1:
            raise ValueError(f"'{table}' has the columns {', '.join(header) or 'none'}; '{column}' is needed once.")
    for line, fields in rows[1:]:
        if len(fields) != len(header):
            raise ValueError(f"'{table}' line {line} has {len(fields)} fields; the header has {len(header)}.")
    return [dict(zip(header, fields)) for _, fields in rows[1:]]


def _existing(path):
    if not path.exists():
        raise FileNotFoundError(f"'{path}' is missing; every image needs a mask of the same name.")
    return path


def _image(path, mask, size):
    image = Image.open(_existing(path))
    height, width = mask.values.shape
    if image.size != (width, height):
        raise ValueError(f"'{path}' is {image.size[0]}x{image.size[1]} pixels; its mask is {width}x{height}.")
    if width != height:
        raise ValueError(f"'{path}' is {width}x{height} pixels; the networks here take squares. Crop or pad images and masks first.")
    return np.asarray(_resized(image.convert("L"), size), dtype=np.float32) / 255


def _label(labels, path, size):
    ignored = int((labels == masks.IGNORED).sum())
    if ignored:
        raise ValueError(f"'{path}' marks {ignored} pixels to ignore ({masks.IGNORED} beside class numbers); training here counts every "
                         "pixel. Give them a class, or leave the image out of split.csv.")
    mask = Image.fromarray((labels * 255).astype(np.uint8))
    return np.asarray(_resized(mask, size), dtype=np.float32) / 255 >= 0.5


def _resized(image, size):
    return image if image.size == (size, size) else image.resize((size, size), Image.BILINEAR)


def enlarge(images, config):
    """Images (N, C, H, W) of the data's own size at the networks' (``size``); the same where they are equal.

    Bilinear with half-pixel centres. The library aligns the corners instead, which moves the border of a digit of 28 pixels by half a
    pixel of 56: on 5,000 validation digits the network of the bundle ``genus`` has 0.9686 with the one and 0.9674 with the other.
    """
    size = config["size"]
    return images if images.shape[-1] == size else F.interpolate(images, (size, size), mode="bilinear", align_corners=False)


def load(folder, split, config):
    """Images (N, 1, H, W) and targets of one split, as the configuration's task wants them; digits keep their own size."""
    if config.get("data") == "mnist-genus":
        return genus.load_split(folder, split)
    return load_split(folder, split, config["size"], config.get("source"), config["inner"]["network"].get("classes", 2))
