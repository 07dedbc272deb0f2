using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Answers;

/// <summary>Scores of classes in the second dimension of a tensor.</summary>
internal static class ClassScores
{
    /// <summary>What is wrong with the number of scores, given names and activation; null if nothing is.</summary>
    public static string? Problem(long? channels, OutputSpec spec)
    {
        if (channels is null) return null;
        if (channels == 1 && spec.Activation == OutputActivation.Softmax)
            return "has 1 channel, whose softmax is always 1; use the activation sigmoid.";
        if (spec.Classes is null || spec.Classes.Count == (channels == 1 ? 2 : channels)) return null;
        if (channels == 1)
            return $"has 1 channel, which tells two classes apart; name both, the one below one half first, not {spec.Classes.Count}.";
        return $"has {channels} channels, and {Named(spec.Classes)}.";
    }

    /// <summary>How many classes are named, and which, whoever named them: a manifest or an option.</summary>
    public static string Named(IReadOnlyList<string> classes) =>
        (classes.Count == 1 ? "1 class is named" : $"{classes.Count} classes are named")
        + (classes.Count is > 0 and <= 10 ? $" ({string.Join(", ", classes)})" : "");

    /// <summary>Scores as probabilities.</summary>
    public static torch.Tensor Activate(torch.Tensor scores, OutputActivation activation) => activation switch
    {
        OutputActivation.Softmax => torch.nn.functional.softmax(scores, 1),
        OutputActivation.Sigmoid => torch.sigmoid(scores),
        _ => scores,
    };

    /// <summary>Writes the entropy of scores in nats: of the classes where there are several, else, and where each score is a probability
    /// of its own, of yes and no.</summary>
    /// <param name="graph">Gets the nodes.</param>
    /// <param name="scores">Before the activation.</param>
    /// <param name="channels">How many there are; null where nobody knows.</param>
    /// <param name="axis">Where they are.</param>
    /// <param name="spec">Says the activation; scores without one are taken for probabilities.</param>
    /// <returns>(N, ...).</returns>
    public static string WriteEntropy(OnnxGraph graph, string scores, long? channels, long axis, OutputSpec spec)
    {
        const string Prefix = "energy/entropy/";
        string Op(string type, string name, params string[] inputs) => graph.AddNode(type, inputs, $"{Prefix}{name}");
        string Scalar(string name, float value) => graph.AddInitializer(OnnxTensor.Scalar($"{Prefix}{name}", value));
        if (spec.Activation == OutputActivation.Sigmoid)
        {
            // softplus(x) - x sigmoid(x), which has no logarithm of zero.
            var expected = Op("Mul", "expected", scores, Op("Sigmoid", "sigmoid", scores));
            return Op("Sub", "of_scores", Op("Softplus", "softplus", scores), expected);
        }

        if (spec.Activation == OutputActivation.Softmax)
        {
            var along = OnnxAttribute.Of("axis", axis);
            var logarithms = graph.AddNode("LogSoftmax", [scores], $"{Prefix}logarithms", along);
            return Summed(Op("Mul", "expected", graph.AddNode("Softmax", [scores], $"{Prefix}probabilities", along), logarithms));
        }

        var probabilities = Op("Clip", "probabilities", scores, Scalar("least", 1e-6f), Scalar("most", 1 - 1e-6f));
        var products = Op("Mul", "expected", probabilities, Op("Log", "logarithms", probabilities));
        if (channels != 1)
            return Summed(products);
        var others = Op("Sub", "others", Scalar("one", 1), probabilities);
        var ofOthers = Op("Mul", "others_expected", others, Op("Log", "others_logarithms", others));
        return Op("Neg", "of_scores", Op("Add", "both", products, ofOthers));

        string Summed(string products) => Op("Neg", "of_scores", graph.AddNode(
            "ReduceSum", [products, graph.AddInitializer(OnnxTensor.Int64s($"{Prefix}axis", axis))], $"{Prefix}sum",
            OnnxAttribute.Of("keepdims", 0L)));
    }

    /// <summary>The best class, int64, without the second dimension; of a single score 1 where it reaches one half, or what becomes
    /// that.</summary>
    public static torch.Tensor Classes(torch.Tensor scores, OutputSpec spec)
    {
        var from = spec.Activation == OutputActivation.Sigmoid ? 0 : 0.5;
        return scores.size(1) > 1 ? scores.argmax(1) : scores.Below(from).logical_not().to(torch.int64).squeeze(1);
    }

    /// <summary>Index of the highest score; of a single one 1 from 0.5 on.</summary>
    public static int Best(ReadOnlySpan<float> scores)
    {
        if (scores.Length == 1) return scores[0] >= 0.5f ? 1 : 0;
        var best = 0;
        for (var k = 1; k < scores.Length; k++)
            if (scores[k] > scores[best] || (float.IsNaN(scores[best]) && !float.IsNaN(scores[k]))) best = k;
        return best;
    }
}
