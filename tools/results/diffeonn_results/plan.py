"""The plan of runs: a JSON file."""

import json
from dataclasses import dataclass

GENERATED = "shapes"
MEASURES = ("gapClosed", "mean", "aboveNaive", "aboveAugmented", "folded", "inverseResidual")
BAR_FIELDS = {"series", "deform", "measure", "atLeast", "atMost", "aim"}


@dataclass(frozen=True)
class Run:
    """One call of `diffeonn evaluate`."""

    bundle: str
    series: str
    data: str
    split: str
    source: object  # text, or None for all
    deform: str
    seed: int
    count: object  # a number, or None for all
    options: tuple
    variant: str = ""  # what the manifest says otherwise, as JSON; empty for nothing

    def arguments(self):
        """Options of the call, but for model, data and output."""
        chosen = ["--split", self.split] + (["--source", self.source] if self.source else [])
        return [*chosen, "--deform", self.deform, "--seed", str(self.seed),
                *(["--count", str(self.count)] if self.count else []), *self.options]

    def cluster(self, key):
        """What tells the images of two rows apart: generated images differ from seed to seed, others only in their deformation."""
        return key if self.data == GENERATED else key[1]


@dataclass(frozen=True)
class Series:
    """Runs of a bundle with the same options, for each deformation and seed."""

    name: str
    title: str
    runs: tuple
    panels: int

    def deforms(self):
        return list(dict.fromkeys(run.deform for run in self.runs))


@dataclass(frozen=True)
class BundlePlan:
    """What is done with a bundle. The first series is the one that is reported in full, the others beside it."""

    name: str
    title: str
    data: str
    terms: str
    series: tuple
    bars: tuple
    pictures: dict


def read(path, count=None):
    """Bundles and the settings of intervals. count: most images a run. Raises ValueError on what the plan may not hold."""
    plan = json.loads(path.read_text(encoding="utf-8"))
    _known(path, plan, {"interval", "bundles"})
    _known("interval", plan["interval"], {"level", "resamples", "seed"})
    return [_bundle(entry, count) for entry in plan["bundles"]], plan["interval"]


def _bundle(entry, count):
    _known(entry["name"], entry, {"name", "title", "data", "terms", "series", "bars", "pictures"})
    series = tuple(_series(entry, one, count) for one in entry["series"])
    names = [one.name for one in series]
    if len(set(names)) != len(names):
        raise ValueError(f"{entry['name']}: two series have one name")
    for bar in entry["bars"]:
        _known(f"bar of {entry['name']}", bar, BAR_FIELDS)
        if bar["measure"] not in MEASURES or bar.get("series", names[0]) not in names or not {"atLeast", "atMost"} & set(bar):
            raise ValueError(f"{entry['name']}: bar {bar} is of no known measure or series, or has no bound")
    return BundlePlan(entry["name"], entry["title"], entry["data"], entry["terms"], series, tuple(entry["bars"]), entry.get("pictures", {}))


def _series(bundle, entry, count):
    _known(f"series of {bundle['name']}", entry, {"name", "title", "source", "split", "options", "variant", "panels", "runs"})
    panels, runs = entry.get("panels", 0), []
    variant = json.dumps(entry["variant"], sort_keys=True) if entry.get("variant") else ""
    for group in entry["runs"]:
        _known(f"runs of {bundle['name']}, {entry['name']}", group, {"deform", "seeds", "count"})
        counts = [number for number in (group.get("count"), count) if number]
        for deform in group["deform"]:
            for seed in group["seeds"]:
                runs.append(Run(
                    bundle["name"], entry["name"], bundle["data"], entry.get("split", "test"), entry.get("source"), deform, seed,
                    min(counts) if counts else None, ("--panels", str(panels), *entry.get("options", ())), variant))
    if len(set(runs)) != len(runs):
        raise ValueError(f"{bundle['name']}, {entry['name']}: a run is planned twice")
    return Series(entry["name"], entry["title"], tuple(runs), panels)


def _known(where, entry, names):
    unknown = set(entry) - names
    if unknown:
        raise ValueError(f"{where}: {', '.join(sorted(unknown))} is not known; expected {', '.join(sorted(names))}")
