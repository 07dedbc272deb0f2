using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Answers;

/// <summary>A network's answer on a canonical image, and the way back; owns its tensors, which belong to no dispose scope.</summary>
internal sealed class MappedAnswer : IDisposable
{
    /// <summary>Takes an answer.</summary>
    /// <param name="parts">Shapes (1, ...): what the kind read.</param>
    /// <param name="displacement">Canonical to input, (1, 2, H, W); null where the image was not warped.</param>
    /// <param name="inverse">Input to canonical, (1, 2, H, W); null where the image was not warped.</param>
    public MappedAnswer(IEnumerable<torch.Tensor> parts, torch.Tensor? displacement, torch.Tensor? inverse)
    {
        Parts = [.. parts.Select(part => part.alias().DetachFromDisposeScope())];
        Displacement = displacement?.alias().DetachFromDisposeScope();
        Inverse = inverse?.alias().DetachFromDisposeScope();
    }

    /// <summary>What <see cref="AnswerKind.Read"/> gave for the image.</summary>
    public IReadOnlyList<torch.Tensor> Parts { get; }

    /// <summary>Canonical to input; null where the image was not warped.</summary>
    public torch.Tensor? Displacement { get; }

    /// <summary>Input to canonical; null where the image was not warped.</summary>
    public torch.Tensor? Inverse { get; }

    /// <summary>What it weighs in the mean, positive.</summary>
    public double Weight { get; init; } = 1;

    /// <summary>The weighted mean of what answers are carried back to; in the caller's scope.</summary>
    public static torch.Tensor Mean(IReadOnlyList<MappedAnswer> answers, Func<MappedAnswer, torch.Tensor> map)
    {
        if (answers.Count == 1) return map(answers[0]);
        var whole = answers.Sum(answer => answer.Weight);
        return answers.Select(answer => answer.Weight == 1 ? map(answer) : map(answer).Times(answer.Weight))
            .Aggregate((sum, next) => sum.Plus(next)).Times(1.0 / whole);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var part in Parts) part.Dispose();
        Displacement?.Dispose();
        Inverse?.Dispose();
    }
}
