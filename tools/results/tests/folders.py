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


CLASSES = ["a", "b", "c", "d"]  # the network alone errs on a and b, the canonicalised one on b, the augmented one on c


def write_classes(folder, seed=1, deform="tps"):
    """Writes the results of a classification."""
    folder.mkdir(parents=True, exist_ok=True)
    wrong = {"clean": "", "naive": "ab", "diffeonn": "b", "augmented": "c"}
    head = ",".join(f"{method}Class,{method}Accuracy,{method}Probability" for method in wrong)
    text = (f"index,name,label,{head},inputEnergy,energyBefore,energyAfter,steps,stop,accepted,refusal,"
            "folded,inverseResidualPixels,energyGap,equivarianceError\n")
    for index, name in enumerate(CLASSES):
        scores = ",".join("0,0,0.125" if name in names else "1,1,0.875" for names in wrong.values())
        text += f"{index},{name},1,{scores},9,9,5,7,converged,1,,0,0.125,1.5,0\n"
    (folder / "samples.csv").write_text(text)
    methods = {method: {"accuracy": {"mean": 1 - len(names) / 4}} for method, names in wrong.items()}
    (folder / "summary.json").write_text(json.dumps({
        "model": "m", "data": "d", "split": "test", "source": None, "deform": deform, "seed": seed, "count": 4, "methods": methods,
        "gapClosed": 0.5,
        "folded": 0, "inverseResidualPixels": 0.125, "energyGap": 1.5, "equivarianceError": 0, "secondsPerImage": 0.5}))
    return folder


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
        "methods": {**{method: {metric: {"mean": mean[method]} for metric in ("iou", "dice", "accuracy")} for method in methods},
                    "augmented": None},
        "gapClosed": (mean["diffeonn"] - mean["naive"]) / (mean["clean"] - mean["naive"]),
        "folded": 0, "inverseResidualPixels": 0.125, "energyGap": None, "equivarianceError": 0.03125, "secondsPerImage": 0.5,
    }
    if change:
        change(summary)
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder
