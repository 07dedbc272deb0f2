using System.Collections.Immutable;
using System.Globalization;
using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Diagnostics.Reading;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Training.Architectures;
using DiffeoNN.Onnx.Training.Fitting;

namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>One run of a fit, from its beginning or from where it was interrupted.</summary>
internal sealed class FitSession(
    BundleFitter fitter, FitFolder work, string folder, bool hasTruth, IProgress<FitProgress>? progress,
    CancellationToken cancellationToken)
{
    // What part of the time that is left a stage takes: its weight among those that come after it.
    private const double OfVae = 0.09, OfProposer = 0.13, OfFirstChoice = 0.03, OfRounds = 0.53, OfCritic = 0.05, OfChoice = 0.10;
    private const double OfVerdict = 0.07;
    private const double TaskShare = 0.3, LeastTask = 1e-3, MostTask = 100;

    // What the answers' weight is multiplied by in the round after one that made the proposer worse.
    private const double AfterLoss = 0.3;
    private const int TaskBatches = 8;
    private const int MostSteps = 20_000;
    private const int Epochs = 400;

    private readonly FitOptions _options = fitter.Options;
    private readonly NetworkReading _reading = fitter.Reading;
    private readonly FitClock _clock = new(fitter.Options.Time, TimeSpan.FromSeconds(work.Record.Seconds));
    private readonly List<FitTrial> _trials = [.. work.Record.Trials.Select(trial => trial.ToTrial())];
    private readonly List<string> _notes = [.. work.Record.Notes];
    private FitTrial? _best = work.Record.Trials.FirstOrDefault(trial => trial.Round == work.Record.Best && !trial.IsFinal)?.ToTrial();
    private readonly VaeArchitecture _vae = VaeArchitecture.For(fitter.Image.Channels, fitter.Image.Height, fitter.Image.Width);

    private ImageSpec Image => fitter.Image;

    private FitPlan Planned => _options.Plan ?? work.Record.Plan;

    private int Batch => Planned.Batch;

    public FitResult Run(IEvaluationData data, IEvaluationData? validation)
    {
        Report(FitStage.Reading, 1, 0, data.Count);
        using var truth = hasTruth ? FitTruth.Of(_reading, isKept: _options.UsesTask) : null;
        using var images = FitImages.Read(data, validation, Image, _reading.Image, truth, _options, (done, all) =>
        {
            if (done % 64 == 0 || done == all) Report(FitStage.Reading, 1, done, all);
        }, cancellationToken);
        work.Begin(images.Digest, images.TruthDigest);
        if (images.Skipped.Count > 0) Note(Skipped(images), FitStage.Reading);
        if (truth is not null && Unknown(images, truth) is { } unknown) Note(unknown, FitStage.Reading);
        if (_options.Plan is { } plan) work.Write(record => record with { Plan = plan });
        if (_options.Plan is null && _options.Time < FitOptions.ShortestKept) Note(FitOptions.ShortTime(_options.Time), FitStage.Reading);
        var engine = new OnnxRuntimeEngine(_options.Execution);
        var training = new StageTraining(work, _clock, progress, cancellationToken);

        TrainVae(training, engine, images);
        TrainProposer(training, engine, images);
        var choice = new SettingsChoice(_options, images.HeldOut, hasTruth, cancellationToken);
        Choose(choice, 0, OfFirstChoice, OfRounds + OfCritic + OfChoice + OfVerdict, withCritic: false, final: false);
        TrainRounds(training, engine, images, choice);
        // Where the time is over already, the bundle that stands is judged.
        if (_options.Plan is { } given ? given.Critic is not null : _clock.Left > TimeSpan.Zero)
        {
            TrainCritic(training, engine, images);
            ChooseFinally(choice, images);
        }

        return Judge(choice, images);
    }

    private void TrainVae(StageTraining training, OnnxRuntimeEngine engine, FitImages images)
    {
        if (Done("vae")) return;
        using var network = new TrainableNetwork(_vae.CreateForTraining(_options.Seed), Architecture.Weights);
        using var recipe = new VaeRecipe(engine, network, images.Training, new VaeRecipeOptions
        {
            Batch = Batch, Seed = _options.Seed,
        });
        training.Run(
            FitStage.Autoencoder, 1, network, recipe, steps => VaeRecipe.Training(steps, _options.Seed), Planned.Vae,
            _clock.Share(OfVae, OfProposer + OfFirstChoice + OfRounds + OfCritic + OfChoice + OfVerdict), Most(images),
            steps => Plan(plan => plan with { Vae = steps }));
        Finish("vae", _vae.ForBundle(network.ToModel()));
    }

    private void TrainProposer(StageTraining training, OnnxRuntimeEngine engine, FitImages images)
    {
        if (Done("proposer-0")) return;
        var architecture = ProposerArchitecture.For(
            Image.Channels, Image.Height, Image.Width, _options.ProposerMultiplyAdds);
        using var network = new TrainableNetwork(architecture.Create(_options.Seed), Architecture.Weights);
        using var recipe = new ProposerRecipe(engine, network, images.Training, Proposing);
        training.Run(
            FitStage.Proposer, 1, network, recipe, steps => ProposerRecipe.Training(steps, _options.Seed), Planned.Proposer,
            _clock.Share(OfProposer, OfFirstChoice + OfRounds + OfCritic + OfChoice + OfVerdict), Most(images),
            steps => Plan(plan => plan with { Proposer = steps }));
        Finish("proposer-0", network.ToModel());
    }

    private ProposerRecipeOptions Proposing => new() { Sampling = _options.Sampling, Batch = Batch, Seed = _options.Seed };

    /// <summary>The proposer with the network's answers, in rounds of falling rate, each of which ends with a choice.</summary>
    private void TrainRounds(StageTraining training, OnnxRuntimeEngine engine, FitImages images, SettingsChoice choice)
    {
        var rates = Rates();
        var rest = OfCritic + OfChoice + OfVerdict;
        for (var round = 1; round <= rates.Length; round++)
        {
            var name = $"proposer-{round}";
            // A round that made it worse is forgotten, and the answers count for less in those that follow.
            var from = work.Record.Best ?? 0;
            if (!Done(name))
            {
                using var network = new TrainableNetwork(work.Find($"proposer-{from}.onnx")!, Architecture.Weights, "proposer");
                var task = _options.UsesTask ? Task() : null;
                if (task is not null && work.Record.TaskWeight is null) WeighTask(engine, network, images, task);
                using var recipe = new ProposerRecipe(engine, network, images.Training, Proposing with
                {
                    Seed = unchecked(_options.Seed + (ulong)round),
                    Task = (work.Record.TaskWeight ?? 0) * Math.Pow(AfterLoss, round - 1 - from),
                }, task);
                if (round == 1 && recipe.TaskRefusal is { } refusal) Note(refusal, FitStage.Task);
                else if (round == 1 && task is { IsFirst: false } && images.Training.HasTruth) Note(OfAnother, FitStage.Task);
                var (rate, index) = (rates[round - 1], round);
                training.Run(
                    FitStage.Task, round, network, recipe,
                    steps => ProposerRecipe.Training(steps, unchecked(_options.Seed + (ulong)index)) with { LearningRate = rate },
                    Planned.Rounds.Count >= round ? Planned.Rounds[round - 1] : null,
                    _clock.Share(OfRounds / rates.Length, rest + (OfRounds * (rates.Length - round) / rates.Length)), Most(images),
                    steps => Plan(plan => plan with { Rounds = [.. plan.Rounds, steps] }));
                Finish(name, network.ToModel());
            }

            Choose(choice, round, 0.02, rest + (OfRounds * (rates.Length - round) / rates.Length), withCritic: false, final: false);
            if (_options.Plan is null && _clock.Left <= TimeSpan.Zero) return;
        }
    }

    /// <summary>Chooses the weight of the network's answers: whatever their unit, they are to count about as much as image and
    /// displacement do. What is true does not count here: what the network cannot answer rightly would make the rest count less.</summary>
    private void WeighTask(OnnxRuntimeEngine engine, TrainableNetwork network, FitImages images, InnerTask task)
    {
        using var recipe = new ProposerRecipe(engine, network, images.Training.WithoutTruth(), Proposing with { Unrolled = 0 }, task);
        var weight = recipe.Task(TaskBatches) is { } term && term > 0 ? Math.Clamp(TaskShare / term, LeastTask, MostTask) : 1;
        work.Write(record => record with { TaskWeight = double.Parse(weight.ToString("G3")) });
    }

    private double[] Rates()
    {
        var rounds = Planned.RoundsMeant
            ?? (_options.Plan is { } plan ? plan.Rounds.Count : _options.Time.TotalMinutes switch { < 3 => 1, < 8 => 2, _ => 3 });
        if (Planned.RoundsMeant is null) Plan(present => present with { RoundsMeant = rounds });
        double[] rates = [6e-4, 4e-4, 3e-4];
        rates = rounds switch { 0 => [], 1 => [5e-4], 2 => [6e-4, 3e-4], _ => [.. rates, .. Enumerable.Repeat(2e-4, rounds - 3)] };
        return _options.Plan is { } given ? rates[..given.Rounds.Count] : rates;
    }

    private void TrainCritic(StageTraining training, OnnxRuntimeEngine engine, FitImages images)
    {
        if (Done("critic")) return;
        var architecture = CriticArchitecture.For(Image.Channels, Image.Height, Image.Width);
        using var network = new TrainableNetwork(architecture.Create(_options.Seed), Architecture.Weights);
        using var recipe = new CriticRecipe(engine, network, images.Training, new CriticRecipeOptions
        {
            Sampling = _options.Sampling with { Intensity = 0.3 }, Batch = Batch, Seed = _options.Seed,
        });
        training.Run(
            FitStage.Critic, 1, network, recipe, steps => CriticRecipe.Training(steps, _options.Seed), Planned.Critic,
            _clock.Share(OfCritic, OfChoice + OfVerdict), Most(images), steps => Plan(plan => plan with { Critic = steps }));
        Finish("critic", network.ToModel());
    }

    /// <summary>Chooses with the critic, if it tells what a critic is there to tell; a weight would make noise count else.</summary>
    private void ChooseFinally(SettingsChoice choice, FitImages images)
    {
        var round = work.Record.Best ?? 0;
        if (work.Record.Done.Contains(NameOf(round, final: true))) return;
        Report(FitStage.Choosing, round, 0, 1);
        var candidate = work.PathOf("candidate");
        Write(candidate, round, withCritic: true);
        var check = CriticCheck.Of(candidate, images.HeldOut, _options, cancellationToken);
        if (!check.Tells) Note(check.Refusal, FitStage.Choosing);
        Choose(choice, round, OfChoice, OfVerdict, withCritic: check.Tells, final: true);
    }

    private static string NameOf(int round, bool final) => $"choice-{round}{(final ? "-final" : "")}";

    /// <summary>Chooses settings of a proposer, and writes the bundle where it is the best so far.</summary>
    private void Choose(SettingsChoice choice, int round, double part, double rest, bool withCritic, bool final)
    {
        var name = NameOf(round, final);
        if (work.Record.Done.Contains(name)) return;
        Report(FitStage.Choosing, round, 0, 1);
        var candidate = work.PathOf("candidate");
        Write(candidate, round, withCritic);
        var number = work.Record.Done.Count(done => done.StartsWith("choice", StringComparison.Ordinal));
        int? images = _options.Plan is { } plan && plan.Chosen.Count > number ? plan.Chosen[number] : null;
        var standing = final && _best is { Settings: var settings } ? settings with { Adversarial = 0 } : null;
        var trial = choice.Choose(candidate, _clock.Share(part, rest), _clock.Left, images, final, standing, (done, all) =>
            Report(FitStage.Choosing, round, done, all));
        if (choice.Shortage is { } shortage) Note(shortage, FitStage.Choosing);
        _trials.Add(trial);
        var better = final || _best is null || !trial.IsClearlyBelow(_best);
        if (better) _best = trial;
        var manifest = BundleManifest.Load(Path.Combine(candidate, BundleManifest.FileName)) with { Search = trial.Settings };
        if (better)
        {
            BundleReplacement.Write(candidate, folder, manifest with
            {
                Name = BundleName(),
                Description = _options.Description,
                Licence = _options.Licence,
                Provenance = Provenance("Interrupted before its verdict."),
            });
        }

        work.Write(record => record with
        {
            Done = [.. record.Done, name],
            Best = better && !final ? round : record.Best,
            Plan = images is null ? record.Plan with { Chosen = [.. record.Plan.Chosen, trial.Images] } : record.Plan,
            Trials = [.. record.Trials, FitTrialRecord.Of(trial, manifest, round, final)],
            Seconds = _clock.Elapsed.TotalSeconds,
        });
        Report(FitStage.Choosing, round, 1, 1, trial: trial, written: better);
    }

    private string OfAnother =>
        $"The network's first output, '{_reading.Outputs[0].Name}', cannot be learned from, and what is true of images is about it: the "
        + "proposer learns from the network's own answers alone.";

    /// <summary>What is to be said of images that something is not known of; null where all is.</summary>
    private string? Unknown(FitImages images, FitTruth truth)
    {
        if (!_options.UsesTask) return null;
        var training = images.Training;
        var without = training.HasTruth ? training.Known?.Count(isKnown => !isKnown) ?? 0 : training.Count;
        return without == 0 ? null : FormattableString.Invariant(
            $"{without} of {training.Count} images to train on have no {truth.Name}; the network's own answers stand for it.");
    }

    private static string Skipped(FitImages images)
    {
        const int most = 3;
        var bad = images.Skipped;
        return FormattableString.Invariant($"{bad.Count} images cannot be used and are left out: ")
            + string.Join(" ", bad.Take(most)) + (bad.Count > most ? FormattableString.Invariant($" And {bad.Count - most} more.") : "");
    }

    private void Write(string target, int round, bool withCritic)
    {
        if (Directory.Exists(target)) Directory.Delete(target, recursive: true);
        AtomicFile.CreateFolder(target);
        var reading = _reading.With(BundleRole.Vae, work.PathOf("vae.onnx"))
            .With(BundleRole.Proposer, work.PathOf($"proposer-{round}.onnx"));
        if (withCritic) reading = reading.With(BundleRole.Critic, work.PathOf("critic.onnx"));
        var manifest = SettingsChoice.Usual(InnerOfOwnSize(reading.ToManifest(BundleName()) with { Image = Image }), withCritic);
        reading.AddTo(new BundleBuilder(target)).Build(manifest);
    }

    /// <summary>The network's own size, where the bundle works on smaller images.</summary>
    private BundleManifest InnerOfOwnSize(BundleManifest manifest)
    {
        if (Image.Height == _reading.Image.Height && Image.Width == _reading.Image.Width) return manifest;
        var inner = manifest.Models.Inner;
        return manifest with
        {
            Models = manifest.Models with
            {
                Inner = inner with { Input = inner.Input with { Height = _reading.Image.Height, Width = _reading.Image.Width } },
            },
        };
    }

    private FitResult Judge(SettingsChoice choice, FitImages images)
    {
        var evaluations = choice.Evaluate(
            folder, _clock.Left, _options.Plan?.Judged, (done, all) => Report(FitStage.Judging, 1, done, all));
        if (choice.Shortage is { } shortage) Note(shortage, FitStage.Judging);
        Plan(plan => plan with { Judged = evaluations[0].Samples.Count });
        string[] doubts = [.. _reading.Findings.Select(finding => finding.Text)];
        var verdict = FitVerdict.Of(
            [.. evaluations.Select(SettingsChoice.FigureOf)], _options.Families[^1], choice.Measure, hasTruth, doubts);
        var path = Path.Combine(folder, BundleManifest.FileName);
        var manifest = BundleManifest.Load(path);
        var bundle = new BundleBuilder(folder).Build(manifest with
        {
            Provenance = Provenance(string.Join(" ", verdict.Lines)) with { Validation = [.. verdict.Figures.Select(figure =>
                new ValidationFigure(figure.Deformation, figure.Images, verdict.Measure, figure.Undeformed, figure.Alone,
                    figure.Canonicalised))] },
        });
        var result = new FitResult(
            bundle, verdict, evaluations, work.Record.Curves, _trials, work.Record.Plan, _clock.Elapsed, _notes)
        {
            HeldOut = images.HeldOut, TrainingImages = images.Training.Count,
        };
        work.Delete();
        return result;
    }

    private string BundleName() => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))) is { Length: > 0 } name
        ? name
        : "bundle";

    private Provenance Provenance(string verdict) => new()
    {
        TrainedOn = _options.TrainedOn,
        Tool = "diffeonn fit",
        Seed = (long)_options.Seed,
        Date = DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        Reference = hasTruth ? AnswerReference.Truth : AnswerReference.Agreement,
        Verdict = verdict,
    };

    private InnerTask Task()
    {
        var inner = InnerOfOwnSize(_reading.ToManifest("task") with { Image = Image }).Models.Inner;
        var model = OnnxModel.Load(Path.Combine(folder, inner.File)).Copy();
        // What messages call it: exporters' names of graphs say nothing.
        model.Graph.Name = Path.GetFileName(_reading.Path);
        return InnerTask.Of(Image, inner, model);
    }

    private int Most(FitImages images) => Math.Max(MostSteps / 4, Math.Min(MostSteps, Epochs * images.Training.Count / Batch));

    private bool Done(string name) => work.Record.Done.Contains(name) && work.Find($"{name}.onnx") is not null;

    private void Finish(string name, OnnxModel model)
    {
        work.Keep($"{name}.onnx", model);
        work.Write(record => record with { Done = [.. record.Done, name], Seconds = _clock.Elapsed.TotalSeconds });
    }

    private void Plan(Func<FitPlan, FitPlan> change) => work.Write(record => record with { Plan = change(record.Plan) });

    private void Note(string text, FitStage stage)
    {
        if (_notes.Contains(text)) return;
        _notes.Add(text);
        work.Write(record => record with { Notes = [.. _notes] });
        Report(stage, 1, 0, 1, note: text);
    }

    private void Report(
        FitStage stage, int round, int step, int steps, FitTrial? trial = null, bool written = false, string? note = null) =>
        progress?.Report(new FitProgress(
            stage, round, step, steps, ImmutableDictionary<string, double>.Empty, _clock.Elapsed, _clock.Left)
        {
            Trial = trial, Written = written, Note = note,
        });
}
