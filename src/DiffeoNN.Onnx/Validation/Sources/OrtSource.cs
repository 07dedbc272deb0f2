using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Validation.Sources;

/// <summary>Values from ONNX Runtime at one level of optimisation.</summary>
internal sealed class OrtSource(string name, GraphOptimizationLevel optimisation, DeviceSelection device, CoreBudget budget) : IValueSource
{
    public string Name => name;

    public IReadOnlyDictionary<string, OnnxTensor> Run(
        OnnxModel model, string title, IReadOnlyDictionary<string, OnnxTensor> inputs, IReadOnlyList<string> values,
        CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        // What the graph has as inputs or weights is known without the runtime, which does not give them as outputs.
        var given = values.Where(value => inputs.ContainsKey(value) || model.Graph.Initializers.ContainsKey(value))
            .ToHashSet(StringComparer.Ordinal);
        List<string> computed = [.. values.Where(value => !given.Contains(value)).Distinct()];
        var results = new Dictionary<string, OnnxTensor>(StringComparer.Ordinal);
        if (computed.Count > 0)
        {
            using var graph = new TensorGraph(WithOutputs(model, computed), title, optimisation, budget.Cores, device);
            foreach (var (input, tensor) in inputs) graph.Set(input, tensor);
            results = graph.Run(computed);
        }

        foreach (var value in given) results[value] = inputs.GetValueOrDefault(value) ?? model.Graph.Initializers[value];
        return results;
    }

    /// <summary>A copy whose outputs are these values alone; the runtime infers the types of those that were none.</summary>
    private static OnnxModel WithOutputs(OnnxModel model, List<string> values)
    {
        var copy = model.Copy();
        var declared = copy.Graph.Outputs.Concat(copy.Graph.ValueInfos).ToLookup(value => value.Name, StringComparer.Ordinal);
        var outputs = values.Select(value => copy.Graph.Outputs.Find(output => output.Name == value)
            ?? new OnnxValueInfo(value, declared[value].FirstOrDefault()?.ElementType ?? OnnxElementType.Undefined, null)).ToList();
        copy.Graph.Outputs.Clear();
        copy.Graph.Outputs.AddRange(outputs);
        return copy;
    }
}
