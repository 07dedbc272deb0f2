using TorchSharp;

namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>Numbers of the whole image (N, K), which no map changes.</summary>
internal sealed class NumberTarget(InnerAnswer answer, long count, IReadOnlyList<float> deviations) : TaskTarget
{
    /// <inheritdoc/>
    public override torch.Tensor Carry(torch.Tensor answers, torch.Tensor nodes) => answers;

    /// <inheritdoc/>
    public override string Difference(ObjectiveBuilder builder, ProposedMap map, string output) =>
        AnswerLoss.Write(builder, answer, output, builder.Input(Data, "N", count), null, [1, count], deviations);
}
