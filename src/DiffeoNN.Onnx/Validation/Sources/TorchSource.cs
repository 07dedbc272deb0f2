using System.Runtime.InteropServices;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using TorchSharp;

namespace DiffeoNN.Onnx.Validation.Sources;

/// <summary>Values from libtorch, and derivatives from its own differentiation.</summary>
internal sealed class TorchSource(IDifferentiatingEngine engine) : IValueSource, IGradientSource
{
    public string Name => ValidationSources.Torch;

    public IReadOnlyDictionary<string, OnnxTensor> Run(
        OnnxModel model, string title, IReadOnlyDictionary<string, OnnxTensor> inputs, IReadOnlyList<string> values,
        CancellationToken cancellationToken = default)
    {
        using var quiet = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        using var graph = engine.LoadDifferentiable(model, title);
        var found = graph.RunValues(Tensors(graph, inputs), [.. values.Distinct()], null, cancellationToken);
        return found.ToDictionary(pair => pair.Key, pair => TorchTensors.FromTorch(pair.Key, pair.Value), StringComparer.Ordinal);
    }

    /// <remarks>Values in between may be differentiated by, too.</remarks>
    public IReadOnlyDictionary<string, OnnxTensor> Run(
        OnnxModel model, string title, IReadOnlyDictionary<string, OnnxTensor> inputs, IReadOnlyDictionary<string, OnnxTensor> upstream,
        IReadOnlyList<string> inputNames, CancellationToken cancellationToken = default)
    {
        using var loud = torch.enable_grad();
        using var scope = torch.NewDisposeScope();
        using var graph = engine.LoadDifferentiable(model, title);
        var made = Tensors(graph, inputs);
        foreach (var tensor in made.Values.Where(tensor => tensor.is_floating_point())) tensor.requires_grad_(true);
        // What RunValues returns are aliases, which nothing else is computed from: derivatives need the values themselves.
        var wanted = inputNames.Where(name => !made.ContainsKey(name)).Concat(upstream.Keys.Where(name => !made.ContainsKey(name)))
            .Distinct().ToList();
        var kept = wanted.ToHashSet(StringComparer.Ordinal);
        var constants = graph.RunValues(made, wanted, (name, value) =>
        {
            if (kept.Contains(name)) made[name] = value.DetachFromDisposeScope();
        }, cancellationToken);
        try
        {
            // What no node makes is a constant of the graph, which has no derivative.
            foreach (var name in wanted.Where(name => !made.ContainsKey(name)))
                made[name] = constants[name].alias().DetachFromDisposeScope();
            return Derivatives(made, upstream, [.. inputNames.Where(name => made[name].requires_grad)]);
        }
        catch (Exception error) when (error is GraphException or ExternalException)
        {
            throw new GraphException($"Model '{title}' cannot be differentiated by libtorch: {error.Message.Split('\n')[0]}", error);
        }
        finally
        {
            foreach (var name in wanted)
                if (made.TryGetValue(name, out var value)) value.Dispose();
        }
    }

    private static Dictionary<string, OnnxTensor> Derivatives(
        Dictionary<string, torch.Tensor> made, IReadOnlyDictionary<string, OnnxTensor> upstream, List<string> names)
    {
        var outputs = upstream.Keys.Where(name => made[name].requires_grad).ToList();
        var results = new Dictionary<string, OnnxTensor>(StringComparer.Ordinal);
        if (outputs.Count == 0 || names.Count == 0) return results;
        foreach (var name in outputs.Where(name => !made[name].shape.SequenceEqual(upstream[name].Dimensions)))
        {
            var (here, given) = (string.Join(",", made[name].shape), string.Join(",", upstream[name].Dimensions));
            throw new GraphException($"its output '{name}' is [{here}] there, the upstream gradient [{given}].");
        }

        var gradients = TensorDerivatives.Of(
            [.. outputs.Select(name => made[name])], [.. names.Select(name => made[name])],
            [.. outputs.Select(name => TorchTensors.ToTorch(upstream[name]).to(made[name].dtype).to(made[name].device))]);
        foreach (var (name, gradient) in names.Zip(gradients))
        {
            if (gradient is { IsInvalid: false }) results[name] = TorchTensors.FromTorch(name, gradient);
        }

        return results;
    }

    private static Dictionary<string, torch.Tensor> Tensors(IGraph graph, IReadOnlyDictionary<string, OnnxTensor> inputs) =>
        graph.Inputs.Where(input => inputs.ContainsKey(input.Name)).ToDictionary(
            input => input.Name, input => TorchTensors.ToTorch(inputs[input.Name]), StringComparer.Ordinal);
}
