using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Composition;

/// <summary>Composes what follows a network: its answers on several canonical images to one on the image.</summary>
internal static class AnswerComposer
{
    /// <summary>Output (N, K, H, W): the mean of the answers, each carried back by its own map.</summary>
    public const string Mapped = "mapped";

    /// <summary>Output (N, K, H, W): the answer on the canonical image that stands for a row.</summary>
    public const string Final = "final";

    /// <summary>Input (N, K, H, W): the network's output on the m-th canonical image.</summary>
    public static string Output(int map) => $"output_{map}";

    /// <summary>Input (N, 2, H, W): from the image to its m-th canonical image.</summary>
    public static string Inverse(int map) => $"inverse_{map}";

    /// <summary>Input (N, 1, 1): the part that the m-th answer has in the mean.</summary>
    public static string Weight(int map) => $"weight_{map}";

    /// <summary>Input (N, 1, 1): 1 where the m-th map stands for the row, else 0.</summary>
    public static string IsFinal(int map) => $"is_final_{map}";

    /// <summary>Input (N, K, H, W): the network's output on the image as it is.</summary>
    public const string AloneOutput = "output_alone";

    /// <summary>Input (N, 1, 1): the part that the answer for the image as it is has in the mean.</summary>
    public const string AloneWeight = "weight_alone";

    /// <summary>Answers of several maps to their mean on the image.</summary>
    /// <param name="grid">The image's grid.</param>
    /// <param name="channels">K.</param>
    /// <param name="maps">How many.</param>
    /// <param name="activation">What turns outputs into answers.</param>
    /// <param name="onGpu">Whether a GPU runs it.</param>
    /// <param name="withAlone">Whether the answer for the image as it is counts, too.</param>
    public static OnnxModel Answers(
        SamplingGrid grid, int channels, int maps, OutputActivation activation, bool onGpu, bool withAlone = false)
    {
        var writer = new GraphWriter("answers");
        var fields = new FieldOperators(writer, grid, onGpu ? SamplingForm.Kernel : SamplingForm.Gathers);
        string? mean = null, final = null;
        for (var map = 0; map < maps; map++)
        {
            var output = writer.Input(Output(map), "N", channels, grid.Height, grid.Width);
            var inverse = writer.Input(Inverse(map), "N", 2, grid.Height, grid.Width);
            var answer = Answer(output);
            var carried = fields.Sampling.Sample(answer, channels, fields.ToKernelUnits(fields.Flat(inverse, 2)), WarpPadding.Border);
            mean = Sum(mean, writer.Mul(carried, writer.Input(Weight(map), "N", 1, 1)));
            final = Sum(final, writer.Mul(answer, writer.Input(IsFinal(map), "N", 1, 1)));
        }

        if (withAlone)
        {
            var alone = Answer(writer.Input(AloneOutput, "N", channels, grid.Height, grid.Width));
            mean = Sum(mean, writer.Mul(alone, writer.Input(AloneWeight, "N", 1, 1)));
        }

        writer.Output(Mapped, fields.Planar(mean!, channels), "N", channels, grid.Height, grid.Width);
        writer.Output(Final, fields.Planar(final!, channels), "N", channels, grid.Height, grid.Width);
        return writer.Model;

        string Answer(string output) => fields.Flat(
            activation switch
            {
                OutputActivation.Softmax => writer.Op("Softmax", [output], OnnxAttribute.Of("axis", 1L)),
                OutputActivation.Sigmoid => writer.Op("Sigmoid", [output]),
                _ => output,
            },
            channels);

        string Sum(string? sum, string next) => sum is null ? next : writer.Add(sum, next);
    }

    /// <summary>One velocity for two maps after another: <see cref="VelocityComposition"/> on lattices <c>first</c> and
    /// <c>second</c>.</summary>
    public static OnnxModel Composition(SamplingGrid grid, int height, int width)
    {
        var writer = new GraphWriter("composition");
        var (first, second) = (writer.Input("first", "N", 2, height, width), writer.Input("second", "N", 2, height, width));
        writer.Output("velocity", Compose(writer, grid, height, width, first, second), "N", 2, height, width);
        return writer.Model;
    }

    /// <summary>Writes <see cref="VelocityComposition"/> of lattices (N, 2, height, width).</summary>
    public static string Compose(GraphWriter writer, SamplingGrid grid, int height, int width, string first, string second)
    {
        var (spacingX, spacingY) = grid.LatticeSpacing(height, width);
        string Derivative(string field, int axis, int size, double spacing)
        {
            var cells = size - 1;
            var differences = writer.Mul(writer.Sub(writer.Slice(field, axis, 1, size), writer.Slice(field, axis, 0, cells)), 1 / spacing);
            if (cells == 1)
                return writer.Concat(axis, differences, differences);
            var central = writer.Mul(
                writer.Add(writer.Slice(differences, axis, 0, cells - 1), writer.Slice(differences, axis, 1, cells)), 0.5);
            return writer.Concat(axis, writer.Slice(differences, axis, 0, 1), central, writer.Slice(differences, axis, cells - 1, cells));
        }

        string Along(string field, string direction)
        {
            var parts = writer.Split(direction, 1, 1, 1);
            return writer.Add(
                writer.Mul(Derivative(field, 3, width, spacingX), parts[0]), writer.Mul(Derivative(field, 2, height, spacingY), parts[1]));
        }

        var bracket = writer.Sub(Along(first, second), Along(second, first));
        return writer.Add(writer.Add(first, second), writer.Mul(bracket, 0.5));
    }
}
