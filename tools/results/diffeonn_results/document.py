"""RESULTS.md."""

import math

from . import analysis
from . import statistics

MEASURES = {
    "gapClosed": "gap closed",
    "mean": "mean {metric}",
    "aboveNaive": "mean {metric} minus naive",
    "aboveAugmented": "mean {metric} minus augmented",
    "folded": "folded maps",
    "inverseResidual": "median inverse residual, pixels",
}
METHOD_TEXT = """| Method | Is |
| --- | --- |
| `clean` | the network alone on the undeformed image: the ceiling |
| `naive` | the network alone on the deformed image |
| `augmented` | the same architecture trained with deformations, on the deformed image |
| `diffeonn` | the canonicalised network on the deformed image |
"""


def table(headings, rows, left=1):
    """A Markdown table; all but the first columns are numbers."""
    lines = ["| " + " | ".join(headings) + " |", "| " + " | ".join(["---"] * left + ["---:"] * (len(headings) - left)) + " |"]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]) + "\n"


def number(value, digits=3):
    """A number, or a dash where there is none."""
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def estimate(found, digits=3):
    """A figure and its interval."""
    if found is None or math.isnan(found.value):
        return "–"
    return number(found.value, digits) + ("" if math.isnan(found.low) else f" [{number(found.low, digits)}, {number(found.high, digits)}]")


