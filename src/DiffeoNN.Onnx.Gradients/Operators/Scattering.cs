namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Operators that write elements to computed places of a tensor, and those that read them from there.</summary>
internal static class Scattering
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("ScatterElements", new(11, Scatter) { NonDifferentiableInputs = [1] })
        {
            Takes = new(3, 3), InputNames = ["data", "indices", "updates"], Ranks = ["1+", "=", "="], Shapes = ShapeInference.Same,
        },
        new("ScatterND", new(11, Scatter) { NonDifferentiableInputs = [1] })
        {
            Takes = new(3, 3), InputNames = ["data", "indices", "updates"], Ranks = ["1+", "1+"], Shapes = ShapeInference.Same,
        },
        new("TensorScatter", new(24, TensorScatter) { NonDifferentiableInputs = [2] })
        {
            Takes = new(2, 3), InputNames = ["past_cache", "update", "write_indices"], Shapes = ShapeInference.Same,
        },
        new("GatherElements", new(11, GatherElements) { NonDifferentiableInputs = [1] })
        {
            Takes = new(2, 2), InputNames = ["data", "indices"], Ranks = ["1+", "=", "="], Shapes = ShapeInference.GatherElements,
        },
        new("GatherND", new(11, GatherND) { NonDifferentiableInputs = [1] })
        {
            Takes = new(2, 2), InputNames = ["data", "indices"], Ranks = ["1+", "1+"], Shapes = ShapeInference.GatherND,
        },
    ];

    private static Func<Value>?[] Scatter(RuleContext n) => n.Node.GetString("reduction", "none") switch
    {
        "none" => Replaced(n),
        "add" => [() => n.dY, null, () => Taken(n, n.dY)],
        "mul" => Multiplied(n),
        "min" or "max" => Extreme(n),
        var other => throw n.Refuse($"its reduction '{other}' is not known."),
    };

    /// <summary>dUpdates is what stands where they were written (no place twice, as the operator demands);
    /// the data get nothing there.</summary>
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
        : n.Builder.Node("GatherElements", [from, n.Input(1)], OnnxAttribute.Of("axis", n.Node.GetInt("axis", 0)))[0];

    /// <summary>The node's own scattering of other tensors.</summary>
    private static Value Put(RuleContext n, Value into, Value updates, string reduction) =>
        n.Node.OpType == "ScatterElements" ? Indexing.Scatter(into, n.Input(1), updates, n.Node.GetInt("axis", 0), reduction)
        : reduction == "none" ? n.Builder.Op("ScatterND", into, n.Input(1), updates)
        : PutSlices(n, into, updates, reduction, batch: 0);

    /// <summary>
    /// ScatterND with a reduction, as ScatterElements over the rows that the slices are: ONNX Runtime (1.31) runs the slices of ScatterND
    /// in parallel and loses some where indices repeat.
    /// </summary>
    private static Value PutSlices(RuleContext n, Value into, Value updates, string reduction, int batch)
    {
        var lead = n.Input(1).Shape?[^1].Size is { } depth ? batch + (int)depth : into.Rank;
        var (outer, inner) = (into.ShapeVector.Slice(0, 0, lead), into.ShapeVector.Slice(0, lead, into.Rank));
        var numbers = Indexing.Positions(Product(outer)).ReshapeTo(outer);
        var rows = n.Builder.Node("GatherND", [numbers, n.Input(1)], OnnxAttribute.Of("batch_dims", batch))[0].Reshape(-1, 1);
        Value Matrix(Value value, Value count) =>
            value.ReshapeTo(n.Builder.Node("Concat", [count, Product(inner)], OnnxAttribute.Of("axis", 0))[0]);
        var slices = Matrix(updates, rows.Size(0));
        return Indexing.Scatter(Matrix(into, Product(outer)), rows.ExpandLike(slices), slices, 0, reduction).ReshapeLike(into);
    }

    /// <summary>The product of some sizes, as a vector of one element.</summary>
    private static Value Product(Value sizes) =>
        sizes.Facts.Integers is { Length: 0 } ? sizes.Builder.Integers(1) : sizes.Apply("ReduceProd");

    /// <summary>The cache keeps its gradient where nothing was written; the update gets it where it stands.</summary>
    private static Func<Value>[] TensorScatter(RuleContext n)
    {
        var update = n.Input(1);
        return
        [
            () =>
                n.Builder.Node("TensorScatter", [n.dY, n.Zeros(update), n.Has(2) ? n.Input(2) : null], 1, [.. n.Node.Attributes.Values])[0],
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
        [() => Indexing.Scatter(n.Zeros(n.X), n.Input(1), n.dY, n.Node.GetInt("axis", 0), "add")];

    /// <summary>Every slice of dY is added where it came from.</summary>
    private static Func<Value>[] GatherND(RuleContext n) =>
        [() => PutSlices(n, n.Zeros(n.X), n.dY, "add", (int)n.Node.GetInt("batch_dims", 0))];
}
