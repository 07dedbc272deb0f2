using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Validation.Blame;

/// <summary>Some nodes of a graph as a model of their own, with the values that they ran on.</summary>
/// <param name="Model">The nodes, their weights, and as inputs what they read from elsewhere.</param>
/// <param name="Inputs">A tensor for each input.</param>
/// <param name="Nodes">The nodes in the graph they were cut from.</param>
internal sealed record Subgraph(OnnxModel Model, IReadOnlyDictionary<string, OnnxTensor> Inputs, IReadOnlyList<OnnxNode> Nodes)
{
    /// <summary>Cuts nodes out.</summary>
    /// <param name="model">The whole model, functions inlined.</param>
    /// <param name="nodes">In the order of the graph.</param>
    /// <param name="outputs">Values of theirs to become outputs.</param>
    /// <param name="values">Every value that they read from other nodes or from the model's inputs.</param>
    /// <returns>Null where a value they read is not among <paramref name="values"/>, such as a sequence.</returns>
    public static Subgraph? Cut(
        OnnxModel model, IReadOnlyList<OnnxNode> nodes, IReadOnlyList<string> outputs, IReadOnlyDictionary<string, OnnxTensor> values)
    {
        var made = nodes.SelectMany(node => node.Outputs).ToHashSet(StringComparer.Ordinal);
        var read = nodes.SelectMany(GraphWalk.Reads).Where(name => !made.Contains(name)).Distinct().ToList();
        var result = new OnnxModel { IrVersion = model.IrVersion, ProducerName = "DiffeoNN.Onnx" };
        foreach (var (domain, version) in model.OpsetImports) result.OpsetImports[domain] = version;
        var (graph, whole) = (result.Graph, model.Graph);
        graph.Name = whole.Name;
        graph.Nodes.AddRange(nodes);
        var inputs = new Dictionary<string, OnnxTensor>(StringComparer.Ordinal);
        var walk = new GraphWalk(whole);
        // Shapes, axes and constants stay fixed as far as something else varies:
        // a compiler must know them, and an engine folds them either way.
        var computes = read.Exists(name => values.TryGetValue(name, out var tensor) && tensor.ElementType.IsFloat() && !IsConstant(name));
        foreach (var name in read)
        {
            if (whole.Initializers.TryGetValue(name, out var weight) && !whole.Inputs.Exists(input => input.Name == name))
            {
                graph.AddInitializer(weight);
                continue;
            }

            if (!values.TryGetValue(name, out var tensor) && !whole.Initializers.TryGetValue(name, out tensor)) return null;
            tensor = tensor.WithName(name);
            if (IsConstant(name) || (computes && !tensor.ElementType.IsFloat()))
            {
                graph.AddInitializer(tensor);
                continue;
            }

            graph.Inputs.Add(new OnnxValueInfo(name, tensor.ElementType, [.. tensor.Dimensions.Select(OnnxDimension.Of)]));
            inputs[name] = tensor;
        }

        foreach (var name in outputs)
        {
            graph.Outputs.Add(new OnnxValueInfo(
                name, values.TryGetValue(name, out var tensor)
                    ? tensor.ElementType
                    : whole.Outputs.Find(output => output.Name == name)?.ElementType ?? OnnxElementType.Float,
                tensor is null ? null : [.. tensor.Dimensions.Select(OnnxDimension.Of)]));
        }

        return new Subgraph(result, inputs, nodes);

        bool IsConstant(string name) => walk.Maker(name)?.OpType == "Constant";
    }

    /// <summary>The names of its outputs.</summary>
    public IReadOnlyList<string> Outputs => [.. Model.Graph.Outputs.Select(output => output.Name)];
}
