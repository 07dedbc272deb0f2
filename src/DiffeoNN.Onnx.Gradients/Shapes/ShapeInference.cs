namespace DiffeoNN.Onnx.Gradients;

/// <summary>Element types and shapes of values, with symbols for sizes that stay free.</summary>
internal static partial class ShapeInference
{
    /// <summary>What is known about every value of a model's graph, declared shapes of intermediate values included.</summary>
    /// <param name="model">The model.</param>
    /// <param name="operators">The operators there are; null for the default set.</param>
    public static IReadOnlyDictionary<string, ValueFacts> Infer(OnnxModel model, OperatorSet? operators = null)
    {
        var facts = new Dictionary<string, ValueFacts>(StringComparer.Ordinal);
        foreach (var input in model.Graph.Inputs)
            facts[input.Name] = ValueFacts.Of(input);
        foreach (var (name, tensor) in model.Graph.Initializers)
            facts.TryAdd(name, ValueFacts.Of(tensor));
        var declared = Declared(model.Graph);
        foreach (var node in model.Graph.Nodes)
        {
            foreach (var (name, value) in Infer(
                node, name => facts.GetValueOrDefault(name, ValueFacts.None), declared, model.Opset < 7, operators))
                facts[name] = value;
        }

        return facts;
    }

    /// <summary>Whether the outputs of a node are inferred rather than declared.</summary>
    public static bool Knows(OnnxNode node, OperatorSet operators) => operators.Find(node.Domain, node.OpType)?.Shapes is not null;

    /// <summary>Declarations of intermediate values and outputs by name.</summary>
    public static Dictionary<string, OnnxValueInfo> Declared(OnnxGraph graph)
    {
        var declared = new Dictionary<string, OnnxValueInfo>(StringComparer.Ordinal);
        foreach (var value in graph.ValueInfos.Concat(graph.Outputs))
            declared[value.Name] = value;
        return declared;
    }

    /// <summary>What is known about the outputs of one node.</summary>
    public static IEnumerable<(string Name, ValueFacts Facts)> Infer(
        OnnxNode node, Func<string, ValueFacts> lookup, IReadOnlyDictionary<string, OnnxValueInfo>? declared = null, bool isOld = false,
        OperatorSet? operators = null)
    {
        var context = new InferenceContext(node, lookup) { IsOld = isOld, Operators = operators ?? OperatorSet.Default };
        var row = context.Operators.Find(node.Domain, node.OpType);
        var inferred = row?.Shapes is { } shapes ? Inferred(context, row, shapes) : [];
        for (var i = 0; i < node.Outputs.Count; i++)
        {
            if (node.Outputs[i].Length == 0)
                continue;
            var facts = i < inferred.Length ? inferred[i] : ValueFacts.None;
            if (declared is not null && declared.TryGetValue(node.Outputs[i], out var value))
                facts = Merge(facts, ValueFacts.Of(value));
            if (i == 0 && row?.Folding is { } folding && facts.Constant is null
                && ConstantEvaluator.Evaluate(context, facts, folding) is { } items)
                facts = facts with { Items = items, Constant = Item.ToTensor(items, facts.ElementType, facts.Sizes!) };
            yield return (node.Outputs[i], facts);
        }
    }

    private static ValueFacts[] Inferred(
        InferenceContext context, OperatorDefinition row, Func<InferenceContext, IEnumerable<ValueFacts>> shapes)
    {
        try
        {
            ShapeChecks.Check(context, row);
            ValueFacts[] inferred = [.. shapes(context)];
            foreach (var facts in inferred)
            {
                if (facts.Shape is { } shape && Array.Exists(shape, d => d.Size < 0))
                    throw new OnnxModelException($"{context.Node} makes a value of shape [{string.Join(',', shape.Select(d => $"{d}"))}] "
                        + $"from {ShapeChecks.Describe(context)}.");
            }

            return inferred;
        }
        catch (OverflowException e)
        {
            throw new OnnxModelException($"{context.Node} makes sizes that no memory can hold from {ShapeChecks.Describe(context)}.", e);
        }
        catch (Exception e) when (GradientDefectException.IsDefect(e))
        {
            throw new GradientDefectException($"the shape of {context.Node} with {ShapeChecks.Describe(context)}", e);
        }
    }

    /// <summary>The shape two shapes broadcast to; null where one is not known.</summary>
    public static Dim[]? Broadcast(Dim[]? a, Dim[]? b)
    {
        if (a is null || b is null)
            return null;
        if (a.Length < b.Length)
            (a, b) = (b, a);
        var result = (Dim[])a.Clone();
        for (var i = 0; i < b.Length; i++)
        {
            var (x, y) = (a[a.Length - b.Length + i], b[i]);
            result[a.Length - b.Length + i] = x.Equals(y) || y.Size == 1 ? x : x.Size == 1 ? y : x.IsConstant ? x : y.IsConstant ? y
                : Dim.Symbol(string.CompareOrdinal(x.ToString(), y.ToString()) < 0 ? $"max({x},{y})" : $"max({y},{x})");
        }

        return result;
    }

    /// <summary>What the model declares helps where inference knows nothing; sizes that inference found win.</summary>
    private static ValueFacts Merge(ValueFacts inferred, ValueFacts declared)
    {
        var type = inferred.ElementType == OnnxElementType.Undefined ? declared.ElementType : inferred.ElementType;
        return inferred.Shape is not null
            ? inferred with { ElementType = type }
            : inferred with { ElementType = type, Shape = declared.Shape };
    }

    private static ValueFacts[] One(OnnxElementType type, Dim[]? shape) => [new ValueFacts(type, shape)];
}
