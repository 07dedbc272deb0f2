using System.Diagnostics;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.RandomNumbers;
using DiffeoNN.Onnx.Training.Fitting;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>One network's training within a fit: as many steps as the time allows, checkpoints, curves.</summary>
internal sealed class StageTraining(FitFolder folder, FitClock clock, IProgress<FitProgress>? progress, CancellationToken cancellationToken)
{
    private readonly FitFolder _folder = folder;
    private readonly FitClock _clock = clock;
    private readonly IProgress<FitProgress>? _progress = progress;
    private readonly CancellationToken _cancellationToken = cancellationToken;
    private const int Points = 50;
    private const int FewestSteps = 20;

    /// <summary>Trains a network, or takes it as a part of the fit before left it.</summary>
    /// <param name="stage">What it is.</param>
    /// <param name="round">Of the stage, from 1.</param>
    /// <param name="network">The network; trained when this returns.</param>
    /// <param name="recipe">What it learns.</param>
    /// <param name="options">Of a number of steps.</param>
    /// <param name="planned">Steps; null to choose them.</param>
    /// <param name="budget">The time they may take.</param>
    /// <param name="most">Steps at most.</param>
    /// <param name="chosen">Told of the number.</param>
    public void Run(
        FitStage stage, int round, TrainableNetwork network, ITrainingData recipe, Func<int, TrainerOptions> options, int? planned,
        TimeSpan budget, int most, Action<int> chosen)
    {
        var steps = planned ?? Math.Clamp(Affordable(network, recipe, options(FewestSteps), budget), FewestSteps, most);
        if (planned is null) chosen(steps);
        using var trainer = new Trainer(network, options(steps));
        var file = _folder.PathOf($"{stage}-{round}.state");
        if (File.Exists(file)) trainer.Restore(file);
        using var data = new PrefetchedData(recipe, trainer.Options.Seed);
        var reporter = new Reporter(this, stage, round, steps);
        var every = Math.Max(1, steps / 20);
        trainer.Run(data, steps, new CheckpointOptions(file, every), reporter, _cancellationToken);
        reporter.Flush();
        File.Delete(file);
    }

    /// <summary>Steps that fit into a time, by taking some, which are taken back.</summary>
    private int Affordable(TrainableNetwork network, ITrainingData recipe, TrainerOptions options, TimeSpan budget)
    {
        const int least = 5, most = 40;
        using var scope = torch.NewDisposeScope();
        var kept = network.Weights.ToDictionary(weight => weight, weight => network[weight].clone(), StringComparer.Ordinal);
        using (var trainer = new Trainer(network, options))
        using (var data = new PrefetchedData(recipe, options.Seed))
        {
            var times = new List<double>();
            var start = Stopwatch.GetTimestamp();
            while (times.Count < least || (times.Count < most && Stopwatch.GetElapsedTime(start) < 0.03 * budget))
            {
                _cancellationToken.ThrowIfCancellationRequested();
                var before = Stopwatch.GetTimestamp();
                trainer.Step(data.Next(trainer.Steps, SplitMix64.ForItem(options.Seed, trainer.Steps)), _cancellationToken);
                times.Add(Stopwatch.GetElapsedTime(before).TotalSeconds);
            }

            // The first ones load and warm up.
            var median = times.Skip(2).Order().ElementAt((times.Count - 2) / 2);
            budget -= Stopwatch.GetElapsedTime(start);
            foreach (var (weight, value) in kept) network[weight].copy_(value);
            return (int)Math.Max(0, budget.TotalSeconds / median);
        }
    }

    private sealed class Reporter(StageTraining owner, FitStage stage, int round, int steps) : IProgress<StepReport>
    {
        private readonly Dictionary<string, double> _sums = new(StringComparer.Ordinal);
        private readonly int _every = Math.Max(1, steps / Points);
        private int _count;
        private int _last;
        private long _told;

        public void Report(StepReport value)
        {
            foreach (var (name, number) in value.Terms.Append(new("loss", value.Loss)))
                _sums[name] = _sums.GetValueOrDefault(name) + number;
            (_count, _last) = (_count + 1, value.Step);
            var isPoint = value.Step % _every == 0;
            if (isPoint) Flush();
            if (owner._progress is null || (!isPoint && _told != 0 && Stopwatch.GetElapsedTime(_told).TotalSeconds < 1)) return;
            _told = Stopwatch.GetTimestamp();
            owner._progress.Report(new FitProgress(
                stage, round, value.Step, steps, value.Terms, owner._clock.Elapsed, owner._clock.Left));
        }

        public void Flush()
        {
            if (_count == 0) return;
            var point = new FitCurvePoint(
                stage, round, _last, owner._clock.Elapsed.TotalSeconds,
                _sums.ToDictionary(pair => pair.Key, pair => pair.Value / _count, StringComparer.Ordinal));
            owner._folder.Write(record => record with
            {
                // A training that goes on from a checkpoint repeats what came after it.
                Curves = [.. record.Curves.Where(other => (other.Stage, other.Round) != (stage, round) || other.Step < _last), point],
                Seconds = owner._clock.Elapsed.TotalSeconds,
            });
            _sums.Clear();
            _count = 0;
        }
    }
}
