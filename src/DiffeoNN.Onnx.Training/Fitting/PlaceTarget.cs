using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>Points, and boxes by their corners: what lies at p of the undeformed image lies, on the image that a proposal gives, where both
/// inverse maps lead from p. What comes to lie outside does not count.</summary>
/// <remarks>The deformed image is x(phi(q)), the proposal's x(phi(psi(r))): r = psi^-1(phi^-1(p)). Of a box the corners and the middles of
/// the edges go that way, and the smallest box around them is the target, as answers are carried back.</remarks>
internal sealed class PlaceTarget(InnerAnswer answer, int count, SamplingGrid image) : TaskTarget
{
    private const int Iterations = 20;
    private const int Outline = 8;

    private bool AreBoxes => answer == InnerAnswer.Boxes;

    /// <inheritdoc/>
    public override torch.Tensor Carry(torch.Tensor answers, torch.Tensor nodes)
    {
        var u = Maps.Resample(nodes, image.Height, image.Width);
        if (!AreBoxes)
            return Maps.Back(u, answers, Iterations).contiguous();
        var corners = answers.narrow(2, 0, 4).reshape(answers.size(0), 2 * count, 2);
        var outline = BoxAnswers.Outline(corners).reshape(answers.size(0), Outline * count, 2);
        var moved = Maps.Back(u, outline, Iterations).reshape(answers.size(0), count, 2 * Outline);
        return torch.cat([moved, answers.narrow(2, 4, 1)], 2).contiguous();
    }

    /// <inheritdoc/>
    public override string Difference(ObjectiveBuilder builder, ProposedMap map, string output)
    {
        var w = builder.Writer;
        // Distances in the library's unit.
        var unit = w.Floats([1, 1, 2], [(float)image.HalfWidth, (float)image.HalfHeight]);
        if (!AreBoxes)
        {
            var points = map.Back(builder.Input(Data, "N", count, 2));
            return builder.Mean(w.Mul(SquaredDistance(output, points), Inside(points)));
        }

        var data = builder.Input(Data, "N", count, (2 * Outline) + 1);
        var outline = w.Reshape(map.Back(w.Reshape(w.Slice(data, 2, 0, 2 * Outline), 0, -1, 2)), 0, count, Outline, 2);
        var corners = w.Reshape(
            w.Concat(2, w.Reduce("ReduceMin", outline, true, 2), w.Reduce("ReduceMax", outline, true, 2)), 0, 2 * count, 2);
        var found = w.Reshape(w.Slice(output, 2, 0, 4), 0, 2 * count, 2);
        var distance = w.Mul(SquaredDistance(found, corners), Inside(corners));
        var weight = w.Slice(data, 2, 2 * Outline, (2 * Outline) + 1);
        var weighted = builder.Mean(w.Mul(w.Reshape(distance, 0, count, 2), weight));
        return w.Op("Div", [weighted, w.Op("Max", [builder.Mean(weight), w.Scalar(1e-6)])]);

        string SquaredDistance(string a, string b)
        {
            var difference = w.Mul(w.Sub(a, b), unit);
            return w.Reduce("ReduceSum", w.Mul(difference, difference), false, 2);
        }

        string Inside(string places)
        {
            var farthest = w.Reduce("ReduceMax", w.Op("Abs", [places]), false, 2);
            return w.Op("Cast", [w.Op("LessOrEqual", [farthest, w.Scalar(1)])], OnnxAttribute.Of("to", (long)OnnxElementType.Float));
        }
    }
}
