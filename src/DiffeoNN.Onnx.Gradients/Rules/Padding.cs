namespace DiffeoNN.Onnx.Gradients.Rules;

/// <summary>Padding in every mode.</summary>
internal static class Padding
{
    public static IReadOnlyList<GradientRule> All { get; } =
    [
        new("Pad", SinceVersion: 7, Pad) { NonDifferentiableInputs = [1, 3] },
    ];

    private static Func<Value>?[] Pad(RuleContext n)
    {
        if (n.Node.GetString("mode", "constant") != "constant")
            return [() => Folded(n)];
        // Padding with the opposite amounts cuts off what was added, and adds zeros where something was cut off.
        Value Cut() => n.Builder.Op("Pad", [n.dY, -n.Input(1), .. n.Has(3) ? new[] { n.dY.Like(0), n.Input(3) } : []]);
        return
        [
            Cut,
            null,
            () => n.dY.Flat().Sum([0], keep: false) - Cut().Flat().Sum([0], keep: false),
        ];
    }

    /// <summary>Pads the positions of each axis in the same mode, which tells where every element of dY came from.</summary>
    private static Value Folded(RuleContext n)
    {
        var rank = n.X.Rank;
        if (n.Has(3) && n.Input(3).Facts.Integers is null)
            return Indexing.Traced(n);
        var axes = n.Has(3) ? n.Input(3).Facts.Integers! : [.. Enumerable.Range(0, rank).Select(a => (long)a)];
        var known = n.Input(1).Facts.Integers;
        var gradient = n.dY;
        for (var i = 0; i < axes.Length; i++)
        {
            if (known is not null && known[i] == 0 && known[i + axes.Length] == 0)
                continue;
            var pads = n.Input(1).Gather(n.Builder.Integers(i, i + axes.Length));
            var axis = n.Axis(axes[i], rank);
            var positions = Indexing.Positions(n.X.Size(axis));
            var sources = n.Builder.Node("Pad", [positions, pads], OnnxAttribute.Of("mode", n.Node.GetString("mode", "constant")))[0];
            var shape = Enumerable.Range(0, rank).Select(d => d == axis ? n.X.Size(d) : gradient.Size(d)).ToArray();
            var zeros = n.Builder.Op("Expand", gradient.Like(0), n.Builder.Node("Concat", shape, OnnxAttribute.Of("axis", 0))[0]);
            gradient = Indexing.ScatterAdd(zeros, sources, gradient, axis);
        }

        return gradient;
    }
}
