using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.RandomNumbers;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>Teaches a proposer to undo deformations, from undeformed images alone.</summary>
/// <remarks>
/// Each step deforms images by known maps. The proposal is exponentiated on its own lattice and compared with the inverse of the map; the
/// image that it gives is compared with the undeformed one, at reduced size; and, where an inner network is given, its answer on that image
/// with its own answer on the undeformed image, moved by both maps, so that only the answer counts and not where the image comes to lie.
/// The gradient of the task flows through the inner network, not through the moved answer.
/// </remarks>
public sealed class ProposerRecipe : ITrainingData, IDisposable
{
    private const int LongestReduced = 64;
    private const int Iterations = 15;

    private readonly ProposerRecipeOptions _options;
    private readonly TrainingImages _images;
    private readonly MapPool _maps;
    private readonly Teacher? _teacher;
    private readonly Objective _plain;
    private readonly Objective? _withTask;
    private readonly int _factor;
    private readonly (int Height, int Width) _lattice;

    /// <summary>Derives what is minimised.</summary>
    /// <param name="engine">What runs it.</param>
    /// <param name="proposer">One input, the image (N, C, H, W); the first output is the velocity (N, 2, h, w). It stays the caller's, and
    /// is
    /// disposed after this.</param>
    /// <param name="images">Undeformed images of the proposer's size.</param>
    /// <param name="options">Defaults if null.</param>
    /// <param name="task">The inner network; null to learn from images and maps alone.</param>
    /// <exception cref="TrainingException">Network, images and options do not fit each other.</exception>
    public ProposerRecipe(
        OnnxRuntimeEngine engine, TrainableNetwork proposer, TrainingImages images, ProposerRecipeOptions? options = null,
        InnerTask? task = null)
    {
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(proposer);
        ArgumentNullException.ThrowIfNull(images);
        (_options, _images) = (options ?? new ProposerRecipeOptions(), images);
        _options.Check();
        RecipeChecks.TakesImages(proposer, images);
        _lattice = Lattice(proposer);
        _factor = Math.Max(1, (images.Grid.LongestSide + (LongestReduced / 2)) / LongestReduced);
        _maps = new MapPool(_options.Sampling, images.Grid);
        _plain = Compose(proposer, null).Build(engine);
        if (task is null || _options.Task == 0)
            return;
        _teacher = new Teacher(engine, task, images, _options.AnswerBytes);
        TaskRefusal = Refusal(task, _teacher);
        if (TaskRefusal is null)
            _withTask = Compose(proposer, task).Build(engine);
    }

    /// <summary>Why the inner network's answers do not count, although there is one; null if they do.</summary>
    public string? TaskRefusal { get; }

    /// <summary>Training as the repository's bundles were.</summary>
    /// <param name="steps">Steps of the schedule.</param>
    /// <param name="seed">Of the batches.</param>
    public static TrainerOptions Training(int steps, ulong seed = 1) => new()
    {
        LearningRate = 2e-3, WeightDecay = 1e-4, GradientNorm = 1, Seed = seed,
        Schedule = LearningRateSchedule.Cosine(steps, warmUp: Math.Min(50, steps / 10)),
    };

    /// <inheritdoc/>
    public IReadOnlyList<TrainingBatch> Next(int step, SplitMix64 random)
    {
        ArgumentNullException.ThrowIfNull(random);
        var withTask = _withTask is not null && step >= _options.TaskFrom;
        var chosen = _images.Choose(step, _options.Batch, _options.Seed);
        return [new TrainingBatch(withTask ? _withTask! : _plain, Data(chosen, random, withTask))];
    }

    /// <summary>Terms on images of another set, deformed: for validation. The displacement's term is the mean squared distance to the
    /// inverse
    /// map, in the library's unit.</summary>
    /// <param name="images">Images of the same size; all of them are used.</param>
    /// <param name="seed">Of their maps.</param>
    /// <returns>Means over the images, and the squared displacement itself under <c>deformation</c>: what no proposal would
    /// leave.</returns>
    /// <exception cref="TrainingException">The images are of another size.</exception>
    public IReadOnlyDictionary<string, double> Evaluate(TrainingImages images, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(images);
        RecipeChecks.SameSize(images, _images);
        return RecipeChecks.Average(images.Count, _options.Batch, (chosen, i) =>
        {
            var data = Data(images, chosen, SplitMix64.ForItem(seed, i), withTask: false);
            var wanted = data["wanted"].mul(Maps.HalfExtents(images.Grid));
            var deformation = (double)wanted.mul(wanted).sum(1).mean().item<float>();
            return _plain.Evaluate(data).Terms.Append(new KeyValuePair<string, double>("deformation", deformation));
        });
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _plain.Dispose();
        _withTask?.Dispose();
        _teacher?.Dispose();
        _maps.Dispose();
    }

    private Dictionary<string, torch.Tensor> Data(int[] chosen, SplitMix64 random, bool withTask) =>
        Data(_images, chosen, random, withTask);

