"""The curves of a training: kept as JSON, drawn as a picture."""

import json


class History:
    """Figures by epoch, appended to a file, so that a training that is interrupted keeps them."""

    def __init__(self, path):
        self.path = path
        self.rows = json.loads(path.read_text()) if path.exists() else []

    def add(self, epoch, figures):
        """Adds a report; rows of this epoch and later are of an earlier run and go."""
        self.rows = [row for row in self.rows if row["epoch"] < epoch] + [{"epoch": epoch, **figures}]
        self.path.write_text(json.dumps(self.rows, indent=1) + "\n")

    def draw(self, path, title):
        """One panel a figure, PNG."""
        import matplotlib
        matplotlib.use("Agg")
        from matplotlib import pyplot
        names = [name for name in self.rows[-1] if name != "epoch"]
        columns = min(4, len(names))
        rows = -(-len(names) // columns)
        figure, axes = pyplot.subplots(rows, columns, figsize=(3.2 * columns, 2.4 * rows), squeeze=False)
        for axis, name in zip(axes.flat, names):
            known = [row for row in self.rows if name in row]  # some join in the course of a training
            axis.plot([row["epoch"] for row in known], [row[name] for row in known])
            axis.set_title(name, fontsize=9)
            axis.grid(alpha=0.3)
        for axis in axes.flat[len(names):]:
            axis.set_visible(False)
        figure.suptitle(title)
        figure.supxlabel("epoch", fontsize=9)
        figure.tight_layout()
        figure.savefig(path, dpi=90)
        pyplot.close(figure)
