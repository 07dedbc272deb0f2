using TorchSharp;

namespace DiffeoNN.Onnx.Execution;

/// <summary>A graph that is bound to one size of the batch, for batches of any size: runs it as often as needed and joins the
/// outputs.</summary>
/// <remarks>Bound to one image, an image's result does not depend on the others. The last run is filled up with copies of the last
/// image.</remarks>
internal sealed class FixedBatchGraph : IGraph
{
    private readonly IGraph _graph;
    private readonly string _input;
    private readonly int _batch;

    /// <param name="graph">Owned.</param>
    /// <param name="input">Its input that is a batch; the others are given to every run as they are.</param>
    /// <param name="batch">The size that graph takes.</param>
    public FixedBatchGraph(IGraph graph, string input, int batch)
    {
        (_graph, _input, _batch) = (graph, input, batch);
        Inputs = [.. graph.Inputs.Select(declared => declared.Name == input ? Free(declared) : declared)];
        Outputs = [.. graph.Outputs.Select(Free)];
    }

    /// <inheritdoc/>
    public string Name => _graph.Name;

    /// <inheritdoc/>
    public IReadOnlyList<GraphTensor> Inputs { get; }

    /// <inheritdoc/>
    public IReadOnlyList<GraphTensor> Outputs { get; }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, torch.Tensor> Run(
        IReadOnlyDictionary<string, torch.Tensor> inputs,
        IReadOnlyCollection<string>? outputNames = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        // What does not fit is told by the graph.
        if (!inputs.TryGetValue(_input, out var given) || given.dim() == 0 || given.size(0) == _batch)
            return _graph.Run(inputs, outputNames, cancellationToken);
        using var scope = torch.NewDisposeScope();
        var (rows, parts) = (given.size(0), new Dictionary<string, List<torch.Tensor>>(StringComparer.Ordinal));
        for (long first = 0; first < rows; first += _batch)
        {
            var count = Math.Min(_batch, rows - first);
            var chunk = given.narrow(0, first, count);
            if (count < _batch) chunk = torch.cat([chunk, .. Enumerable.Repeat(chunk.narrow(0, count - 1, 1), (int)(_batch - count))], 0);
            var run = new Dictionary<string, torch.Tensor>(inputs) { [_input] = chunk.contiguous() };
            foreach (var (name, tensor) in _graph.Run(run, outputNames, cancellationToken))
            {
                if (tensor.dim() == 0 || tensor.size(0) != _batch)
                {
                    throw new GraphException(
                        $"Output '{name}' of model '{Name}' has shape [{string.Join(",", tensor.shape)}] for a batch of {_batch}; "
                        + $"expected {_batch} in dimension 0.");
                }

                if (!parts.TryGetValue(name, out var list)) parts[name] = list = [];
                if (list.Count > 0 && !list[0].shape.Skip(1).SequenceEqual(tensor.shape.Skip(1)))
                {
                    throw new GraphException(
                        $"Output '{name}' of model '{Name}' has shape [{string.Join(",", list[0].shape)}] for some images and "
                        + $"[{string.Join(",", tensor.shape)}] for others, so they cannot be in one batch; run them one by one.");
                }

                list.Add(tensor.narrow(0, 0, count));
            }
        }

        return parts.ToDictionary(pair => pair.Key, pair => torch.cat(pair.Value, 0).MoveToOuterDisposeScope(), StringComparer.Ordinal);
    }

    /// <inheritdoc/>
    public void Dispose() => _graph.Dispose();

    private static GraphTensor Free(GraphTensor tensor) => tensor.Dimensions.Count == 0 ? tensor : tensor with
    {
        Dimensions = [null, .. tensor.Dimensions.Skip(1)], Symbols = ["N", .. tensor.Symbols.Skip(1)],
    };
}
