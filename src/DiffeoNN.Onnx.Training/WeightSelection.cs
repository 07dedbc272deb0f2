using System.Text.RegularExpressions;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Training;

/// <summary>Which weights of a network are trained. The others stay the constants that they are, which is also faster.</summary>
public sealed class WeightSelection
{
    private readonly Func<OnnxModel, IReadOnlyList<string>, IReadOnlyList<string>> _choose;

    private WeightSelection(Func<OnnxModel, IReadOnlyList<string>, IReadOnlyList<string>> choose) => _choose = choose;

    /// <summary>All float32 initialisers of rank 1 and more, but the statistics of batch normalisation and what no node computes with
    /// differentiably (sizes, scales).</summary>
    public static WeightSelection All { get; } = new((_, names) => names);

    /// <summary>Those whose names match one of some patterns.</summary>
    /// <param name="patterns">Whole names, in which <c>*</c> stands for any text.</param>
    public static WeightSelection Matching(params string[] patterns)
    {
        ArgumentNullException.ThrowIfNull(patterns);
        return new WeightSelection((model, names) => [.. names.Where(Matched(model, names, patterns).Contains)]);
    }

    /// <summary>These but those whose names match one of some patterns: constants that an exporter wrote among the weights.</summary>
    /// <param name="patterns">Whole names, in which <c>*</c> stands for any text.</param>
    public WeightSelection Except(params string[] patterns)
    {
        ArgumentNullException.ThrowIfNull(patterns);
        return new WeightSelection((model, names) =>
        {
            var left = Matched(model, names, patterns);
            return [.. _choose(model, names).Where(name => !left.Contains(name))];
        });
    }

    /// <summary>Those of the last layers. A layer is a node that reads a weight of rank 2 or more (a convolution, a matrix product), with
    /// its bias and the normalisations behind it.</summary>
    /// <param name="count">How many layers, at least 1; all of them where there are fewer.</param>
    public static WeightSelection LastLayers(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        return new WeightSelection((model, names) =>
        {
            var weights = names.ToHashSet(StringComparer.Ordinal);
            var nodes = model.Graph.Nodes;
            var starts = Enumerable.Range(0, nodes.Count)
                .Where(i => nodes[i].Inputs.Exists(n => weights.Contains(n) && model.Graph.Initializers[n].Dimensions.Count > 1)).ToList();
            var first = starts.Count > count ? starts[^count] : 0;
            var late = nodes.Skip(first).SelectMany(n => n.Inputs).Where(weights.Contains).ToHashSet(StringComparer.Ordinal);
            return [.. names.Where(late.Contains)];
        });
    }

    /// <summary>The names that are chosen, in the order of the network's initialisers.</summary>
    internal IReadOnlyList<string> Choose(OnnxModel model)
    {
        var candidates = Candidates(model.Graph);
        if (candidates.Count == 0)
            throw new TrainingException(
                $"Network '{model.Graph.Name}' has no float32 initialiser of rank 1 or more, so there is nothing to train.");
        var chosen = _choose(model, candidates);
        return chosen.Count > 0 ? chosen : throw new TrainingException(
            $"No weight of '{model.Graph.Name}' is left to train. Weights: {string.Join(", ", candidates)}.");
    }

    private static HashSet<string> Matched(OnnxModel model, IReadOnlyList<string> names, string[] patterns)
    {
        var matched = new HashSet<string>(StringComparer.Ordinal);
        foreach (var pattern in patterns)
        {
            var regex = new Regex($"^{Regex.Escape(pattern).Replace("\\*", ".*", StringComparison.Ordinal)}$",
                RegexOptions.Singleline | RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
            var found = names.Where(name => regex.IsMatch(name)).ToList();
            if (found.Count == 0)
                throw new TrainingException(
                    $"No weight of '{model.Graph.Name}' matches '{pattern}'. Weights: {string.Join(", ", names)}.");
            matched.UnionWith(found);
        }

        return matched;
    }

    private static List<string> Candidates(OnnxGraph graph)
    {
        var read = graph.Nodes.Where(n => n.OpType is not ("Resize" or "Upsample")).SelectMany(n => n.Inputs)
            .ToHashSet(StringComparer.Ordinal);
        var statistics = graph.Nodes.Where(n => n.OpType == "BatchNormalization").SelectMany(n => n.Inputs.Skip(3))
            .ToHashSet(StringComparer.Ordinal);
        return [.. graph.Initializers.Values
            .Where(t => t.ElementType == OnnxElementType.Float && t.Dimensions.Count > 0 && t.Count > 0 && read.Contains(t.Name)
                && !statistics.Contains(t.Name))
            .Select(t => t.Name)];
    }
}
