"""Folders as `diffeonn evaluate` writes them."""

import json

SEGMENTATION = """index,name,cleanIou,cleanDice,cleanAccuracy,naiveIou,naiveDice,naiveAccuracy,diffeonnIou,diffeonnDice,diffeonnAccuracy,\
inputEnergy,energyBefore,energyAfter,steps,stop,accepted,refusal,folded,inverseResidualPixels,energyGap,equivarianceError
"""
ROWS = [
    # name, clean, naive, diffeonn, input energy, energy after, accepted, refusal
    ("a.png", 0.9, 0.5, 0.875, 100, 20, 1, ""),
    ("b.png", 0.9, 0.75, 0.75, 80, 70, 0, "notEnoughDecrease"),
    ('"c,d.png"', 0.8, 0.25, 0.5, 120, 60, 1, ""),
    ("e.png", 0.7, 0.5, 0.25, 90, 30, 1, ""),
]


def write(folder, rows=ROWS, seed=1, deform="tps", change=None):
    """Writes a run's results; change edits the summary before it is written."""
    folder.mkdir(parents=True, exist_ok=True)
    text, methods = SEGMENTATION, ("clean", "naive", "diffeonn")
    for index, (name, clean, naive, found, before, after, accepted, refusal) in enumerate(rows):
        scores = ",".join(f"{value},{value},{value}" for value in (clean, naive, found))
        text += f"{index},{name},{scores},{before},{before},{after},7,converged,{accepted},{refusal},0,0.125,,0.03125\n"
    (folder / "samples.csv").write_text(text)
    mean = {method: sum(row[1 + place] for row in rows) / len(rows) for place, method in enumerate(methods)}
    summary = {
        "model": "m", "data": "d", "split": "test", "source": None, "deform": deform, "seed": seed, "count": len(rows),
        "methods": {**{method: {metric: {"mean": mean[method]} for metric in ("iou", "dice", "accuracy")} for method in methods}, "augmented": None},
        "gapClosed": (mean["diffeonn"] - mean["naive"]) / (mean["clean"] - mean["naive"]),
        "folded": 0, "inverseResidualPixels": 0.125, "energyGap": None, "equivarianceError": 0.03125, "secondsPerImage": 0.5,
    }
    if change:
        change(summary)
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder
