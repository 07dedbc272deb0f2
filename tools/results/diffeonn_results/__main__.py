"""python3 -m diffeonn_results: runs the plan and writes RESULTS.md."""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path

from . import analysis, pictures, program, runs, samples
from . import document as documents
from . import plan as plans

HERE = Path(__file__).resolve().parents[1]
ROOT = HERE.parents[1]
WORST = 5


def main(arguments=None):
    options = _options(arguments)
    try:
        data = dict(entry.split("=", 1) for entry in options.data)
        data[plans.GENERATED] = plans.GENERATED
        bundles, interval = plans.read(options.plan, options.count)
        present = [bundle for bundle in bundles if (options.models / bundle.name / "diffeonn.json").exists()
                   and bundle.name in (options.only or [bundle.name])]
        missing = sorted({bundle.data for bundle in present} - set(data))
        if missing:
            raise ValueError(f"where is the data? Give --data {' --data '.join(name + '=DIR' for name in missing)}")
        for name, folder in data.items():
            if name != plans.GENERATED and not Path(folder).is_dir():
                raise ValueError(f"'{folder}' does not exist")
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return Results(options, present, interval,
                   {name: folder if name == plans.GENERATED else str(Path(folder).resolve()) for name, folder in data.items()}).make()


def _options(arguments):
    parser = argparse.ArgumentParser("diffeonn_results",
                                     description="Runs the plan, keeps what finished, and writes RESULTS.md and results/.")
    parser.add_argument("--data", action="append", default=[], metavar="NAME=DIR", help="where the data is that the plan calls NAME")
    parser.add_argument("--plan", type=Path, default=HERE / "plan.json")
    parser.add_argument("--notes", type=Path, default=HERE / "notes.md", help="hand-written part, included as it is")
    parser.add_argument("--models", type=Path, default=ROOT / "models", help="folder of bundles")
    parser.add_argument("--output", type=Path, help="where RESULTS.md and results/ go; the folder of bundles if left out")
    parser.add_argument("--cache", type=Path, default=HERE / "runs", help="finished runs, the built program, and the log")
    parser.add_argument("--only", action="append", metavar="BUNDLE", help="only this bundle")
    parser.add_argument("--count", type=int, help="a trial: at most so many images a run; needs --output")
    parser.add_argument("--any-version", action="store_true", help="keep finished runs of another version of the program")
    parser.add_argument("--no-runs", action="store_true", help="run nothing: report what is finished")
    options = parser.parse_args(arguments)
    if options.count is not None and (options.count < 1 or options.output is None):
        parser.error("--count needs a number from 1 on and an --output, so that a trial does not replace results")
    if options.only and options.output is None:
        parser.error("--only needs an --output, so that a part does not replace the whole")
    options.models = options.models.resolve()
    options.output = (options.output or options.models).resolve()
    options.cache = options.cache.resolve()
    return options