    private Dictionary<string, torch.Tensor> Data(TrainingImages images, int[] chosen, SplitMix64 random, bool withTask)
    {
        var (height, width) = (images.Grid.Height, images.Grid.Width);
        var clean = ImageVariation.Vary(images.Batch(chosen), _options.Sampling, random);
        var nodes = _maps.Draw(chosen.Length, random);
        var deformed = Maps.Warp(clean, Maps.Resample(nodes, height, width), _options.Sampling.Padding);
        var data = new Dictionary<string, torch.Tensor>
        {
            ["image"] = deformed,
            ["clean"] = Reduced(clean),
            ["wanted"] = Maps.Inverse(Maps.Resample(nodes, _lattice.Height, _lattice.Width), Iterations).contiguous(),
        };
        if (_factor > 1)
            data["reduced"] = Reduced(deformed);
        if (withTask)
        {
            var answers = _teacher!.Answers(chosen);
            data["answer"] = answers.dim() == 2
                ? answers
                : Maps.Warp(answers, Maps.Resample(nodes, (int)answers.size(2), (int)answers.size(3)), WarpPadding.Zeros).contiguous();
        }

        return data;
    }

    private torch.Tensor Reduced(torch.Tensor image) => _factor == 1
        ? image
        : torch.nn.functional.avg_pool2d(image, _factor, ceil_mode: true, count_include_pad: false);

    private ObjectiveBuilder Compose(TrainableNetwork proposer, InnerTask? task)
    {
        var (grid, channels) = (_images.Grid, _images.Channels);
        var builder = new ObjectiveBuilder(
            task is null ? "proposer" : "proposer with task",
            Math.Max(proposer.Opset, Math.Max(GraphWriter.LeastOpset, task?.Model.Opset ?? 0)));
        var w = builder.Writer;
        var image = builder.Input("image", "N", channels, grid.Height, grid.Width);
        int Side(int side) => (side + _factor - 1) / _factor;
        var small = new SamplingGrid(Side(grid.Height), Side(grid.Width));
        var clean = builder.Input("clean", "N", channels, small.Height, small.Width);
        var wanted = builder.Input("wanted", "N", 2, _lattice.Height, _lattice.Width);
        var lattice = builder.Add(proposer, new Dictionary<string, string> { [proposer.Inputs[0].Name] = image })[proposer.Outputs[0].Name];

        var map = new ProposedMap(w, grid, _lattice, lattice, _options.Squarings);
        var reduced = _factor == 1 ? image : builder.Input("reduced", "N", channels, small.Height, small.Width);
        var undone = map.Warp(reduced, channels, small, _options.Sampling.Padding);
        builder.Term("image", builder.MeanSquaredError(undone, clean), _options.Image);
        builder.Term("displacement", map.SquaredDistance(wanted), _options.Displacement);
        builder.Term("smoothness", builder.Mean(map.Smoothness()), _options.Smoothness);
        if (task is not null)
        {
            var canonical = map.Warp(image, channels, grid, _options.Sampling.Padding);
            var answer = builder.AddConstant(task.Model, new Dictionary<string, string> { [_teacher!.Input] = canonical })[_teacher.Output];
            builder.Term("task", Difference(builder, task.Answer, answer, Target(builder, map)), _options.Task);
        }

        return builder;
    }

    /// <summary>The inner network's answer on the undeformed image, moved by the map that the data says and by the proposed one.</summary>
    private string Target(ObjectiveBuilder builder, ProposedMap map)
    {
        OnnxDimension[] shape = ["N", .. _teacher!.Shape.Select(OnnxDimension.Of)];
        var carried = builder.Input("answer", shape);
        return shape.Length == 2
            ? carried
            : map.Warp(carried, (int)_teacher.Shape[0], new SamplingGrid((int)_teacher.Shape[1], (int)_teacher.Shape[2]),
                WarpPadding.Zeros, isConstant: true);
    }

    private string Difference(ObjectiveBuilder builder, InnerAnswer answer, string output, string target)
    {
        switch (answer)
        {
            case InnerAnswer.Logits:
                return builder.SoftCrossEntropy(output, target);
            case InnerAnswer.Probabilities:
                var logarithms = builder.Op("Log", [builder.Op("Clip", [output, builder.Scalar(1e-6), builder.Scalar(1)])]);
                return builder.Mul(builder.Mean(builder.Writer.Reduce("ReduceSum", builder.Mul(target, logarithms), false, 1)), -1);
            case InnerAnswer.BinaryLogits:
                return builder.BinaryCrossEntropy(output, target);
            default:
                return builder.Mul(builder.MeanSquaredError(output, target), 1 / Math.Max(1e-12, _teacher!.Deviation * _teacher.Deviation));
        }
    }

    private static string? Refusal(InnerTask task, Teacher teacher)
    {
        string Text(string why) => $"The inner network '{task.Model.Graph.Name}' cannot be differentiated ({why}); the proposer "
            + "learns from images and displacements alone.";
        try
        {
            GradientCompiler.Compile(task.Model.Copy(), new GradientOptions { Inputs = [teacher.Input], Outputs = [teacher.Output] });
            return null;
        }
        catch (OnnxModelException)
        {
            return Text($"no gradient of '{teacher.Output}' reaches '{teacher.Input}'");
        }
        catch (UnsupportedOperatorException e)
        {
            return Text(e.Message.TrimEnd('.'));
        }
    }

    private static (int Height, int Width) Lattice(TrainableNetwork proposer)
    {
        var output = proposer.Outputs[0];
        return output.Shape is { Count: 4 } shape && shape[1].Size == 2 && shape[2].Size is { } h and > 1 && shape[3].Size is { } w and > 1
            ? ((int)h, (int)w)
            : throw new TrainingException(
                $"Proposer '{proposer.Name}' has the output {output}; expected a velocity (N, 2, h, w) of known size.");
    }
}
