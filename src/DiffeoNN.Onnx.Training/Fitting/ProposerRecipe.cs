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
/// with its own answer on the undeformed image, mixed with the truth where that is given, moved by both maps, so that only the answer
/// counts and not where the image comes to lie.
/// The gradient of the task flows through the inner network and the moved answer. A share of the images is taught a second pass.
/// </remarks>
public sealed class ProposerRecipe : ITrainingData, IDisposable
{
    private const int LongestReduced = 64;
    private const int Iterations = 15;

    private readonly ProposerRecipeOptions _options;
    private readonly TrainingImages _images;
    private readonly MapPool _maps;
    private readonly Teacher? _teacher;
    private readonly TaskTarget? _target;
    private readonly Objective _single;
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
        var form = SampleOperator.FormOn(engine);
        var again = (int)Math.Round(_options.Unrolled * _options.Batch);
        _single = Compose(form, proposer, null, 0).Build(engine);
        _plain = again == 0 ? _single : Compose(form, proposer, null, again).Build(engine);
        if (task is null || _options.Task == 0)
            return;
        TaskRefusal = task.Refusal;
        if (TaskRefusal is not null)
            return;
        // What is true of images is about the first output.
        var taught = task.IsFirst ? images : images.WithoutTruth();
        _teacher = new Teacher(engine, task, taught, _options.AnswerBytes, _options.TruthShare);
        TaskRefusal = Refusal(task, _teacher);
        if (TaskRefusal is not null)
            return;
        _target = TaskTarget.Of(_teacher.Answer, _teacher.Shape, _teacher.Deviations, task.Seen ?? images.Grid, images.Grid);
        try
        {
            _withTask = Compose(form, proposer, task, again).Build(engine);
        }
        catch (GraphException e)
        {
            TaskRefusal = InnerNetwork.Refused(task.Model.Graph.Name, $"has a gradient that cannot be run ({e.Message.TrimEnd('.')})");
        }
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
            return _single.Evaluate(data).Terms.Append(new KeyValuePair<string, double>("deformation", deformation));
        });
    }

    /// <summary>The task's term as the proposer stands, over some batches; null where it does not count.</summary>
    internal double? Task(int batches)
    {
        if (_withTask is null) return null;
        var sum = 0.0;
        for (var i = 0; i < batches; i++)
        {
            using var scope = torch.NewDisposeScope();
            var chosen = _images.Choose(i, _options.Batch, _options.Seed);
            sum += _withTask.Evaluate(Data(chosen, SplitMix64.ForItem(_options.Seed, i), withTask: true)).Terms["task"];
        }

        return sum / batches;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _single.Dispose();
        if (_plain != _single)
            _plain.Dispose();
        _withTask?.Dispose();
        _teacher?.Dispose();
        _target?.Dispose();
        _maps.Dispose();
    }

    private Dictionary<string, torch.Tensor> Data(int[] chosen, SplitMix64 random, bool withTask) =>
        Data(_images, chosen, random, withTask);

    private Dictionary<string, torch.Tensor> Data(TrainingImages images, int[] chosen, SplitMix64 random, bool withTask)
    {
        var (height, width) = (images.Grid.Height, images.Grid.Width);
        var clean = ImageVariation.Vary(images.Batch(chosen), _options.Sampling, random);
        var nodes = _maps.Draw(chosen.Length, random);
        var deformed = Maps.Warp(clean, Maps.Resample(nodes, height, width), WarpPadding.Zeros);
        var data = new Dictionary<string, torch.Tensor>
        {
            ["image"] = deformed,
            ["clean"] = Reduced(clean),
            ["wanted"] = Maps.Inverse(Maps.Resample(nodes, _lattice.Height, _lattice.Width), Iterations).contiguous(),
        };
        if (_factor > 1)
            data["reduced"] = Reduced(deformed);
        if (withTask)
            data["answer"] = _target!.Carry(_teacher!.Answers(chosen), nodes);
        return data;
    }

    private torch.Tensor Reduced(torch.Tensor image) => _factor == 1
        ? image
        : torch.nn.functional.avg_pool2d(image, _factor, ceil_mode: true, count_include_pad: false);

    private ObjectiveBuilder Compose(SamplingForm form, TrainableNetwork proposer, InnerTask? task, int again)
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
        string Propose(string seen) =>
            builder.Add(proposer, new Dictionary<string, string> { [proposer.Inputs[0].Name] = seen })[proposer.Outputs[0].Name];
        var velocity = again == 0 ? Propose(image) : Unrolled(w, form, image, again, Propose);

        var map = new ProposedMap(w, grid, _lattice, velocity, _options.Squarings, form);
        var reduced = _factor == 1 ? image : builder.Input("reduced", "N", channels, small.Height, small.Width);
        var undone = map.Warp(reduced, channels, small, _options.Sampling.Padding);
        builder.Term("image", builder.MeanSquaredError(undone, clean), _options.Image);
        builder.Term("displacement", map.SquaredDistance(wanted), _options.Displacement);
        builder.Term("smoothness", builder.Mean(map.Smoothness()), _options.Smoothness);
        if (task is not null)
        {
            var canonical = map.Warp(image, channels, grid, _options.Sampling.Padding);
            var answer = builder.AddConstant(task.Model, new Dictionary<string, string> { [_teacher!.Input] = canonical })[_teacher.Output];
            builder.Term("task", _target!.Difference(builder, map, answer), _options.Task);
        }

        return builder;
    }

    /// <summary>The velocities after a second pass on the first images of the batch, after one on the others: as a bundle composes
    /// them. The images of a batch stand in random order.</summary>
    private string Unrolled(GraphWriter w, SamplingForm form, string image, int again, Func<string, string> propose)
    {
        string Twice(string value) => w.Slice(value, 0, 0, again);
        string Once(string value) => w.Slice(value, 0, again, int.MaxValue);
        var isAll = again == _options.Batch;
        var first = ProposedMap.Constant(w, propose(Twice(image)));
        var map = new ProposedMap(w, _images.Grid, _lattice, first, _options.Squarings, form);
        var left = map.Warp(Twice(image), _images.Channels, _images.Grid, _options.Sampling.Padding);
        var second = propose(isAll ? left : w.Concat(0, left, Once(image)));
        var both = AnswerComposer.Compose(w, _images.Grid, _lattice.Height, _lattice.Width, first, isAll ? second : Twice(second));
        return isAll ? both : w.Concat(0, both, Once(second));
    }

    private static string? Refusal(InnerTask task, Teacher teacher)
    {
        var unreached = $"no gradient of '{teacher.Output}' reaches '{teacher.Input}'";
        var why = InnerNetwork.WithoutGradient(task.Model, teacher.Input, teacher.Output, unreached);
        return why is null ? null : InnerNetwork.Refused(task.Model.Graph.Name, why);
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