class Document:
    """Collects sections; text is the file."""

    def __init__(self, interval, trial):
        """trial: most images a run, if that was limited."""
        self._interval, self._parts = interval, []
        self._parts.append("# Results\n")
        if trial:
            self._parts.append(f"**A trial: at most {trial} images a run. None of these figures counts.**\n")
        self._parts.append(
            "Written by [tools/results](../tools/results/README.md), which runs `diffeonn evaluate` after `plan.json` and "
            "computes everything below\n"
            f"from the rows of `samples.csv`. Brackets: {interval['level']:.0%} percentile bootstrap intervals over images, "
            f"{interval['resamples']} resamples,\n"
            f"seed {interval['seed']}. All deformations of an image are drawn together; a gap is that of the same drawn images for all "
            "methods. They speak of the images\n"
            "that were drawn, not of another training of the networks. `gap closed` is `(diffeonn - naive) / (clean - naive)`.\n\n"
            f"{METHOD_TEXT}\n"
            "`tps` and `tps-strong` are thin-plate splines at half and full strength; the proposers are trained on `tps-strong` maps of "
            "random strength. `svf` is the flow of a random smooth\n"
            "velocity, which no proposer was trained on; `twist`, a turn that fades with the distance, was used in no training at all.\n")

    @property
    def text(self):
        return "\n".join(part.rstrip("\n") + "\n" for part in self._parts)

    def bars(self, found):
        """found: (bundle plan, metric, [Reach])."""
        rows = []
        for plan, metric, reaches in found:
            for reach in reaches:
                bar = reach.bar
                series = "" if bar.get("series", plan.series[0].name) == plan.series[0].name else f", {bar['series']}"
                digits = 0 if bar["measure"] == "folded" else 3
                bound = " and ".join(f"{sign} {bar[name]:g}" for name, sign in (("atLeast", "≥"), ("atMost", "≤")) if name in bar)
                bound += f" (aim {bar['aim']:g})" if "aim" in bar else ""
                rows.append([f"{plan.name}{series}", MEASURES[bar["measure"]].format(metric=metric),
                             f"`{bar['deform']}`" if "deform" in bar else "all",
                             bound, estimate(reach.estimate, digits), _verdict(reach)])
        self._parts.append("## Bars\n")
        self._parts.append(table(["Bundle", "Measure", "Deformation", "Bar", "Reached", "Met"], rows, left=3))
        self._parts.append("\"not clearly\": the interval holds values on the other side of the bar, too.\n")

    def bundle(self, plan, groups, extra):
        """The first series in full. groups: by deformation. extra: lines on the bundle."""
        first = next(iter(groups.values()))
        metric = "IoU" if first.samples.segments else "accuracy"
        self._parts.append(f"## {plan.title}: `{plan.name}`\n\n{plan.terms}\n\n{extra}")
        self.scores(groups, metric)

    def scores(self, groups, metric):
        """Scores by deformation and method, and the gap."""
        methods = [method for method in analysis.sampling.METHODS if any(method in group.samples.methods for group in groups.values())]
        rows = [[f"`{group.deform}`", group.images, len(group.samples),
                 *(estimate(group.mean(method)) if method in group.samples.methods else "–" for method in methods),
                 estimate(group.gap_closed()),
                 *([estimate(group.above("augmented"))] if "augmented" in group.samples.methods else ["–"] * ("augmented" in methods))]
                for group in groups.values()]
        headings = ["Deformation", "images", "answers", *(f"`{method}`" for method in methods), "gap closed"]
        headings += ["`diffeonn` - `augmented`"] * ("augmented" in methods)
        self._parts.append(f"Mean {metric}:\n\n" + table(headings, rows))
        if metric == "IoU":
            rows = [[f"`{group.deform}`",
                     *(_quartiles(group.samples.scores(method)) if method in group.samples.methods else "–" for method in methods)]
                    for group in groups.values()]
            self._parts.append("Median IoU (first and third quartile):\n\n"
                               + table(["Deformation", *(f"`{method}`" for method in methods)], rows))

    def invariance(self, groups):
        """How the maps are: folds, residuals, energies, times."""
        rows = []
        for group in groups.values():
            samples = group.samples
            refusals = ", ".join(f"{reason} {count}" for reason, count in group.refusals().items()) or "none"
            rows.append([f"`{group.deform}`", f"{int((samples['accepted'] == 1).sum())} of {len(samples)}", refusals, group.folded,
                         estimate(group.column("inverseResidualPixels", statistics.median)),
                         number(float(samples["inverseResidualPixels"].max()), 2),
                         estimate(group.column("energyGap"), 1), estimate(group.column("equivarianceError")),
                         number(float(samples["steps"].mean()), 0), number(group.seconds(), 2)])
        self._parts.append("The maps:\n\n" + table(
            ["Deformation", "maps used", "left as they are", "folded", "median inverse residual, pixels", "largest", "energy gap",
             "equivariance error",
             "mean steps", "s an image"], rows))

    def pictures(self, lines):
        """lines: (caption, file relative to the document)."""
        self._parts += [f"![{caption}]({file})\n\n*{caption}*\n" for caption, file in lines]

    def variants(self, rows):
        """rows: (deformation, [(title, group)]) on the same images."""
        cells = []
        for deform, variants in rows:
            for title, group in variants:
                cells.append([f"`{deform}`", title, len(group.samples), estimate(group.mean("naive")), estimate(group.mean("diffeonn")),
                              estimate(group.gap_closed()),
                              number(group.seconds(), 2)])
        if cells:
            self._parts.append("### Other searches on the same images\n\n" + table(
                ["Deformation", "search", "answers", "`naive`", "`diffeonn`", "gap closed", "s an image"], cells, left=2))

    def beside(self, title, groups):
        """A series on other images."""
        metric = "IoU" if next(iter(groups.values())).samples.segments else "accuracy"
        self._parts.append(f"### Beside it, without a bar: {title}\n")
        self.scores(groups, metric)
        self.invariance(groups)

    def failed(self, found, typical, segments):
        """found: [Failures]. typical: the energy of undeformed images, or None."""
        lost = (f"whose IoU is more than {analysis.LOST} below that of the undeformed image" if segments
                else "that are classified wrongly though the undeformed image is not")
        harmed = "that canonicalisation made wrong"
        if segments:
            harmed = f"that canonicalisation made worse than the network alone by more than {analysis.HARM}"
        text = f"### What fails, and why\n\nAnswers {lost}, by what the search came to; and answers {harmed}.\n"
        if typical is not None:
            text += (f"*High energy*: the canonical image has an energy above {typical:.1f}, which {analysis.TYPICAL} % of the undeformed "
                     "images are below: the search ended\n"
                     "too early or in a local minimum. *Low energy*: it looks to the energy as undeformed images do, and yet the answer is "
                     "wrong: the energy does not see\n"
                     "the error, or the network errs on what is left of the deformation or went lost outside the frame.\n")
        self._parts.append(text)
        reasons = sorted({reason for one in found for reason in one.refused})
        rows = [[f"`{one.group.deform}`", len(one.group.samples), one.count, *(len(one.refused.get(reason, ())) for reason in reasons),
                 len(one.stuck), len(one.unseen),
                 len(one.harmed)] for one in found]
        self._parts.append(
            table(["Deformation", "answers", "failed", *(f"refused: {reason}" for reason in reasons), "high energy", "low energy",
                   "harmed"], rows))

    def worst(self, found, number_of):
        """The worst answers of some groups."""
        rows = []
        for one in found:
            samples = one.group.samples
            order = sorted(range(len(samples)), key=lambda row: (float(samples.rank()[row]), row))[:number_of]
            for row in order:
                seed, name = samples.keys[row]
                cells = [number(float(samples.rank(method)[row])) for method in ("clean", "naive", "diffeonn")]
                if "augmented" in samples.methods:
                    cells.append(number(float(samples.rank("augmented")[row])))
                rows.append([f"`{one.group.deform}`", name, seed, *cells,
                             f"{number(float(samples['inputEnergy'][row]), 0)} → {number(float(samples.canonical_energy()[row]), 0)}",
                             one.cause(row) or "–"])
        if rows:
            head = ["Deformation", "image", "seed", "`clean`", "`naive`", "`diffeonn`",
                    *(["`augmented`"] * ("augmented" in found[0].group.samples.methods)), "energy", "cause"]
            what = "IoU" if found[0].group.samples.segments else "probability of the true class"
            self._parts.append(f"The worst answers ({what}; energy before and after):\n\n" + table(head, rows, left=3))

    def notes(self, text):
        """The hand-written part."""
        self._parts.append(text)

    def runs(self, entries, machine, failed):
        """entries: (run, record, summary). failed: lines on runs without results."""
        self._parts.append("## How it was run\n")
        self._parts.append("\n".join(f"- {line}" for line in machine) + "\n")
        versions = sorted({record["program"][:12] for _, record, _ in entries})
        commits = {version: sorted({record["commit"] or "unknown" for _, record, _ in entries if record["program"].startswith(version)})
                   for version in versions}
        self._parts.append("- Program (SHA-256 of its sources, commit): "
                           + "; ".join(f"{version}, {', '.join(commits[version])}" for version in versions) + "\n")
        rows = []
        for run, record, summary in entries:
            load = "–" if record.get("loadBefore") is None else f"{record['loadBefore']:.1f}"
            rows.append([f"`--model models/{run.bundle} --data {run.data} {' '.join(run.arguments())}`", record["program"][:6],
                         summary["count"],
                         number(record["seconds"] / 60, 1), number(summary["secondsPerImage"], 2), load, record["started"][:10],
                         record["exitCode"]])
        self._parts.append("Every run of `diffeonn evaluate`; `load` is the mean number of busy processes before it, so where it is above "
                           "0 the machine was shared and times say\n"
                           "little. Minutes hold everything, seconds an image the search and the networks on deformed images only.\n")
        self._parts.append(table(["Options", "program", "images", "minutes", "s an image", "load", "date", "exit code"], rows, left=2))
        if failed:
            self._parts.append("**Runs without results:**\n\n" + "\n".join(f"- {line}" for line in failed) + "\n")


def _verdict(reach):
    if reach.met is None:
        return "not run" if reach.estimate is None else "not stated"
    return ("yes" if reach.met else "**no**") + ("" if reach.clear else ", not clearly")


def _quartiles(values):
    first, middle, third = (float(value) for value in analysis.numpy.percentile(values, [25, 50, 75]))
    return f"{middle:.3f} ({first:.3f}–{third:.3f})"
