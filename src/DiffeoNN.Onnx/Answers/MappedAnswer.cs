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

    /// <summary>The mean of what answers are carried back to; in the caller's scope.</summary>
    public static torch.Tensor Mean(IReadOnlyList<MappedAnswer> answers, Func<MappedAnswer, torch.Tensor> map) => answers.Count == 1
        ? map(answers[0])
        : answers.Select(map).Aggregate((sum, next) => sum.Plus(next)).Times(1.0 / answers.Count);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var part in Parts) part.Dispose();
        Displacement?.Dispose();
        Inverse?.Dispose();
    }
}
