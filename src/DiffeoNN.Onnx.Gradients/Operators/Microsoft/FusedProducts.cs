namespace DiffeoNN.Onnx.Gradients.Operators.Microsoft;

/// <summary>Products and convolutions with what stands around them: transposition, a factor, an activation.</summary>
internal static class FusedProducts
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("FusedMatMul", GradientRule.Expanded(1, MatMul))
        {
            Domain = MicrosoftOperators.Domain, Takes = new(2, 2), InputNames = ["A", "B"], Attributes = [.. Transpositions],
            Shapes = MatMulShape,
        },
        // What FusedMatMul was called before.
        new("TransposeMatMul", GradientRule.Expanded(1, MatMul))
        {
            Domain = MicrosoftOperators.Domain, Takes = new(2, 2), InputNames = ["A", "B"], Attributes = [.. Transpositions],
            Shapes = MatMulShape,
        },
        new("FusedGemm", GradientRule.Expanded(1, Gemm))
        {
            Domain = MicrosoftOperators.Domain, Takes = new(2, 3), InputNames = ["A", "B", "C"],
            Attributes =
            [
                new("activation", OnnxAttributeKind.String), new("activation_alpha", OnnxAttributeKind.Float),
                new("activation_beta", OnnxAttributeKind.Float), new("activation_gamma", OnnxAttributeKind.Float), .. Transpositions,
            ],
            Ranks = ["2", "2", "2-"], Check = ShapeChecks.Gemm, Shapes = ShapeInference.Gemm,
        },
        new("FusedConv", GradientRule.Expanded(1, Conv) with { Limits = "The kernel's size must be known." })
        {
            Domain = MicrosoftOperators.Domain, Takes = new(2, 4), InputNames = ["X", "W", "B", "Z"],
            Attributes = [new("activation", OnnxAttributeKind.String), new("activation_params", OnnxAttributeKind.Floats)],
            Ranks = ["3+", "=", "1"], Check = ShapeChecks.Conv, Shapes = ShapeInference.Conv,
        },
    ];

    private static IEnumerable<OperatorAttribute> Transpositions => new[] { "transA", "transB", "transBatchA", "transBatchB" }
        .Select(name => new OperatorAttribute(name, OnnxAttributeKind.Int)).Append(new("alpha", OnnxAttributeKind.Float));

    /// <summary>Y = alpha * A B; transBatch moves the first axis to the place of the rows, and trans exchanges rows and columns
    /// then.</summary>
    private static Value[] MatMul(RuleContext n)
    {
        Value Prepared(int input, string name) => Order(n.Node, name, n.Input(input).Rank) is { } order
            ? n.Input(input).Transpose(order) : n.Input(input);
        if (IsTurned(0, "A") || IsTurned(1, "B"))
            throw n.Refuse("it transposes an operand of one axis; leave that out, or give the operand a second axis.");
        return [n.Op("MatMul", Prepared(0, "A"), Prepared(1, "B")) * n.Node.GetFloat("alpha", 1)];

        bool IsTurned(int input, string name) => n.Input(input).Rank == 1
            && (n.Node.GetInt($"trans{name}", 0) != 0 || n.Node.GetInt($"transBatch{name}", 0) != 0);
    }

    private static ValueFacts[] MatMulShape(InferenceContext n)
    {
        Dim[]? Prepared(int input, string name) => n.Shape(input) is { } shape && Order(n.Node, name, shape.Length) is { } order
            ? [.. order.Select(axis => shape[axis])] : n.Shape(input);
        return [new(n.Type(0), ShapeInference.MatMul(Prepared(0, "A"), Prepared(1, "B")))];
    }

    /// <summary>The order of an operand's axes before the product; null where it stays.</summary>
    private static int[]? Order(OnnxNode node, string name, int rank)
    {
        var (batch, last) = (node.GetInt($"transBatch{name}", 0) != 0, node.GetInt($"trans{name}", 0) != 0);
        if (rank < 2 || !(batch || last))
            return null;
        int[] order = batch ? [.. Enumerable.Range(1, rank - 2), 0, rank - 1] : [.. Enumerable.Range(0, rank)];
        if (last)
            (order[^1], order[^2]) = (order[^2], order[^1]);
        return order;
    }

    private static Value[] Gemm(RuleContext n)
    {
        var product = n.Add("Gemm", [n.X, n.Input(1), n.Has(2) ? n.Input(2) : null],
            Kept(n.Node, name => !name.StartsWith("activation", StringComparison.Ordinal)))[0];
        var parameters = new[] { "alpha", "beta", "gamma" }.Where(p => n.Node.Attributes.ContainsKey($"activation_{p}"))
            .ToDictionary(p => p, p => n.Node.GetFloat($"activation_{p}", 0));
        return [FusedActivation.Apply(n, product, parameters)];
    }

    /// <summary>Y = activation(Conv(X, W, B) + Z).</summary>
    private static Value[] Conv(RuleContext n)
    {
        var sum = n.Add("Conv", [n.X, n.Input(1), n.Has(2) ? n.Input(2) : null],
            Kept(n.Node, name => name is not ("activation" or "activation_params")))[0];
        if (n.Has(3))
            sum += n.Input(3);
        var parameters = n.Node.Attributes.TryGetValue("activation_params", out var given) ? given.Floats : [];
        return [FusedActivation.Apply(n, sum, parameters.Select((p, i) => (i, p)).ToDictionary(p => $"{p.i}", p => p.p))];
    }

    private static IEnumerable<OnnxAttribute> Kept(OnnxNode node, Func<string, bool> keep) =>
        node.Attributes.Values.Where(a => keep(a.Name));
}
