using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Native;

namespace DiffeoNN.Onnx.Composition;

/// <summary>Bilinear sampling as one operator that ONNX Runtime calls us for, and its gradient as another.</summary>
/// <remarks>
/// Scatters, by which the gradient of gathers is written otherwise, take one number after another on one core.
/// <c>Sample(image (N, C, P), displacement (N, 2, P), positions (1, 2, P))</c> gives (N, C, P);
/// <c>SampleGradient</c> takes the gradient of that besides and gives those of image and displacement.
/// Units and rounding are those of <see cref="SamplingOperators"/>.
/// </remarks>
internal sealed class SampleOperator : OrtOperator
{
    private const string Sample = "Sample";
    private const string SampleGradient = "SampleGradient";

    private readonly bool _isGradient;

    /// <param name="isGradient">Which of the two it is.</param>
    public SampleOperator(bool isGradient) : base(
        ManagedOperators.Domain, isGradient ? SampleGradient : Sample, isGradient ? 4 : 3, isGradient ? 2 : 1,
        isGradient ? ["height", "width", "margin", "image"] : ["height", "width", "margin"]) => _isGradient = isGradient;

    /// <summary>What the gradient compiler is to know of them.</summary>
    public static IReadOnlyList<OperatorDefinition> Definitions { get; } =
    [
        new(Sample, new GradientRule(ManagedOperators.Version, Gradient) { NonDifferentiableInputs = [2] })
        {
            Domain = ManagedOperators.Domain, Takes = new(3, 3), InputNames = ["image", "displacement", "positions"],
            Shapes = n => [n.Facts(0)],
        },
        new(SampleGradient)
        {
            Domain = ManagedOperators.Domain, Takes = new(4, 4), InputNames = ["image", "displacement", "positions", "gradient"],
            Shapes = n => [HasImage(n.Node) ? n.Facts(0) : new ValueFacts(OnnxElementType.Float, [0L]), n.Facts(1)],
        },
    ];

    /// <summary>The form that is fastest with a gradient on an engine.</summary>
    public static SamplingForm FormOn(OnnxRuntimeEngine engine) =>
        ManagedOperators.AreFor(engine) ? SamplingForm.Operator : SamplingForm.Gathers;

    /// <summary>Writes a node.</summary>
    /// <param name="writer">The graph.</param>
    /// <param name="inputs">Image, displacement, positions.</param>
    /// <param name="height">Rows.</param>
    /// <param name="width">Columns.</param>
    /// <param name="margin">1 for zeros outside, 0 for the outermost pixels for ever.</param>
    public static string Write(GraphWriter writer, ReadOnlySpan<string> inputs, int height, int width, int margin)
    {
        writer.Model.OpsetImports[ManagedOperators.Domain] = ManagedOperators.Version;
        var name = writer.Op(Sample, inputs, OnnxAttribute.Of("height", (long)height), OnnxAttribute.Of("width", (long)width),
            OnnxAttribute.Of("margin", (long)margin));
        writer.Graph.Nodes[^1].Domain = ManagedOperators.Domain;
        return name;
    }

    /// <inheritdoc/>
    protected override unsafe void Compute(OrtOperatorCall call)
    {
        var kernel = new SamplingKernel(call.Attribute(0), call.Attribute(1), call.Attribute(2));
        var (image, displacement, positions) = (call.Inputs[0], call.Inputs[1], call.Inputs[2]);
        Expect("the image", image.Shape, -1, -1, kernel.Pixels);
        var (items, channels) = (checked((int)image.Shape[0]), checked((int)image.Shape[1]));
        Expect("the displacement", displacement.Shape, items, 2, kernel.Pixels);
        Expect("the positions", positions.Shape, 1, 2, kernel.Pixels);
        var x = (float*)image.Address;
        var u = (float*)displacement.Address;
        var at = (float*)positions.Address;
        var (imageStep, fieldStep) = ((long)channels * kernel.Pixels, 2L * kernel.Pixels);
        if (!_isGradient)
        {
            var y = (float*)call.Output(0, image.Shape);
            call.InParallel(items, n => kernel.Sample(x + (n * imageStep), channels, u + (n * fieldStep), at, y + (n * imageStep)));
            return;
        }

        var gradient = call.Inputs[3];
        Expect("the gradient", gradient.Shape, items, channels, kernel.Pixels);
        var dY = (float*)gradient.Address;
        var hasImage = call.Attribute(3) != 0;
        var dX = (float*)call.Output(0, hasImage ? image.Shape : [0]);
        var dU = (float*)call.Output(1, displacement.Shape);
        call.InParallel(items, n => kernel.SampleGradient(x + (n * imageStep), channels, u + (n * fieldStep), at,
            dY + (n * imageStep), hasImage ? dX + (n * imageStep) : null, dU + (n * fieldStep)));
    }

    private static void Expect(string what, long[] shape, long items, long channels, long pixels)
    {
        if (shape.Length != 3 || (items >= 0 && shape[0] != items) || (channels >= 0 && shape[1] != channels) || shape[2] != pixels)
            throw new OrtOperatorException($"Sampling was given {what} as [{string.Join(',', shape)}]; expected "
                + $"[{(items < 0 ? "N" : items)},{(channels < 0 ? "C" : channels)},{pixels}].");
    }

    private static bool HasImage(OnnxNode node) => node.GetInt("image", 0) != 0;

    private static Func<Value>?[] Gradient(RuleContext n)
    {
        IReadOnlyList<Value>? made = null;
        Value Made(int output) => (made ??= n.Add(SampleGradient, [n.X, n.Input(1), n.Input(2), n.dY],
            [.. n.Node.Attributes.Values, OnnxAttribute.Of("image", n.Wanted.Contains(0) ? 1L : 0L)], 2, ManagedOperators.Domain))[output];
        return [() => Made(0), () => Made(1)];
    }
}
