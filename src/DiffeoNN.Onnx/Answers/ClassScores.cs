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
