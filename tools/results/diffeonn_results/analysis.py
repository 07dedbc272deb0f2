"""Figures of finished runs."""

from dataclasses import dataclass, field

import numpy

from . import samples as sampling
from . import statistics

LOST = 0.05  # a segmentation has failed if its IoU is so far below that of the undeformed image
HARM = 0.01  # and was harmed if it is so far below that of the network alone
TYPICAL = 95  # percentile of the undeformed images' energies up to which an energy is like theirs


@dataclass
class Group:
    """All runs of a series with one deformation."""

    deform: str
    samples: sampling.Samples
    summaries: list
    records: list
    bootstrap: statistics.Bootstrap

    @property
    def images(self):
        return self.bootstrap.clusters

    def mean(self, method):
        return self.bootstrap.of(statistics.mean(self.samples.scores(method)))

    def above(self, method):
        """Mean of the canonicalised network's score minus that of another method on the same images."""
        return self.bootstrap.of(statistics.difference(self.samples.scores("diffeonn"), self.samples.scores(method)))

    def gap_closed(self, method="diffeonn"):
        return self.bootstrap.of(statistics.gap_closed(*(self.samples.scores(name) for name in ("clean", "naive", method))))

    def column(self, name, statistic=statistics.mean):
        """Estimate of a column; None where it was not measured."""
        return None if name not in self.samples.columns or numpy.isnan(self.samples[name]).all() else self.bootstrap.of(
            statistic(self.samples[name]))

    @property
    def folded(self):
        return int(self.samples["folded"].sum())

    def seconds(self):
        """Seconds an image, over all images of the runs, also those that were cut away."""
        return sum(summary["secondsPerImage"] * summary["count"] for summary in self.summaries) / sum(
            summary["count"] for summary in self.summaries)

    def refusals(self):
        """Number of images left as they are, by reason."""
        reasons = self.samples["refusal"][self.samples["accepted"] == 0]
        return {str(reason): int((reasons == reason).sum()) for reason in sorted(set(reasons))}


@dataclass
class Reach:
    """What became of a bar; met is None if it cannot be said, and the estimate, too, if nothing was run."""

    bar: dict
    estimate: object
    met: object
    clear: bool = True  # whether the whole interval is on the same side of the bar


@dataclass
class Failures:
    """What went wrong in a group, by cause: lists of row numbers."""

    group: Group
    refused: dict = field(default_factory=dict)
    stuck: list = field(default_factory=list)
    unseen: list = field(default_factory=list)
    harmed: list = field(default_factory=list)

    @property
    def count(self):
        return sum(map(len, self.refused.values())) + len(self.stuck) + len(self.unseen)

    def cause(self, row):
        """The cause of one row's failure in a word; empty if it did not fail."""
        for reason, rows in self.refused.items():
            if row in rows:
                return reason
        return "high energy" if row in self.stuck else "low energy" if row in self.unseen else ""


def group(deform, runs, parts, records, interval):
    """A group of runs; parts: (samples, summary) of each."""
    pooled = sampling.pool([samples for samples, _ in parts])
    clusters = [run.cluster(key) for run, (samples, _) in zip(runs, parts) for key in samples.keys]
    return Group(deform, pooled, [summary for _, summary in parts], records, statistics.Bootstrap(clusters, **interval))


def reach(bar, groups):
    """Compares a bar with the groups of its series; one without deformation with all of them together."""
    chosen = [found for found in groups.values() if bar.get("deform") in (None, found.deform)]
    if not chosen:
        return Reach(bar, None, None)
    estimate = _measure(bar["measure"], chosen)
    if numpy.isnan(estimate.value):
        return Reach(bar, estimate, None)

    def holds(value):
        return value >= bar.get("atLeast", -numpy.inf) and value <= bar.get("atMost", numpy.inf)
    met = bool(holds(estimate.value))
    return Reach(bar, estimate, met, numpy.isnan(estimate.low) or holds(estimate.low) == met == holds(estimate.high))


def _measure(measure, chosen):
    if measure == "folded":
        return statistics.Estimate(sum(found.folded for found in chosen), numpy.nan, numpy.nan)
    found = chosen[0]
    if len(chosen) > 1:
        raise ValueError(f"a bar on {measure} needs a deformation")
    if measure == "aboveAugmented" and "augmented" not in found.samples.methods:
        return statistics.Estimate(numpy.nan, numpy.nan, numpy.nan)
    return {
        "gapClosed": found.gap_closed,
        "mean": lambda: found.mean("diffeonn"),
        "aboveNaive": lambda: found.above("naive"),
        "aboveAugmented": lambda: found.above("augmented"),
        "inverseResidual": lambda: found.column("inverseResidualPixels", statistics.median),
    }[measure]()


def typical_energy(undeformed):
    """The energy that most undeformed images are below."""
    return float(numpy.nanpercentile(undeformed.samples["inputEnergy"], TYPICAL))


def failures(found, typical):
    """Failed and harmed images: against the undeformed image, and against the network alone."""
    samples = found.samples
    clean, naive, answer = (samples.scores(method) for method in ("clean", "naive", "diffeonn"))
    lost = clean - answer > (LOST if samples.segments else 0.5)
    energy = samples.canonical_energy()
    failed = Failures(found, harmed=numpy.flatnonzero(naive - answer > (HARM if samples.segments else 0.5)).tolist())
    for row in numpy.flatnonzero(lost).tolist():
        if samples["accepted"][row] == 0:
            failed.refused.setdefault(str(samples["refusal"][row]), []).append(row)
        elif energy[row] > typical:
            failed.stuck.append(row)
        else:
            failed.unseen.append(row)
    return failed


def compare(groups, interval, cluster):
    """The groups of several series with one deformation, cut to the images that all of them have."""
    keys = [key for key in groups[0].samples.keys if all(key in set(other.samples.keys) for other in groups[1:])]
    cut = []
    for one in groups if keys else []:
        cut.append(Group(one.deform, one.samples.only(keys), one.summaries, one.records,
                         statistics.Bootstrap([cluster(key) for key in keys], **interval)))
    return cut
