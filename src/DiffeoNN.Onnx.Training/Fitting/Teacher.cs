using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>The inner network's own answers on undeformed images: what the proposer's task loss aims at.</summary>
internal sealed class Teacher : IDisposable
{
    private const int Batch = 16;
    private readonly InnerTask _task;
    private readonly TrainingImages _images;
    private readonly string _input;
    private readonly IGraph _graph;
    private readonly torch.Tensor? _answers;
    private readonly Lock _lock = new();

    /// <param name="engine">What runs the network.</param>
    /// <param name="task">The network.</param>
    /// <param name="images">Undeformed images.</param>
    /// <param name="cacheBytes">Answers up to this size are computed once, larger ones whenever they are needed.</param>
    /// <exception cref="TrainingException">The network has another interface.</exception>
    public Teacher(OnnxRuntimeEngine engine, InnerTask task, TrainingImages images, long cacheBytes)
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
        (_task, _images, _input) = (task, images, inputs[0].Name);
        _graph = engine.Load(task.Model, graph.Name);
        using var scope = torch.NewDisposeScope();
        var first = Compute([.. Enumerable.Range(0, Math.Min(2, images.Count))]);
        Shape = [.. first.shape.Skip(1)];
        if (first.dim() is not (2 or 4) || first.size(0) != Math.Min(2, images.Count))
            throw new TrainingException(
                $"Output '{Output}' of inner network '{graph.Name}' has shape ({string.Join(", ", first.shape)}) for "
                + $"{Math.Min(2, images.Count)} images; expected (N, K) or (N, K, h, w).");
        if (images.Count * first.NumberOfElements / first.size(0) * sizeof(float) > cacheBytes)
        {
            Deviation = (double)Compute([.. Enumerable.Range(0, Math.Min(Batch, images.Count))]).std().item<float>();
            return;
        }

        var parts = Enumerable.Range(0, images.Count).Chunk(Batch).Select(Compute).ToArray();
        _answers = torch.cat(parts).DetachFromDisposeScope();
        Deviation = (double)_answers.std().item<float>();
    }

    /// <summary>The output that is read.</summary>
    public string Output { get; }

    /// <summary>The network's input.</summary>
    public string Input => _input;

    /// <summary>(K) or (K, h, w).</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>Of the answers.</summary>
    public double Deviation { get; }

    /// <summary>Answers on some images: probabilities, or values; in the current dispose scope.</summary>
    public torch.Tensor Answers(int[] chosen) => _answers is null
        ? Compute(chosen)
        : _answers.index_select(0, torch.tensor(chosen.Select(i => (long)i).ToArray()));

    /// <inheritdoc/>
    public void Dispose()
    {
        _graph.Dispose();
        _answers?.Dispose();
    }

    private torch.Tensor Compute(int[] chosen)
    {
        using var scope = torch.NewDisposeScope();
        IReadOnlyDictionary<string, torch.Tensor> results;
        lock (_lock)
            results = _graph.Run(new Dictionary<string, torch.Tensor> { [_input] = _images.Batch(chosen) });
        var answer = results[Output];
        var target = _task.Answer switch
        {
            InnerAnswer.Logits => answer.softmax(1),
            InnerAnswer.BinaryLogits => answer.sigmoid(),
            _ => answer.clone(),
        };
        foreach (var result in results.Values)
            result.Dispose();
        return target.MoveToOuterDisposeScope();
    }
}
