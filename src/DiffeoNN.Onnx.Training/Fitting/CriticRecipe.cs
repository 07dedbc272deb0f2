using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.RandomNumbers;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>Teaches a critic what descent needs: its gradient along velocity fields is to point to the map that undoes a
/// deformation.</summary>
/// <remarks>
/// On an image that is still deformed by the map with inverse p + r(p), the score's derivative with respect to a further velocity lattice
/// is
/// compared with that of <c>scale / 2 * mean |r|^2</c>, and the score with that value. Half of the deformed images are deformed once, half
/// are partly undone again, as they are in the course of a search. On undeformed images both are to vanish.
/// </remarks>
public sealed class CriticRecipe : ITrainingData, IDisposable
{
    private const int CoarseSide = 33;
    private const int Iterations = 10;
    private const double MostUndone = 1.1;

    private readonly CriticRecipeOptions _options;
    private readonly TrainingImages _images;
    private readonly MapPool _maps;
    private readonly Objective _objective;
    private readonly torch.Tensor _rows;
    private readonly torch.Tensor _columns;
    private readonly (int Height, int Width) _coarse;

    /// <summary>Derives what is minimised, by second derivatives of the critic.</summary>
    /// <param name="engine">What runs it.</param>
    /// <param name="critic">One input, the image (N, C, H, W); the first output is the score (N). It stays the caller's, and is disposed
    /// after
    /// this.</param>
    /// <param name="images">Undeformed images.</param>
    /// <param name="options">Defaults if null.</param>
    /// <exception cref="TrainingException">Network, images and options do not fit each other.</exception>
    /// <exception cref="UnsupportedOperatorException">The critic cannot be differentiated twice.</exception>
    public CriticRecipe(
        OnnxRuntimeEngine engine, TrainableNetwork critic, TrainingImages images, CriticRecipeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(critic);
        ArgumentNullException.ThrowIfNull(images);
        (_options, _images) = (options ?? new CriticRecipeOptions(), images);
        _options.Check();
        RecipeChecks.TakesImages(critic, images);
        var grid = images.Grid;
        int Side(int longest, int least, int side) =>
            Math.Max(least, 1 + (int)Math.Round((longest - 1.0) * (side - 1) / (grid.LongestSide - 1)));
        _coarse = (Math.Min(grid.Height, Side(CoarseSide, 9, grid.Height)), Math.Min(grid.Width, Side(CoarseSide, 9, grid.Width)));
        var lattice = (Height: Side(_options.Lattice, 2, grid.Height), Width: Side(_options.Lattice, 2, grid.Width));
        var rows = Flat(LatticeUpsampling.Weights(lattice.Height, grid.Height, LatticeBasis.Linear));
        var columns = Flat(LatticeUpsampling.Weights(lattice.Width, grid.Width, LatticeBasis.Linear));
        _maps = new MapPool(_options.Sampling, grid);
        using (torch.NewDisposeScope())
        {
            _rows = torch.tensor(rows).view(grid.Height, lattice.Height).t().contiguous().DetachFromDisposeScope();
            _columns = torch.tensor(columns).view(grid.Width, lattice.Width).DetachFromDisposeScope();
        }

        _objective = Compose(critic, lattice).Build(engine);
    }

    /// <summary>Training as the repository's bundles were.</summary>
    /// <param name="steps">Steps of the schedule.</param>
    /// <param name="seed">Of the batches.</param>
    public static TrainerOptions Training(int steps, ulong seed = 1) => new()
    {
        LearningRate = 2e-3, Beta1 = 0.5, Beta2 = 0.9, GradientNorm = 10, Seed = seed,
        Schedule = LearningRateSchedule.Cosine(steps, warmUp: Math.Min(50, steps / 10)),
    };

    /// <inheritdoc/>
    public IReadOnlyList<TrainingBatch> Next(int step, SplitMix64 random)
    {
        ArgumentNullException.ThrowIfNull(random);
        return [new TrainingBatch(_objective, Data(_images, _images.Choose(step, _options.Batch, _options.Seed), random))];
    }

    /// <summary>Terms on images of another set, deformed: for validation. <c>guidance</c> is a share of what a critic without gradient
    /// would
    /// have.</summary>
    /// <param name="images">Images of the same size, at least four; all of them are used but fewer than four left over.</param>
    /// <param name="seed">Of their maps.</param>
    /// <exception cref="TrainingException">The images are of another size, or too few.</exception>
    public IReadOnlyDictionary<string, double> Evaluate(TrainingImages images, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(images);
        RecipeChecks.SameSize(images, _images);
        var used = images.Count % _options.Batch < 4 ? images.Count - (images.Count % _options.Batch) : images.Count;
        if (used == 0)
            throw new TrainingException($"{images.Count} images to evaluate a critic on; expected at least 4.");
        var means = RecipeChecks.Average(used, _options.Batch, (chosen, i) =>
        {
            var data = Data(images, chosen, SplitMix64.ForItem(seed, i));
            var none = (double)data["wanted"].mul(data["wanted"]).sum(1).mean().item<float>();
            return _objective.Evaluate(data).Terms.Append(new KeyValuePair<string, double>("none", none));
        });
        return new Dictionary<string, double>(StringComparer.Ordinal)
        {
            ["guidance"] = means["guidance"] / means["none"], ["value"] = means["value"],
        };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _objective.Dispose();
        _maps.Dispose();
        _rows.Dispose();
        _columns.Dispose();
    }

