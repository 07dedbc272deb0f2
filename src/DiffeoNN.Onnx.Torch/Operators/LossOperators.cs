using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Torch.Operators;

/// <summary>Losses of classification.</summary>
internal static class LossOperators
{
    public static IReadOnlyList<TorchOperator> All { get; } =
    [
        new("NegativeLogLikelihoodLoss", 16, n => Likelihood(n, n.X)),
        new("SoftmaxCrossEntropyLoss", 16, CrossEntropy),
    ];

    private static IReadOnlyList<Tensor?> CrossEntropy(TorchNode n)
    {
        var logarithms = n.X.log_softmax(1);
        return [Likelihood(n, logarithms), logarithms];
    }

    /// <summary>-weight[target] * logarithms[target] at every place, 0 where the target is to be ignored;
    /// their sum, or it divided by the sum of the weights.</summary>
    private static Tensor Likelihood(TorchNode n, Tensor logarithms)
    {
        var target = n.Input(1).to(ScalarType.Int64);
        Tensor? isIgnored = null;
        if (n.Node.Attributes.TryGetValue("ignore_index", out var index))
        {
            // What is ignored may lie outside the classes, so it is looked up as class 0.
            isIgnored = target.eq(tensor(index.Int, device: n.Device));
            target = where(isIgnored, zeros_like(target), target);
        }

        var picked = logarithms.gather(1, target.unsqueeze(1)).squeeze(1).neg();
        var weights = n.Optional(2) is { } given ? given.index_select(0, target.flatten()).reshape(target.shape) : ones_like(picked);
        if (isIgnored is not null) weights = where(isIgnored, zeros_like(weights), weights);
        var loss = isIgnored is null ? picked.mul(weights) : where(isIgnored, zeros_like(picked), picked).mul(weights);
        return n.Text("reduction", "mean") switch
        {
            "none" => loss,
            "sum" => loss.sum(loss.dtype),
            "mean" => loss.sum(loss.dtype).div(weights.sum(loss.dtype)),
            var other => throw n.Refuse($"has reduction '{other}'; expected none, sum or mean"),
        };
    }
}
