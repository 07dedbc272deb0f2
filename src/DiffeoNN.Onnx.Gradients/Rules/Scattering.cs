namespace DiffeoNN.Onnx.Gradients.Rules;

/// <summary>Operators that write elements to computed places of a tensor, and those that read them from there.</summary>
internal static class Scattering
{
    public static IReadOnlyList<GradientRule> All { get; } =
    [
        new("ScatterElements", SinceVersion: 11, Scatter) { NonDifferentiableInputs = [1] },
        new("ScatterND", SinceVersion: 11, Scatter) { NonDifferentiableInputs = [1] },
        new("TensorScatter", SinceVersion: 24, TensorScatter) { NonDifferentiableInputs = [2] },
        new("GatherElements", SinceVersion: 11, GatherElements) { NonDifferentiableInputs = [1] },
        new("GatherND", SinceVersion: 11, GatherND) { NonDifferentiableInputs = [1] },
    ];

    private static Func<Value>?[] Scatter(RuleContext n) => n.Node.GetString("reduction", "none") switch
    {
        "none" => Replaced(n),
        "add" => [() => n.dY, null, () => Taken(n, n.dY)],
        "mul" => Multiplied(n),
        "min" or "max" => Extreme(n),
        var other => throw n.Refuse($"its reduction '{other}' is not known."),
    };

    /// <summary>dUpdates is what stands where they were written (no place twice, as the operator demands); the data get nothing there.</summary>
    private static Func<Value>?[] Replaced(RuleContext n) => [() => Put(n, n.dY, n.Zeros(n.Input(2)), "none"), null, () => Taken(n, n.dY)];

    /// <summary>
    /// Y = data * prod u: dData = dY * prod u, du_j = dY * data * the product of the other u at the same place.
    /// That is Y / u_j; zeros are left out of the product and counted, for it is zero if there is another one.
    /// </summary>
    private static Func<Value>?[] Multiplied(RuleContext n)
    {
        var (data, updates) = (n.X, n.Input(2));
        return
        [
            () => n.dY * Put(n, data.Like(1).ExpandLike(data), updates, "mul"),
            null,
            () =>
            {
                var isZero = n.Builder.Op("Equal", updates, updates.Like(0));
                var factors = n.Builder.Op("Where", isZero, updates.Like(1), updates);
                var zero = isZero.AsNumber(updates);
                var otherZeros = Taken(n, Put(n, n.Zeros(data), zero, "add")) - zero;
                return n.Builder.Op("Where", otherZeros > 0, updates.Like(0), Taken(n, n.dY * Put(n, data, factors, "mul")) / factors);
            },
        ];
    }

    /// <summary>Everything that attains the extreme of its place, data and updates, shares dY equally.</summary>
    private static Func<Value>?[] Extreme(RuleContext n)
    {
        Value FromData() => n.Builder.Op("Equal", n.X, n.Y).AsNumber(n.X);
        Value FromUpdates() => n.Builder.Op("Equal", n.Input(2), Taken(n, n.Y)).AsNumber(n.X);
        Value Share() => n.dY / Put(n, FromData(), FromUpdates(), "add");
        return [() => FromData() * Share(), null, () => FromUpdates() * Taken(n, Share())];
    }

    /// <summary>The elements of a tensor in the data's shape that stand at the places of the updates.</summary>
    private static Value Taken(RuleContext n, Value from) => n.Node.OpType == "ScatterND"
        ? n.Builder.Op("GatherND", from, n.Input(1))
        : n.Builder.Node("GatherElements", [from, n.Input(1)], Axis(n))[0];

    /// <summary>The node's own scattering of other tensors.</summary>
    private static Value Put(RuleContext n, Value into, Value updates, string reduction) => n.Node.OpType == "ScatterND"
        ? n.Builder.Node("ScatterND", [into, n.Input(1), updates], OnnxAttribute.Of("reduction", reduction))[0]
        : n.Builder.Node("ScatterElements", [into, n.Input(1), updates], Axis(n), OnnxAttribute.Of("reduction", reduction))[0];

    private static OnnxAttribute Axis(RuleContext n) => OnnxAttribute.Of("axis", n.Node.GetInt("axis", 0));

    /// <summary>The cache keeps its gradient where nothing was written; the update gets it where it stands.</summary>
    private static Func<Value>[] TensorScatter(RuleContext n)
    {
        var update = n.Input(1);
        return
        [
            () => n.Builder.Node("TensorScatter", [n.dY, n.Zeros(update), n.Has(2) ? n.Input(2) : null], 1, [.. n.Node.Attributes.Values])[0],
            () =>
            {
                var axis = n.Axis(n.Node.GetInt("axis", -2), update.Rank);
                var places = Along(Indexing.Positions(update.Size(axis)), axis, update.Rank);
                if (n.Has(2))
                    places += Along(n.Input(2).Cast(OnnxElementType.Int64), 0, update.Rank);
                if (n.Node.GetString("mode", "linear") == "circular")
                    places = n.Builder.Op("Mod", places, n.X.Size(axis));
                return n.Builder.Node("GatherElements", [n.dY, places.ExpandLike(update)], OnnxAttribute.Of("axis", axis))[0];
            },
        ];
    }

    /// <summary>A vector as a tensor that varies along one axis.</summary>
    private static Value Along(Value vector, int axis, int rank)
    {
        var shape = Enumerable.Repeat(1L, rank).ToArray();
        shape[axis] = -1;
        return vector.Reshape(shape);
    }

    private static Func<Value>[] GatherElements(RuleContext n) =>
        [() => n.Builder.Node("ScatterElements", [n.Zeros(n.X), n.Input(1), n.dY], Axis(n), OnnxAttribute.Of("reduction", "add"))[0]];

    /// <summary>Every element of dY is added where it came from; the number of the batch goes before the indices.</summary>
    private static Func<Value>[] GatherND(RuleContext n) =>
    [
        () =>
        {
            var indices = n.Input(1);
            var batch = (int)n.Node.GetInt("batch_dims", 0);
            if (batch > 0)
            {
                var column = indices.Slice(indices.Rank - 1, 0, 1);
                var places = Enumerable.Range(0, batch).Select(d => Along(Indexing.Positions(n.X.Size(d)), d, indices.Rank).ExpandLike(column));
                indices = n.Builder.Node("Concat", [.. places, indices], OnnxAttribute.Of("axis", -1))[0];
            }

            return n.Builder.Node("ScatterND", [n.Zeros(n.X), indices, n.dY], OnnxAttribute.Of("reduction", "add"))[0];
        },
    ];
}
