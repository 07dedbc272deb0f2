using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>What the proposer's task loss aims at: the inner network's own answers on undeformed images, mixed with what is true of them
/// where that is known.</summary>
internal sealed class Teacher : IDisposable
{
    private const int Batch = 16;
    private readonly TrainingImages _images;
    private readonly double _truth;
    private readonly IGraph _graph;
    private readonly torch.Tensor? _answers;
    private readonly Lock _lock = new();

    /// <param name="engine">What runs the network.</param>
    /// <param name="task">The network.</param>
    /// <param name="images">Undeformed images.</param>
    /// <param name="cacheBytes">Answers up to this size are computed once, larger ones whenever they are needed.</param>
    /// <param name="truth">Share of what is known to be true.</param>
    /// <exception cref="TrainingException">The network has another interface, or what is given as the truth does not fit its
    /// answers.</exception>
    public Teacher(OnnxRuntimeEngine engine, InnerTask task, TrainingImages images, long cacheBytes, double truth)
    {
        var graph = task.Model.Graph;
        var inputs = graph.RequiredInputs.ToList();
        if (inputs.Count != 1)
            throw new TrainingException(
                $"Inner network '{graph.Name}' needs {inputs.Count} inputs ({string.Join(", ", inputs)}); expected one, the image.");
        Output = task.Output ?? graph.Outputs[0].Name;
        if (!graph.Outputs.Exists(o => o.Name == Output))
            throw new TrainingException(
                $"Inner network '{graph.Name}' has no output '{Output}'. It has: {string.Join(", ", graph.Outputs.Select(o => o.Name))}.");
        (_images, _truth, Input, Answer, Seen) = (images, truth, inputs[0].Name, task.Answer, task.Seen ?? images.Grid);
        _graph = engine.Load(task.Model, graph.Name);
        using var scope = torch.NewDisposeScope();
        var first = Run([.. Enumerable.Range(0, Math.Min(Batch, images.Count))]);
        if (Expected(task.Answer, first) is { } expected)
            throw new TrainingException(
                $"Output '{Output}' of inner network '{graph.Name}' has shape ({string.Join(", ", first.shape)}) for "
                + $"{Math.Min(Batch, images.Count)} images; expected {expected}.");
        Shape = [.. first.shape.Skip(1)];
        if (task.Answer == InnerAnswer.Scores)
            Answer = Meaning(first);
        GivenAnswers.Check(images, task.Answer, Answer, Shape);
        if (images.Count * first.NumberOfElements / first.size(0) * sizeof(float) > cacheBytes)
        {
            Deviations = Spread(Target(first));
            return;
        }

        _answers = torch.cat([.. Enumerable.Range(0, images.Count).Chunk(Batch).Select(Compute)]).DetachFromDisposeScope();
        Deviations = Spread(_answers.size(1) > Shape[0] ? _answers.narrow(1, 0, Shape[0]) : _answers);
    }

    /// <summary>The output that is read.</summary>
    public string Output { get; }

    /// <summary>The network's input.</summary>
    public string Input { get; }

    /// <summary>What the output means, after a look at it.</summary>
    public InnerAnswer Answer { get; }

    /// <summary>The image that the network sees.</summary>
    public SamplingGrid Seen { get; }

    /// <summary>(K), (K, h, w), (P, 2) or (B, 5).</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>Of each of the K.</summary>
    public IReadOnlyList<float> Deviations { get; }

    /// <summary>Answers on some images: probabilities, values, places, and perhaps the share of each place that counts, see
    /// <see cref="GivenAnswers.Mixed"/>; in the current dispose scope.</summary>
    public torch.Tensor Answers(int[] chosen) => _answers is null
        ? Compute(chosen)
        : _answers.index_select(0, torch.tensor(chosen.Select(i => (long)i).ToArray()));

    /// <inheritdoc/>
    public void Dispose()
    {
        _graph.Dispose();
        _answers?.Dispose();
    }

    private static string? Expected(InnerAnswer answer, torch.Tensor found) => answer switch
    {
        InnerAnswer.Points => found.dim() == 3 && found.size(2) == 2 ? null : "points (N, P, 2)",
        InnerAnswer.Boxes => found.dim() == 3 && found.size(2) == 5 ? null : "boxes with their weight (N, B, 5)",
        _ => found.dim() == 2 || (found.dim() == 4 && found.size(2) > 1 && found.size(3) > 1) ? null : "(N, K) or (N, K, h, w)",
    };

    private static InnerAnswer Meaning(torch.Tensor scores)
    {
        const float slack = 1e-3f;
        var isShare = scores.min().item<float>() >= -slack && scores.max().item<float>() <= 1 + slack;
        if (scores.size(1) == 1)
            return isShare ? InnerAnswer.BinaryProbabilities : InnerAnswer.Values;
        if (!isShare)
            return InnerAnswer.Logits;
        var sums = scores.sum(1);
        var areAll = sums.min().item<float>() >= 1 - (10 * slack) && sums.max().item<float>() <= 1 + (10 * slack);
        return areAll ? InnerAnswer.Probabilities : InnerAnswer.BinaryProbabilities;
    }

    private static float[] Spread(torch.Tensor answers)
    {
        var deviations = answers.transpose(0, 1).flatten(1).std(1, unbiased: false).contiguous();
        return deviations.data<float>().ToArray();
    }

    private torch.Tensor Compute(int[] chosen)
    {
        using var scope = torch.NewDisposeScope();
        return GivenAnswers.Mixed(_images, chosen, Target(Run(chosen)), Answer, _truth, Seen).MoveToOuterDisposeScope();
    }

    /// <summary>Activated.</summary>
    private torch.Tensor Target(torch.Tensor answer) => Answer switch
    {
        InnerAnswer.Logits => answer.softmax(1),
        InnerAnswer.BinaryLogits => answer.sigmoid(),
        _ => answer,
    };

    private torch.Tensor Run(int[] chosen)
    {
        using var scope = torch.NewDisposeScope();
        IReadOnlyDictionary<string, torch.Tensor> results;
        lock (_lock)
            results = _graph.Run(new Dictionary<string, torch.Tensor> { [Input] = _images.Batch(chosen) });
        var answer = results[Output].clone();
        foreach (var result in results.Values)
            result.Dispose();
        return answer.MoveToOuterDisposeScope();
    }
}