    private ObjectiveBuilder Compose(TrainableNetwork critic, (int Height, int Width) lattice)
    {
        var (grid, channels) = (_images.Grid, _images.Channels);
        var builder = new ObjectiveBuilder("critic", Math.Max(GraphWriter.LeastOpset, critic.Opset));
        var w = builder.Writer;
        var clean = builder.Input("clean", "N", channels, grid.Height, grid.Width);
        var image = builder.Input("image", "M", channels, grid.Height, grid.Width);
        var slopes = builder.Input("slopes", "M", 2, channels, grid.Height, grid.Width);
        var wanted = builder.Input("wanted", "M", 2, lattice.Height, lattice.Width);
        var level = builder.Input("level", "M");
        var (input, output) = (critic.Inputs[0].Name, critic.Outputs[0].Name);
        var there = builder.AddWithGradient(critic, output, input, new Dictionary<string, string> { [input] = image });
        var real = builder.Add(critic, new Dictionary<string, string> { [input] = clean })[output];

        // The derivative by a velocity at a pixel is the score's gradient times the image's slope there; a lattice's node collects those
        // of its pixels.
        var gradient = w.Op("Unsqueeze", [there[$"{input}_grad"], w.Ints(1)]);
        var force = w.Reduce("ReduceSum", w.Mul(gradient, slopes), false, 2);
        var rows = w.Floats([lattice.Height, grid.Height], _rows.data<float>().ToArray());
        var columns = w.Floats([grid.Width, lattice.Width], _columns.data<float>().ToArray());
        var nodes = w.Mul(w.Op("MatMul", [w.Op("MatMul", [rows, force]), columns]), Unit);
        builder.Term("guidance", w.Mul(builder.MeanSquaredError(nodes, wanted), 2), _options.Guidance);
        var scale = 1 / _options.Scale;
        builder.Term("value", builder.Add(
            builder.MeanSquaredError(w.Mul(w.Reshape(there[output], -1), scale), w.Mul(level, scale)),
            builder.Mean(w.Mul(w.Mul(real, real), scale * scale))), _options.Value);
        return builder;
    }

    /// <summary>A lattice's derivatives are tiny, a share of the mean each; this brings them to the size of a displacement.</summary>
    private double Unit => _rows.size(0) * _columns.size(1) / _options.Scale;

    private Dictionary<string, torch.Tensor> Data(TrainingImages images, int[] chosen, SplitMix64 random)
    {
        var (grid, count, half) = (images.Grid, chosen.Length, chosen.Length / 2);
        var x = ImageVariation.Vary(images.Batch(chosen), _options.Sampling, random);
        var nodes = _maps.Draw(count, random);
        var y = Maps.Warp(x, Maps.Resample(nodes, grid.Height, grid.Width), WarpPadding.Zeros);
        // Compositions and inverses on a coarse lattice: maps are smooth, and full resolution would take most of the time.
        var u = Maps.Resample(nodes, _coarse.Height, _coarse.Width);
        var undone = Maps.Inverse(u.narrow(0, 0, half), Iterations).mul(MapPool.Numbers(half, () => random.Uniform(0, MostUndone)));
        var other = Maps.Resample(_maps.Draw(half, random).Times(0.5), _coarse.Height, _coarse.Width);
        var further = undone.Plus(other);
        var again = Maps.Warp(
            y.narrow(0, 0, half), Maps.Resample(further, grid.Height, grid.Width), _options.Sampling.Padding);
        u = torch.cat([Maps.Compose(u.narrow(0, 0, half), further), u.narrow(0, half, count - half)]);
        var left = Maps.Resample(Maps.Inverse(u, Iterations), grid.Height, grid.Width).mul(Maps.HalfExtents(grid));
        var still = x.narrow(0, 0, half / 2);
        y = torch.cat([again, y.narrow(0, half, count - half), still]);
        left = torch.cat([left, torch.zeros(half / 2, 2, grid.Height, grid.Width)]);

        var force = left.Times(-_options.Scale / (grid.Height * (double)grid.Width));
        return new Dictionary<string, torch.Tensor>
        {
            ["clean"] = x.contiguous(),
            ["image"] = y,
            ["slopes"] = torch.stack([Slope(y, 3), Slope(y, 2)], 1).Times(1 / grid.PixelSize),
            ["wanted"] = _rows.matmul(force).matmul(_columns).Times(Unit),
            ["level"] = left.mul(left).sum(1).mean([1L, 2]).Times(0.5 * _options.Scale),
        };
    }

    /// <summary>Half the difference of a pixel's neighbours, the outermost pixels being their own.</summary>
    private static torch.Tensor Slope(torch.Tensor image, int axis)
    {
        var last = image.size(axis) - 1;
        var after = torch.cat([image.narrow(axis, 1, last), image.narrow(axis, last, 1)], axis);
        var before = torch.cat([image.narrow(axis, 0, 1), image.narrow(axis, 0, last)], axis);
        return after.Minus(before).Times(0.5);
    }

    private static float[] Flat(double[,] weights) => [.. weights.Cast<double>().Select(weight => (float)weight)];
}
