namespace DiffeoNN.Onnx.Gradients.Rules;

/// <summary>Pooling by the p-norm: Y = (sum of |X|^p)^(1/p), so dX = |X|^(p-1) sign(X) times the sum of dY Y^(1-p) over the windows an element lies in.</summary>
internal static class PowerPooling
{
    public static IReadOnlyList<GradientRule> All { get; } =
    [
        new("LpPool", SinceVersion: 7, LpPool),
        new("GlobalLpPool", SinceVersion: 7, GlobalLpPool),
    ];

    private static Func<Value>[] LpPool(RuleContext n)
    {
        var window = Window.Read(n.Node, n.X.Shape ?? throw n.Refuse("the rank of its input is not known."), null)!;
        return [() => Power(n.X, n.Node) * Pooling.Scatter(n, window, Share(n), 1)];
    }

    private static Func<Value>[] GlobalLpPool(RuleContext n) => [() => Power(n.X, n.Node) * Share(n)];

    /// <summary>|X|^(p-1) sign(X).</summary>
    private static Value Power(Value x, OnnxNode node) => node.GetInt("p", 2) switch
    {
        1 => x.Apply("Sign"),
        2 => x,
        var p when p % 2 == 0 => x.Builder.Op("Pow", x, x.Like(p - 1)),
        var p => x.Builder.Op("Pow", x.Apply("Abs"), x.Like(p - 1)) * x.Apply("Sign"),
    };

    /// <summary>dY Y^(1-p); 0 where all elements of a window are 0 and the norm has its kink.</summary>
    private static Value Share(RuleContext n)
    {
        var p = n.Node.GetInt("p", 2);
        if (p == 1)
            return n.dY;
        var share = p == 2 ? n.dY / n.Y : n.dY / n.Builder.Op("Pow", n.Y, n.Y.Like(p - 1));
        return n.Builder.Op("Where", n.Y > 0, share, n.Y.Like(0));
    }
}
