"""What `diffeonn evaluate` wrote: one row an image."""

import csv
import json
import math

import numpy

METHODS = ("clean", "naive", "diffeonn", "augmented")
TEXT = ("name", "stop", "refusal")


class Samples:
    """Rows of one or several runs: columns by name, of equal length. Missing numbers are NaN."""

    def __init__(self, columns, keys, segments):
        """keys: one (seed, name) a row. segments: whether the task is a segmentation, else a classification."""
        self.columns, self.keys, self.segments = columns, keys, segments

    def __len__(self):
        return len(self.keys)

    def __getitem__(self, name):
        return self.columns[name]

    @property
    def metric(self):
        """The task's first metric."""
        return "Iou" if self.segments else "Accuracy"

    @property
    def methods(self):
        return [method for method in METHODS if f"{method}{self.metric}" in self.columns]

    def scores(self, method):
        """The first metric of a method, (rows,)."""
        return self.columns[f"{method}{self.metric}"]

    def rank(self, method="diffeonn"):
        """What orders images from worst to best: IoU, or the probability of the true class."""
        return self.columns[f"{method}{'Iou' if self.segments else 'Probability'}"]

    def canonical_energy(self):
        """Energy of the canonical image that was used: of the image itself where the map was refused."""
        return numpy.where(self["accepted"] == 1, self["energyAfter"], self["inputEnergy"])

    def take(self, rows):
        """The rows of these numbers, in this order."""
        return Samples({name: column[rows] for name, column in self.columns.items()}, [self.keys[row] for row in rows], self.segments)

    def only(self, keys):
        """The rows with these keys, in the order of the keys."""
        places = {key: row for row, key in enumerate(self.keys)}
        return self.take([places[key] for key in keys])


def read(folder):
    """Samples and summary of a run's folder. Raises ValueError if they contradict each other."""
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    with open(folder / "samples.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or any(None in row or None in row.values() for row in rows):
        raise ValueError(f"'{folder / 'samples.csv'}' has no rows, or rows of different lengths")
    columns = {name: numpy.array([_value(name, row[name]) for row in rows]) for name in rows[0]}
    samples = Samples(columns, [(summary["seed"], name) for name in columns["name"].tolist()], "iou" in summary["methods"]["clean"])
    _compare(folder, samples, summary)
    return samples, summary


def _value(name, text):
    return text if name in TEXT else float(text) if text else math.nan


def _compare(folder, samples, summary):
    """The means of the rows are those of the summary, so that no column is taken for another."""
    def same(what, first, second):
        if (first is None) != (second is None) or (first is not None and not math.isclose(first, second, rel_tol=1e-9, abs_tol=1e-9)):
            raise ValueError(f"'{folder}': {what} is {second} in summary.json, {first} after samples.csv")

    same("count", len(samples), summary["count"])
    if len(set(samples.keys)) != len(samples):
        raise ValueError(f"'{folder / 'samples.csv'}' names an image twice")
    for method in METHODS:
        said = summary["methods"].get(method)
        if (said is None) != (method not in samples.methods):
            raise ValueError(f"'{folder}': only one of summary.json and samples.csv has the method '{method}'")
        for metric, figures in (said or {}).items():
            same(f"mean {metric} of {method}", float(numpy.mean(samples[method + metric.capitalize()])), figures["mean"])
    same("folded", float(numpy.sum(samples["folded"])), summary["folded"])


def pool(parts):
    """The rows of several runs of the same kind as one."""
    first = parts[0]
    if any(set(part.columns) != set(first.columns) for part in parts):
        raise ValueError("runs to be pooled have different columns")
    keys = [key for part in parts for key in part.keys]
    if len(set(keys)) != len(keys):
        raise ValueError("runs to be pooled share an image of one seed")
    return Samples({name: numpy.concatenate([part[name] for part in parts]) for name in first.columns}, keys, first.segments)
