namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Pooling by the p-norm: Y = (sum of |X|^p)^(1/p), so dX = |X|^(p-1) sign(X) times the sum of dY Y^(1-p) over the windows an
/// element lies in.</summary>
internal static class PowerPooling
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("LpPool", new(7, LpPool))
        {
            Takes = new(1, 1), Ranks = ["3+"],
            Attributes = [new("kernel_shape") { IsRequired = true, Since = 2 },
                new("p", OnnxAttributeKind.Float) { Until = 1 }, new("p", OnnxAttributeKind.Int) { Since = 2 }],
            Shapes = ShapeInference.Pool,
            Upgrades = [new(2, OpsetConverter.WholeNorm)],
        },
        new("GlobalLpPool", new(7, GlobalLpPool))
        {
            Takes = new(1, 1), Ranks = ["2+"],
            Attributes = [new("p", OnnxAttributeKind.Float) { Until = 1 }, new("p", OnnxAttributeKind.Int) { Since = 2 }],
            Shapes = ShapeInference.GlobalPool,
            Upgrades = [new(2, OpsetConverter.WholeNorm)],
        },
    ];

    private static Func<Value>[] LpPool(RuleContext n)
    {
        var window = Window.Read(n.Node, n.X.Shape ?? throw n.Refuse("the rank of its input is not known."), null)!;
        return [() => Power(n.X, n.Node) * Pooling.Scatter(n, window, Share(n, Resized(n, window)), 1)];
    }

    private static Func<Value>[] GlobalLpPool(RuleContext n) => [() => Power(n.X, n.Node) * Share(n, n.Y)];

    /// <summary>Y with the sizes that the runtime makes, where it states others.</summary>
    private static Value Resized(RuleContext n, Window window) => StatedSizes.AreWrong(n.Node, window, n.X.Shape!, n.Builder.Opset)
        ? n.Y.Regroup([0, 0, .. n.Y.Shape!.Skip(2).Select(size => size.Constant)]) : n.Y;

    /// <summary>|X|^(p-1) sign(X).</summary>
    private static Value Power(Value x, OnnxNode node) => node.GetInt("p", 2) switch
    {
        1 => x.Apply("Sign"),
        2 => x,
        var p when p % 2 == 0 => x.Builder.Op("Pow", x, x.Like(p - 1)),
        var p => x.Builder.Op("Pow", x.Apply("Abs"), x.Like(p - 1)) * x.Apply("Sign"),
    };

    /// <summary>dY Y^(1-p); 0 where all elements of a window are 0 and the norm has its kink.</summary>
    private static Value Share(RuleContext n, Value y)
    {
        var p = n.Node.GetInt("p", 2);
        if (p == 1)
            return n.dY;
        var share = p == 2 ? n.dY / y : n.dY / n.Builder.Op("Pow", y, y.Like(p - 1));
        return n.Builder.Op("Where", y > 0, share, y.Like(0));
    }
}
