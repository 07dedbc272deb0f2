namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Operators that rearrange, join or repeat whole tensors.</summary>
internal static class Shaping
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("Reshape", new(7, Reshaped) { NonDifferentiableInputs = [1] })
        {
            Takes = new(1, 2), InputNames = ["data", "shape"], Ranks = ["*", "1"],
            Attributes = [new("shape") { IsRequired = true, Until = 4 }], Shapes = ShapeInference.Reshape,
            Folding = (n, _) => n.Items(0),
            Upgrades = [new(5, (n, s) => OpsetConverter.AttributeToInput(n, s, "shape", 1))],
        },
        new("Flatten", new(7, Reshaped)) { Takes = new(1, 1), Shapes = ShapeInference.Flatten, Folding = (n, _) => n.Items(0) },
        new("Squeeze", new(7, Reshaped) { NonDifferentiableInputs = [1] })
        {
            Takes = new(1, 2), InputNames = ["data", "axes"], Shapes = ShapeInference.Squeeze,
            Folding = (n, _) => n.Items(0),
            Upgrades = [new(13, (n, s) => OpsetConverter.AttributeToInput(n, s, "axes", 1))],
        },
        new("Unsqueeze", new(7, Reshaped) { NonDifferentiableInputs = [1] })
        {
            Takes = new(1, 2), InputNames = ["data", "axes"],
            Attributes = [new("axes") { IsRequired = true, Until = 12 }], Shapes = ShapeInference.Unsqueeze,
            Folding = (n, _) => n.Items(0),
            Upgrades = [new(13, (n, s) => OpsetConverter.AttributeToInput(n, s, "axes", 1))],
        },
        new("Transpose", new(7, Transpose))
        {
            Takes = new(1, 1), Check = ShapeChecks.Permutation, Shapes = ShapeInference.Transpose,
            Folding = ConstantEvaluator.Transpose,
        },
        new("Concat", new(7, Concat))
        {
            Takes = new(1, InputCount.Any), HasOneType = true, Check = ShapeChecks.Concat,
            Attributes = [new("axis") { IsRequired = true, Since = 4 }], Shapes = ShapeInference.Concat,
            Folding = ConstantEvaluator.Concat,
            Upgrades = [new(4, (n, _) => [n.Attributes.ContainsKey("axis") ? n : n.Copy().With(OnnxAttribute.Of("axis", 1))])],
        },
        new("Split", new(7, Split) { NonDifferentiableInputs = [1] })
        {
            Takes = new(1, 2), InputNames = ["input", "split"], Ranks = ["1+"], Shapes = ShapeInference.Split,
            Upgrades = [new(2, OpsetConverter.SplitInput),
                new(13, (n, s) => OpsetConverter.AttributeToInput(n, s, "split", 1)), new(18, OpsetConverter.SplitCount)],
        },
        new("Expand", new(8, n => [() => n.dY]) { NonDifferentiableInputs = [1], Broadcasts = true })
        {
            Takes = new(2, 2), InputNames = ["input", "shape"], Ranks = ["*", "1"], Shapes = ShapeInference.Expand,
            Folding = (n, sizes) => ConstantEvaluator.Broadcast(n, 0, sizes),
        },
        new("Tile", new(7, Tile) { NonDifferentiableInputs = [1] })
        {
            Takes = new(2, 3), InputNames = ["input", "repeats"], Ranks = ["*", "1-"], Shapes = ShapeInference.Tile,
            Upgrades = [new(6, OpsetConverter.TileOneAxis)],
        },
    ];

    private static Func<Value>[] Reshaped(RuleContext n) => [() => n.dY.ReshapeLike(n.X)];

    private static Func<Value>[] Transpose(RuleContext n)
    {
        var order = n.Node.GetInts("perm")?.Select(p => (int)p).ToArray() ?? [.. Enumerable.Range(0, n.X.Rank).Reverse()];
        var inverse = new int[order.Length];
        for (var d = 0; d < order.Length; d++)
            inverse[order[d]] = d;
        return [() => n.dY.Transpose(inverse)];
    }

    /// <summary>Every operand gets its part of dY.</summary>
    private static IReadOnlyList<Func<Value>> Concat(RuleContext n)
    {
        var axis = n.Axis(
            n.Node.GetInt("axis", 1), Enumerable.Range(0, n.Count).Select(i => n.Input(i).KnownRank).FirstOrDefault(r => r is not null)
                ?? throw n.Refuse("the rank of none of its inputs is known."));
        Value[] Parts()
        {
            var sizes = Enumerable.Range(0, n.Count).Select(i => n.Input(i).Size(axis)).ToArray();
            var vector = n.Builder.Node("Concat", sizes, OnnxAttribute.Of("axis", 0))[0];
            return n.Builder.Node("Split", [n.dY, vector], n.Count, OnnxAttribute.Of("axis", axis));
        }

        Value Part(int index)
        {
            if (axis == 1 && AdjointConvolution.Parts(n, index) is { } part)
                return part;
            var before = Dim.Of(0);
            for (var i = 0; i < index; i++)
                before += n.Input(i).Shape?[axis] ?? Dim.Symbol("?");
            return n.Wanted.Count == 1 && before.Size is { } start && n.Input(index).Shape?[axis].Size is { } size
                ? n.dY.Slice(axis, start, start + size) : Parts()[index];
        }

        return [.. Enumerable.Range(0, n.Count).Select(i => (Func<Value>)(() => n.Count == 1 ? n.dY : Part(i)))];
    }

    /// <summary>The gradients of the parts are joined; parts that nothing depends on, or that the model does not name,
    /// count as zeros.</summary>
    private static Func<Value>[] Split(RuleContext n)
    {
        Value Part(int output) => n.HasGradient(output) ? n.Gradient(output) : n.Zeros(n.Output(output));
        return [() => n.Builder.Node("Concat", Enumerable.Range(0, n.Node.Outputs.Count).Select(Part).ToArray(),
            OnnxAttribute.Of("axis", n.Node.GetInt("axis", 0)))[0]];
    }

    /// <summary>Each axis of dY is (repeat, position); the repeats are summed.</summary>
    private static Func<Value>[] Tile(RuleContext n)
    {
        return
        [
            () =>
            {
                var pairs =
                    n.Builder.Node("Concat", [n.Input(1).Unsqueeze(1), n.X.ShapeVector.Unsqueeze(1)], OnnxAttribute.Of("axis", 1))[0];
                return n.dY.ReshapeTo(pairs.Reshape(-1)).Sum([.. Enumerable.Range(0, n.X.Rank).Select(d => 2L * d)], keep: false)
                    .ReshapeLike(n.X);
            },
        ];
    }
}