class Results:
    """One call of the script."""

    def __init__(self, options, bundles, interval, data):
        self._options, self._bundles, self._interval, self._data = options, bundles, interval, data
        self._failed, self._entries, self._finished = [], [], {}

    def make(self):
        """Runs and writes; 0 if everything that was planned is in the document."""
        self._options.cache.mkdir(parents=True, exist_ok=True)
        self._run()
        document = documents.Document(self._interval, self._options.count)
        groups = {bundle.name: {series.name: self._groups(series) for series in bundle.series} for bundle in self._bundles}
        reported = [bundle for bundle in self._bundles if groups[bundle.name][bundle.series[0].name]]
        if not reported:
            print("error: no run has results", file=sys.stderr)
            return 1
        folder = self._options.output / "results"
        folder.mkdir(parents=True, exist_ok=True)
        document.bars([self._bars(bundle, groups[bundle.name]) for bundle in reported])
        for bundle in reported:
            self._bundle(document, bundle, groups[bundle.name], folder)
        document.notes(self._options.notes.read_text(encoding="utf-8"))
        document.runs(self._entries, _machine(), self._failed)
        (self._options.output / "RESULTS.md").write_text(document.text, encoding="utf-8")
        self._log(f"written: {self._options.output / 'RESULTS.md'}; {len(self._failed)} runs without results")
        return 1 if self._failed else 0

    def _run(self):
        executable = None if self._options.no_runs else program.build(ROOT, self._options.cache, self._log)
        runner = runs.Runner(executable, program.version(ROOT), self._options.cache, self._options.models, self._data, self._log,
                             self._options.any_version, program.commit(ROOT))
        planned = [(series, run) for bundle in self._bundles for series in bundle.series for run in series.runs]
        to_do = sum(runner.find(run) is None for _, run in planned)
        self._log(f"{len(planned)} runs, {to_do} of them to do")
        for series, run in planned:
            try:
                done = runner.find(run) if self._options.no_runs else runner.run(run)
                if done is None:
                    raise RuntimeError(f"{run.bundle}-{run.series}-{run.deform}-{run.seed}: not done")
                found = samples.read(done.folder)
            except (RuntimeError, ValueError) as error:
                self._log(f"failed: {error}")
                self._failed.append(str(error))
                continue
            self._finished[run] = (done, found)
            self._entries.append((run, done.record, found[1]))

    def _groups(self, series):
        """Groups by deformation of what is finished of a series."""
        groups = {}
        for deform in series.deforms():
            done = [run for run in series.runs if run.deform == deform and run in self._finished]
            if done:
                groups[deform] = analysis.group(deform, done, [self._finished[run][1] for run in done],
                                                [self._finished[run][0] for run in done], self._interval)
        return groups

    @staticmethod
    def _bars(bundle, groups):
        first = bundle.series[0].name
        metric = "IoU" if next(iter(groups[first].values())).samples.segments else "accuracy"
        return bundle, metric, [analysis.reach(bar, groups[bar.get("series", first)]) for bar in bundle.bars]

    def _bundle(self, document, bundle, groups, folder):
        main, *others = bundle.series
        found = groups[main.name]
        segments = next(iter(found.values())).samples.segments
        document.bundle(bundle, found, _settings(self._options.models / bundle.name))
        pictures.boxes(folder / f"{bundle.name}-boxes.png",
                       f"{bundle.title}: {'IoU' if segments else 'accuracy'} by deformation and method", list(found.values()))
        document.pictures([(f"{bundle.title}: boxes from first to third quartile, line at the median, whiskers up to 1.5 "
                            "times the box, points beyond",
                            f"results/{bundle.name}-boxes.png")])
        document.invariance(found)
        same = [series for series in others if {run.source for run in series.runs} == {run.source for run in main.runs}]
        document.variants(self._variants(main, same, groups))
        for series in others:
            if series not in same and groups[series.name]:
                document.beside(series.title, groups[series.name])
        typical = analysis.typical_energy(found["none"]) if "none" in found else None
        failed = [analysis.failures(group, typical if typical is not None else float("inf")) for group in found.values()]
        document.failed(failed, typical, segments)
        document.worst([one for one in failed if one.group.deform in ("tps", "tps-strong")], WORST)
        self._panels(document, bundle, found, folder)

    def _variants(self, main, others, groups):
        rows = []
        for deform in main.deforms():
            fitting = [series for series in (main, *others) if deform in groups[series.name]]
            for other in fitting[1:]:
                cut = analysis.compare([groups[series.name][deform] for series in (main, other)], self._interval, main.runs[0].cluster)
                rows.append((deform, list(zip((main.title, other.title), cut))))
        return rows

    def _panels(self, document, bundle, found, folder):
        wanted = dict(bundle.pictures)
        deform = wanted.pop("deform", None)
        if deform not in found:
            return
        done = [self._finished[run] for run in bundle.series[0].runs if run.deform == deform and run in self._finished]
        chosen = pictures.chosen_panels([(finished.folder, rows) for finished, (rows, _) in done], **wanted)
        if chosen:
            pictures.stack(folder / f"{bundle.name}-panels.jpg", [file for _, file in chosen])
            document.pictures([(f"{bundle.title}, `{deform}`, from above: {', '.join(group for group, _ in chosen)} answers of all runs",
                                f"results/{bundle.name}-panels.jpg")])

    def _log(self, line):
        line = f"{time.strftime('%H:%M:%S')} {line}"
        print(line, flush=True)
        with open(self._options.cache / "log.txt", "a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d')} {line}\n")


def _settings(folder):
    """What a bundle's manifest says of energy, search and acceptance, and its digest."""
    manifest = json.loads((folder / "diffeonn.json").read_text(encoding="utf-8"))
    lines = [f"Networks: {', '.join(manifest['models'])}. Settings, from `diffeonn.json`:\n", "```json"]
    lines += [f'"{part}": {json.dumps(manifest[part])}' for part in ("energy", "optimiser", "acceptance") if part in manifest]
    return "\n".join([*lines, "```", "", f"Bundle (SHA-256 of networks and settings): `{runs.bundle_digest(folder)[:12]}`.\n"])


def _machine():
    processor = platform.processor()
    if Path("/proc/cpuinfo").exists():
        names = [line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        processor = names[0] if names else processor
    return [f"Machine: {processor or platform.machine()}, {os.cpu_count()} cores, {platform.system()}; CPU only.",
            "Command, in `tools/results`: `python3 -m diffeonn_results --data lungs=DIR --data mnist=DIR`."]


if __name__ == "__main__":
    sys.exit(main())
