using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Imaging;
using TorchSharp;

namespace DiffeoNN.Onnx.Inference;

/// <content>What answers are made of: the members of their mean.</content>
public sealed partial class EquivariantModel
{
    // What was left as it is takes the same way as the network alone.
    private MappedOutput Pending(
        IReadOnlyList<torch.Tensor[]>[] outputs, IReadOnlyList<torch.Tensor[]>? alone, PassResults passes, int index, ScaledImage image)
    {
        int[] accepted = passes.Accepted(index), used = accepted.Length > 0 ? accepted : [passes.Final(index)];
        return Mapped(_outputs, output =>
        [
            .. alone is null || accepted.Length == 0 ? [] : new[] { Alone(alone[output], index, Plan.FromIdentity.IdentityWeight) },
            .. used.Select(pass => passes.Answer(outputs[pass][output], pass, index)),
        ], image.Height, image.Width);
    }

    private static MappedAnswer Alone(torch.Tensor[] output, int index, double weight) =>
        new(output.Select(part => part.narrow(0, index, 1)), null, null) { Weight = weight };

    private ModelOutput OnCanonical(IReadOnlyList<torch.Tensor[]> outputs, int index)
    {
        using var answer = Unwarped(_outputs, outputs, index, _grid.Height, _grid.Width);
        return answer.ToOutput();
    }

    /// <summary>The answers for an image that was not warped.</summary>
    private MappedOutput Unwarped(
        IReadOnlyList<OutputSpec> specs, IReadOnlyList<torch.Tensor[]> outputs, int index, int height, int width) => Mapped(
        specs, output => [Alone(outputs[output], index, 1)], height, width);

    /// <summary>The answer of the first output with those of the others.</summary>
    private MappedOutput Mapped(
        IReadOnlyList<OutputSpec> specs, Func<int, IReadOnlyList<MappedAnswer>> answers, int height, int width) =>
        new(specs[0], answers(0), _grid, height, width)
        {
            Further = [.. specs.Skip(1).Select((spec, i) => new MappedOutput(spec, answers(i + 1), _grid, height, width))],
        };
}
