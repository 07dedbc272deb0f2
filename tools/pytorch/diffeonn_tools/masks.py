"""Masks as files store them, and what their values mean: labels are what is stored.

The rules are those of the C# library (``Imaging/MaskRules.cs``): values below the number of classes are class numbers, and 255
beside them marks pixels to ignore. With two classes 0 and the largest value of the depth (and 255 in 16 bits) are classes 0 and
1, too; whether 0 and 255 mean that or pixels to ignore, the masks of the set tell together. Palettes count by index. Files of a
format that changes values tell two classes apart, each pixel by the nearer end. What cannot be told apart is refused with the
values found.
"""

from dataclasses import dataclass
from typing import Optional

import numpy as np
from PIL import Image

IGNORED = 255


@dataclass
class StoredMask:
    """Whole numbers (H, W), the largest that the depth allows, colours (K, 3) of a palette, and whether the format changes values."""

    values: np.ndarray
    largest: int
    palette: Optional[np.ndarray] = None
    lossy: bool = False


def read(path):
    """A mask as it is stored: PNG of any depth, and other formats by their decoded levels."""
    with open(path, "rb") as stream:
        head = stream.read(26)
    image = Image.open(path)
    if image.format == "PNG":
        return _from_png(image, head[24], head[25], path)
    lossy = image.format == "JPEG" or (image.format == "WEBP" and head[12:16] != b"VP8L")
    return StoredMask(_grey(np.asarray(image.convert("RGB")), path), 255, lossy=lossy)


def _from_png(image, depth, colour_type, path):
    largest = (1 << depth) - 1
    if colour_type == 3:
        colours = np.frombuffer(bytes(image.getpalette("RGB")), np.uint8).reshape(-1, 3)
        return StoredMask(np.asarray(image).astype(np.int64), largest, colours)
    if colour_type == 0:
        values = np.asarray(image).astype(np.int64)
        # Grey levels of 2 and 4 bits come spread over 0 to 255.
        return StoredMask(values // (255 // largest) if 1 < depth < 8 else values, largest)
    if depth == 16:
        raise ValueError(f"'{path}' has 16-bit colours; store class numbers as grey levels or as indices of a palette.")
    pixels = np.asarray(image)
    colours = pixels[..., :3] if colour_type in (2, 6) else pixels[..., :1]
    values = _grey(colours, path)
    if colour_type in (4, 6):
        bad = (pixels[..., -1] != 255) & (values != 0)
        if bad.any():
            raise ValueError(f"'{path}' holds the value {values[bad][0]} at a pixel of opacity {pixels[..., -1][bad][0]} of 255; "
                             "whether it counts cannot be told. Store masks without transparency.")
    return StoredMask(values, largest)


def _grey(pixels, path):
    coloured = (pixels != pixels[..., :1]).any(-1)
    if coloured.any():
        colour = ", ".join(str(value) for value in pixels[coloured][0])
        raise ValueError(f"'{path}' holds the colour ({colour}); which class a colour means cannot be told. "
                         "Store class numbers as grey levels or as indices of a palette (PNG).")
    return pixels[..., 0].astype(np.int64)


class Rules:
    """What the values of a set of masks mean: ``learn`` all of them, then ``labels`` of each."""

    def __init__(self, classes):
        if not 2 <= classes <= 256:
            raise ValueError(f"masks tell 2 to 256 classes apart, not {classes}.")
        self.classes, self._numbered, self._ignoring = classes, None, None

    def learn(self, mask, path):
        if mask.lossy or mask.largest == 1:
            return
        values = np.unique(mask.values)
        greys = _grey_palette(mask, values)
        if greys is not None and (greys != values).any():
            return
        numbers = (values > 0) & (values < self.classes) & (values != mask.largest)
        if not numbers.any() or not ((values < self.classes) | (values == IGNORED)).all():
            return
        self._numbered = self._numbered or path
        if values[-1] == IGNORED:
            self._ignoring = self._ignoring or path

    def labels(self, mask, path):
        """Class of each pixel (H, W), int64, ``IGNORED`` where it counts in no score."""
        found = self._nearer_end(mask, path) if mask.lossy else self._exactly(mask, path)
        if self.classes <= IGNORED and (found == IGNORED).all():
            raise ValueError(f"'{path}' holds {IGNORED} at every pixel, which marks pixels to ignore; nothing is left.")
        return found

    def _exactly(self, mask, path):
        values = np.unique(mask.values)
        table, problem = self._table(values, mask.largest)
        if table is None:
            raise ValueError(f"'{path}' {problem}")
        greys = _grey_palette(mask, values)
        other = None if greys is None else Rules(self.classes)._table(np.unique(greys), 255)[0]
        for value, grey in zip(values, greys) if other else ():
            if table[value] != other[grey]:
                raise ValueError(f"'{path}' has a palette in which {value} is the grey level {grey}: by its index that is class "
                                 f"{table[value]}, by its level {other[grey]}. Store it as grey levels, or with a coloured palette.")
        lookup = np.zeros(values[-1] + 1, np.int64)
        lookup[values] = [table[value] for value in values]
        return lookup[mask.values]

    def _table(self, values, largest):
        plain = {value: value for value in values}
        has_numbers = ((values > 0) & (values < self.classes)).any()
        may_ignore = has_numbers or (self._numbered if self.classes > 2 else self._ignoring) is not None
        if ((values < self.classes) | ((values == IGNORED) & may_ignore)).all():
            return plain, ""
        top = values[-1]
        if self.classes == 2 and set(values) <= {0, top} and top in (largest, 255):
            if top == IGNORED and self._numbered is not None:
                return None, (f"holds {_listed(values)}, but '{self._numbered}' holds 0 and 1: whether 255 is class 1 or marks pixels to "
                              "ignore cannot be told. Store all masks of a folder alike.")
            return {value: int(value > 0) for value in values}, ""
        bad = values[values >= self.classes][0]
        also = ", or 0 and 255 (in 16 bits 65535, too)" if self.classes == 2 else ""
        return None, f"holds the label {bad}; expected 0 to {self.classes - 1}{also}. Its values: {_listed(values)}."

    def _nearer_end(self, mask, path):
        if self.classes > 2:
            raise ValueError(f"'{path}' is of a format that changes values; class numbers need PNG.")
        if ((mask.values >= 64) & (mask.values <= 191)).mean() > 0.05:
            raise ValueError(f"'{path}' is of a format that changes values, and more than a twentieth of its pixels are near neither "
                             "0 nor 255; store masks as PNG.")
        return (mask.values > 127).astype(np.int64)


def _grey_palette(mask, values):
    """The grey levels of the palette's entries that are used, or None where one is coloured."""
    if mask.palette is None:
        return None
    colours = mask.palette[values].astype(np.int64)
    return colours[:, 0] if (colours == colours[:, :1]).all() else None


def _listed(values):
    return ", ".join(str(value) for value in values[:10]) + (f" and {len(values) - 10} more up to {values[-1]}" if len(values) > 10 else "")
