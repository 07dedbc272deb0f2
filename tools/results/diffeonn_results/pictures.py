"""Box plots and panels."""

import numpy
from PIL import Image

COLOURS = {"clean": "#9aa0a6", "naive": "#d9534f", "augmented": "#5cab5c", "diffeonn": "#3b78c2"}
LABELS = {"clean": "clean (undeformed)", "naive": "naive", "augmented": "augmented", "diffeonn": "diffeonn"}
PANEL_SCALE, PANEL_QUALITY = 0.6, 72


def boxes(path, title, groups):
    """Scores by deformation and method: boxes of IoU; for classifications accuracy with its intervals, and boxes of probabilities. PNG."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    segments = groups[0].samples.segments
    methods = [method for method in COLOURS if method in groups[0].samples.methods]
    figure, axes = pyplot.subplots(1, 1 if segments else 2, figsize=(9.5, 3.4), squeeze=False)
    for axis in axes.flat:
        axis.set_xticks(range(len(groups)))
        axis.set_xticklabels([group.deform for group in groups])
        axis.grid(axis="y", alpha=0.3)
    width = 0.8 / len(methods)
    for place, method in enumerate(methods):
        at = numpy.arange(len(groups)) + (place - (len(methods) - 1) / 2) * width
        drawn = axes.flat[-1].boxplot(
            [group.samples.rank(method) for group in groups], positions=at, widths=0.85 * width, patch_artist=True, manage_ticks=False,
            flierprops={"marker": ".", "markersize": 2, "markeredgecolor": COLOURS[method]}, medianprops={"color": "black"})
        for box in drawn["boxes"]:
            box.set_facecolor(COLOURS[method])
        drawn["boxes"][0].set_label(LABELS[method])
        if not segments:
            estimates = [group.mean(method) for group in groups]
            values = [estimate.value for estimate in estimates]
            reach = [[max(0, estimate.value - estimate.low) for estimate in estimates],
                     [max(0, estimate.high - estimate.value) for estimate in estimates]]
            axes.flat[0].errorbar(at, values, yerr=numpy.nan_to_num(reach), fmt="o", markersize=5, color=COLOURS[method], capsize=2)
    if not segments:
        axes.flat[0].set_ylabel("accuracy")
    axes.flat[-1].set_ylabel("IoU" if segments else "probability of the true class")
    figure.suptitle(title, fontsize=10)
    figure.legend(fontsize=8, loc="lower center", ncol=len(methods), frameon=False)
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    figure.savefig(path, dpi=90, metadata={"Software": None})
    pyplot.close(figure)
    _reduce(path)


def chosen_panels(groups_of, worst, median, best):
    """Panel files of the worst, median and best images of several runs together: (heading, file).

    groups_of: (folder of a run, its samples). A run draws the worst, median and best of its own; of the medians the one nearest to the
    median of all is taken.
    """
    ranked = []
    for folder, samples in groups_of:
        for file in sorted((folder / "panels").glob("*.png")):
            group, _, name = file.stem.split("-", 2)
            rows = [row for row, known in enumerate(samples["name"].tolist()) if known.rsplit(".", 1)[0] == name]
            if rows:
                ranked.append((group, float(samples.rank()[rows[0]]), file))
    middle = float(numpy.median(numpy.concatenate([samples.rank() for _, samples in groups_of])))
    order = {"worst": lambda one: one[1], "median": lambda one: abs(one[1] - middle), "best": lambda one: -one[1]}
    chosen = []
    for group, number in (("worst", worst), ("median", median), ("best", best)):
        fitting = sorted((one for one in ranked if one[0] == group), key=order[group])
        chosen += [(group, file) for _, _, file in fitting[:number]]
    return chosen


def stack(path, files):
    """Pictures below each other, reduced, as one JPEG."""
    pictures = [Image.open(file).convert("RGB") for file in files]
    sizes = [(round(picture.width * PANEL_SCALE), round(picture.height * PANEL_SCALE)) for picture in pictures]
    sheet = Image.new("RGB", (max(width for width, _ in sizes), sum(height for _, height in sizes)), "white")
    top = 0
    for picture, size in zip(pictures, sizes):
        sheet.paste(picture.resize(size, Image.LANCZOS), (0, top))
        top += size[1]
    sheet.save(path, "JPEG", quality=PANEL_QUALITY, optimize=True)


def _reduce(path):
    """A plot has few colours: 64 take a third of the bytes."""
    with Image.open(path) as picture:
        reduced = picture.convert("RGB").quantize(64, dither=Image.NONE if hasattr(Image, "NONE") else 0)
    reduced.save(path, "PNG", optimize=True)
