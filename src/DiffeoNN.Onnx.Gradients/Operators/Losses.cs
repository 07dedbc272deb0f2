namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Losses of classification, by their bodies.</summary>
internal static class Losses
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("NegativeLogLikelihoodLoss", GradientRule.Expanded(12, n => [Likelihood(n, n.X)]) with { NonDifferentiableInputs = [1] })
        {
            Takes = new(2, 3), InputNames = ["input", "target", "weight"], Shapes = ShapeInference.Loss,
        },
        new("SoftmaxCrossEntropyLoss", GradientRule.Expanded(12, CrossEntropy) with { NonDifferentiableInputs = [1] })
        {
            Takes = new(2, 3), InputNames = ["scores", "labels", "weights"], Shapes = ShapeInference.Loss,
        },
    ];

    private static Value[] CrossEntropy(RuleContext n)
    {
        var logarithms = n.X.Apply("LogSoftmax", OnnxAttribute.Of("axis", 1));
        return [Likelihood(n, logarithms), logarithms];
    }

    /// <summary>-weight[target] * logarithms[target] at every place, zero where the target is to be ignored;
    /// their sum, or it divided by the sum of the weights.</summary>
    /// <param name="n">The node; its inputs 1 and 2 are targets and weights.</param>
    /// <param name="logarithms">Shape (N, C, d1, ...).</param>
    private static Value Likelihood(RuleContext n, Value logarithms)
    {
        var target = n.Input(1);
        Value? ignored = null;
        if (n.Node.Attributes.TryGetValue("ignore_index", out var index))
        {
            // What is ignored may lie outside the classes, so it is looked up as class 0.
            ignored = n.Builder.Op("Equal", target, n.Builder.Scalar(index.Int, target.ElementType));
            target = n.Builder.Op("Where", ignored, n.Builder.Scalar(0, target.ElementType), target);
        }

        Value Kept(Value value) => ignored is null ? value : n.Builder.Op("Where", ignored, value.Like(0), value);
        var loss = -n.Builder.Node("GatherElements", [logarithms, target.Unsqueeze(1)], OnnxAttribute.Of("axis", 1))[0].Squeeze(1);
        var weight = n.Has(2) ? Kept(n.Input(2).Gather(target)) : ignored is null ? null : Kept(logarithms.Like(1));
        loss = Kept(n.Has(2) ? loss * weight! : loss);
        Value Whole(string reduction, Value value) => value.Apply(reduction, OnnxAttribute.Of("keepdims", 0));
        return n.Node.GetString("reduction", "mean") switch
        {
            "none" => loss,
            "sum" => Whole("ReduceSum", loss),
            "mean" => weight is null ? Whole("ReduceMean", loss) : Whole("ReduceSum", loss) / Whole("ReduceSum", weight),
            var other => throw n.Refuse($"its reduction '{other}' is not known."),
        };
    }
}
