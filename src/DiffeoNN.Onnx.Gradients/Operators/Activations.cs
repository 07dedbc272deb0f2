namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Activation functions. Where the output tells the sign of the input it is used instead,
/// so that the runtime can fuse forward nodes.</summary>
internal static class Activations
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("Relu", new(7, n => [() => n.dY * Positive(n.Y)])) { Takes = new(1, 1), Shapes = ShapeInference.Same },
        new("LeakyRelu", new(7, LeakyRelu)) { Takes = new(1, 1), Shapes = ShapeInference.Same },
        new("ThresholdedRelu",
            new(10, n => [() => n.dY * Positive(n.Node.GetFloat("alpha", 1) >= 0 ? n.Y : n.X - n.Node.GetFloat("alpha", 1))]))
        {
            Takes = new(1, 1), Shapes = ShapeInference.Same,
        },
        new("PRelu", new(7, PRelu) { Broadcasts = true })
        {
            Takes = new(2, 2), InputNames = ["X", "slope"], HasOneType = true, BroadcastsAll = true, Check = ShapeChecks.PRelu,
            Shapes = ShapeInference.Same,
            Upgrades = [new(7, OpsetConverter.SlopePerChannel)],
        },
        new("Elu", new(7, n => [() => n.dY * Select(n.X > 0, n.X.Like(1), n.Y + n.Node.GetFloat("alpha", 1))]))
        {
            Takes = new(1, 1), Shapes = ShapeInference.Same,
        },
        new("Selu", new(7, Selu)) { Takes = new(1, 1), Shapes = ShapeInference.Same, Upgrades = [new(6, OpsetConverter.RoundedSelu)] },
        new("Celu", new(12, n => [() => n.dY * Select(n.X > 0, n.X.Like(1), (n.Y / n.Node.GetFloat("alpha", 1)) + 1)]))
        {
            Takes = new(1, 1), Shapes = ShapeInference.Same,
        },
        new("Gelu", new(20, Gelu)) { Takes = new(1, 1), Shapes = ShapeInference.Same },
        new("HardSigmoid", new(7, HardSigmoid)) { Takes = new(1, 1), Shapes = ShapeInference.Same },
        new("HardSwish", new(14, HardSwish)) { Takes = new(1, 1), Shapes = ShapeInference.Same },
        new("Softplus", new(7, n => [() => n.dY * n.X.Apply("Sigmoid")])) { Takes = new(1, 1), Shapes = ShapeInference.Same },
        new("Softsign", new(7, n => [() => n.dY / Square(n.X.Apply("Abs") + 1)])) { Takes = new(1, 1), Shapes = ShapeInference.Same },
        new("Sigmoid", new(7, n => [() => n.dY * (n.Y * Complement(n.Y))])) { Takes = new(1, 1), Shapes = ShapeInference.Same },
        new("Tanh", new(7, n => [() => n.dY * (1 - (n.Y * n.Y))])) { Takes = new(1, 1), Shapes = ShapeInference.Same },
        new("Mish", new(18, Mish)) { Takes = new(1, 1), Shapes = ShapeInference.Same },
        new("Swish", new(24, Swish)) { Takes = new(1, 1), Shapes = ShapeInference.Same },
        new("Shrink", new(9, n => [() => Select(n.X.Apply("Abs") > n.Node.GetFloat("lambd", 0.5f), n.dY, n.dY.Like(0))]))
        {
            Takes = new(1, 1), Shapes = ShapeInference.Same,
        },
        new("Softmax", new(7, Softmax))
        {
            Takes = new(1, 1), Shapes = ShapeInference.Same,
            Upgrades = [new(13, OpsetConverter.FlattenedSoftmax)],
        },
        new("LogSoftmax", new(7, LogSoftmax))
        {
            Takes = new(1, 1), Shapes = ShapeInference.Same,
            Upgrades = [new(13, OpsetConverter.FlattenedSoftmax)],
        },
    ];

    /// <summary>1 where a value is positive, 0 elsewhere.</summary>
    /// <remarks>
    /// In float32 one saturating operator, which the runtime keeps in its blocked layout beside convolutions; it is exact
    /// for every normal number.
    /// </remarks>
    public static Value Positive(Value value) => value.ElementType == OnnxElementType.Float
        ? value.Apply("HardSigmoid", OnnxAttribute.Of("alpha", float.MaxValue), OnnxAttribute.Of("beta", 0f))
        : (value > 0).AsNumber(value);

    /// <summary>1 - s for a value between 0 and 1, in float32 by an operator that the runtime keeps in its blocked layout beside
    /// convolutions.</summary>
    public static Value Complement(Value s) => s.ElementType == OnnxElementType.Float
        ? s.Apply("HardSigmoid", OnnxAttribute.Of("alpha", -1f), OnnxAttribute.Of("beta", 1f)) : 1 - s;

    private static Value Select(Value condition, Value yes, Value no) => yes.Builder.Op("Where", condition, yes, no);

    private static Value Square(Value value) => value * value;

    /// <summary>dX = dY * (X > 0 ? 1 : alpha).</summary>
    private static Func<Value>[] LeakyRelu(RuleContext n)
    {
        var alpha = n.Node.GetFloat("alpha", 0.01f);
        return [() => n.dY * ((Positive(alpha >= 0 ? n.Y : n.X) * (1 - (double)alpha)) + alpha)];
    }

    /// <summary>dX = dY * (X > 0 ? 1 : slope), dSlope = dY * min(X, 0).</summary>
    private static Func<Value>[] PRelu(RuleContext n) =>
    [
        () => Select(n.X > 0, n.dY, n.dY * n.Input(1)),
        () => n.dY * Select(n.X > 0, n.X.Like(0), n.X),
    ];

    /// <summary>dX = dY * (X > 0 ? gamma : Y + gamma * alpha).</summary>
    private static Func<Value>[] Selu(RuleContext n)
    {
        double alpha = n.Node.GetFloat("alpha", 1.67326319217681884765625f);
        double gamma = n.Node.GetFloat("gamma", 1.05070102214813232421875f);
        return [() => n.dY * Select(n.X > 0, n.X.Like(gamma), n.Y + (gamma * alpha))];
    }

    /// <summary>dX = dY * (F(X) + X * F'(X)) with F the normal distribution, or its approximation by tanh.</summary>
    internal static Func<Value>[] Gelu(RuleContext n) =>
        [() => n.dY * (n.Node.GetString("approximate", "none") == "tanh" ? ApproximateGeluSlope(n.X) : GeluSlope(n.X))];

    /// <summary>F(x) + x * F'(x) with F the normal distribution.</summary>
    internal static Value GeluSlope(Value x) =>
        ((x / Math.Sqrt(2)).Apply("Erf") * 0.5) + 0.5 + (x * (x * x * -0.5).Apply("Exp") / Math.Sqrt(2 * Math.PI));

    /// <summary>The derivative of x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))).</summary>
    internal static Value ApproximateGeluSlope(Value x)
    {
        const double Cubic = 0.044715;
        var scale = Math.Sqrt(2 / Math.PI);
        var square = x * x;
        var t = (x * ((square * (scale * Cubic)) + scale)).Apply("Tanh");
        return (t * 0.5) + 0.5 + (x * 0.5 * (1 - (t * t)) * ((square * (3 * scale * Cubic)) + scale));
    }

    private static Func<Value>[] HardSigmoid(RuleContext n) =>
        [() => Select(n.Builder.Op("And", n.Y > 0, n.Y < 1), n.dY * n.Node.GetFloat("alpha", 0.2f), n.dY.Like(0))];

    /// <summary>dX = dY * (X below -3: 0, X above 3: 1, between: (2 X + 3) / 6).</summary>
    private static Func<Value>[] HardSwish(RuleContext n) =>
        [() => n.dY * Select(n.X > 3, n.X.Like(1), Select(n.X < -3, n.X.Like(0), (n.X / 3) + 0.5))];

    /// <summary>With t = tanh(softplus X): dX = dY * (t + X * (1 - t^2) * sigmoid X).</summary>
    private static Func<Value>[] Mish(RuleContext n)
    {
        return
        [
            () =>
            {
                var t = n.X.Apply("Softplus").Apply("Tanh");
                return n.dY * (t + (n.X * (1 - (t * t)) * n.X.Apply("Sigmoid")));
            },
        ];
    }

    /// <summary>Y = X * s with s = sigmoid(alpha X): dX = dY * (s + alpha * Y * (1 - s)).</summary>
    private static Func<Value>[] Swish(RuleContext n) => Swish(n, n.Node.GetFloat("alpha", 1));

    /// <inheritdoc cref="Swish(RuleContext)"/>
    internal static Func<Value>[] Swish(RuleContext n, double alpha)
    {
        return
        [
            () =>
            {
                var s = (n.X * alpha).Apply("Sigmoid");
                return n.dY * (s + (n.Y * Complement(s) * alpha));
            },
        ];
    }

    /// <summary>dX = Y * (dY - sum(dY * Y)).</summary>
    private static Func<Value>[] Softmax(RuleContext n) =>
        [() => n.Y * (n.dY - (n.dY * n.Y).Sum([n.Node.GetInt("axis", -1)]))];

    /// <summary>dX = dY - exp(Y) * sum(dY).</summary>
    private static Func<Value>[] LogSoftmax(RuleContext n) =>
        [() => n.dY - (n.Y.Apply("Exp") * n.dY.Sum([n.Node.GetInt("axis", -1)]))];
}
