using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Export;

/// <summary>Writes what turns a photo of any size into an image of the bundle's, and planes of that size into those of the photo's.
/// </summary>
/// <param name="writer">The graph.</param>
/// <param name="image">What the bundle takes.</param>
internal sealed class ExportPhoto(GraphWriter writer, ImageSpec image)
{
    /// <summary>The input (h, w, c), uint8.</summary>
    public const string Input = "photo";

    // Rows, columns and channels of the photo, int64 vectors of one.
    private string _height = "", _width = "";

    /// <summary>Writes the image: (1, C, H, W), values in [0, 1], as <see cref="ImageResampler"/> makes it of the photo.</summary>
    public string Image()
    {
        using var scope = writer.Scope("photo");
        writer.Input(Input, OnnxElementType.UInt8, "h", "w", "c");
        var shape = writer.Op("Shape", [Input]);
        string Side(int axis) => writer.Slice(shape, 0, axis, axis + 1);
        // A graph cannot refuse: it looks up what is not there, in a node whose name says why.
        (_height, _width) = (Checked(Side(0), 2, "a_photo_has_at_least_2_rows"), Checked(Side(1), 2, "a_photo_has_at_least_2_columns"));
        var channels = KnownChannels(Side(2));
        var planes = writer.To(
            writer.Op("Transpose", [Input], OnnxAttribute.Of("perm", [2L, 0, 1])), OnnxElementType.Float);
        // Grey is all three colours; what comes after three is alpha, by which colours are multiplied: behind a picture is black.
        var last = writer.Sub(channels, writer.Ints(1));
        var colours = writer.Mul(
            writer.Rows(planes, writer.Op("Min", [writer.Ints(0, 1, 2), last])), writer.Scalar(1.0 / 255));
        var hasAlpha = writer.Op("Equal", [channels, writer.Ints(4)]);
        var alpha = writer.Mul(writer.Rows(planes, last), writer.Scalar(1.0 / 255));
        colours = writer.Mul(colours, writer.Op("Where", [writer.Reshape(hasAlpha, 1, 1, 1), alpha, writer.Scalar(1)]));
        if (image.Channels == 1)
            colours = Grey(colours);
        var rows = Matrix(_height, image.Height);
        var columns = writer.Op("Transpose", [Matrix(_width, image.Width)], OnnxAttribute.Of("perm", [1L, 0]));
        var resized = writer.Op("MatMul", [writer.Op("MatMul", [rows, colours]), columns]);
        return writer.Reshape(resized, 1, image.Channels, image.Height, image.Width);
    }

    /// <summary>Writes planes carried back to the photo's pixels, (T, K, h, w).</summary>
    /// <param name="planes">(T, K, H, W).</param>
    /// <param name="inverse">(T, 2, H, W), in the resampling kernel's units.</param>
    /// <remarks>The way back is interpolated, and not the planes: edges are as sharp as the planes allow.</remarks>
    public string CarriedBack(string planes, string inverse)
    {
        var sizes = writer.Concat(0, writer.Slice(writer.Op("Shape", [inverse]), 0, 0, 2), _height, _width);
        var ways = writer.Op(
            "Resize", [inverse, "", "", sizes], OnnxAttribute.Of("mode", "linear"),
            OnnxAttribute.Of("coordinate_transformation_mode", "align_corners"));
        var positions = writer.Concat(
            0,
            writer.Op("Expand", [writer.Reshape(Positions(_width), 1, 1, -1), Size()]),
            writer.Op("Expand", [writer.Reshape(Positions(_height), 1, -1, 1), Size()]));
        var places = writer.Op("Transpose", [writer.Add(ways, positions)], OnnxAttribute.Of("perm", [0L, 2, 3, 1]));
        return writer.Op(
            "GridSample", [planes, places], OnnxAttribute.Of("align_corners", 1L),
            OnnxAttribute.Of("mode", writer.Model.Opset < 20 ? "bilinear" : "linear"), OnnxAttribute.Of("padding_mode", "border"));

        string Size() => writer.Concat(0, writer.Ints(1), _height, _width);
    }

    // From -1 to 1.
    private string Positions(string size)
    {
        var last = writer.To(writer.Sub(size, writer.Ints(1)), OnnxElementType.Float);
        return writer.Sub(
            writer.Op("Div", [writer.Mul(writer.To(Numbers(size), OnnxElementType.Float), writer.Scalar(2)), last]), writer.Scalar(1));
    }

    private string Numbers(string size) => writer.Op("Range", [writer.Whole(0), writer.Op("Squeeze", [size]), writer.Whole(1)]);

    // As differences, so that a grey picture keeps its values to the last bit.
    private string Grey(string colours)
    {
        var parts = writer.Split(colours, 0, 1, 1, 1);
        string Part(int colour) => writer.Mul(writer.Sub(parts[colour], parts[2]), writer.Scalar(ImageBuffer.Luma[colour]));
        return writer.Add(writer.Add(parts[2], Part(0)), Part(1));
    }

    private string Checked(string size, long least, string refusal)
    {
        var isWrong = writer.Whole(writer.Op("Less", [size, writer.Ints(least)]));
        return writer.Add(size, Refusing(isWrong, refusal));
    }

    private string KnownChannels(string channels)
    {
        var isKnown = writer.Op("Equal", [channels, writer.Ints(1)]);
        foreach (var other in new[] { 3L, 4 })
            isKnown = writer.Op("Or", [isKnown, writer.Op("Equal", [channels, writer.Ints(other)])]);
        return writer.Add(channels, Refusing(writer.Whole(writer.Not(isKnown)), "a_photo_has_1_or_3_or_4_channels"));
    }

    /// <summary>Zero; 1 asks for the second of one.</summary>
    private string Refusing(string isWrong, string refusal)
    {
        var value = writer.Rows(writer.Ints(0), isWrong);
        writer.Graph.Nodes[^1].Name = $"photo/{refusal}";
        return value;
    }

    /// <summary>The weights of <see cref="ImageResampler"/> for one axis, (target, source), in double.</summary>
    private string Matrix(string source, int target)
    {
        string Number(double value) => writer.Constant(OnnxTensor.Create<double>(writer.Fresh("constant"), [], [value]));
        string Binary(string type, string a, string b) => writer.Op(type, [a, b]);
        string Sum(string value) => writer.Reduce("ReduceSum", value, true, 1);
        var last = writer.To(writer.Sub(writer.Op("Squeeze", [source]), writer.Whole(1)), OnnxElementType.Double);
        var scale = Binary("Div", last, Number(target - 1.0));
        var targets = writer.Constant(OnnxTensor.Create<double>(
            writer.Fresh("constant"), [target, 1], [.. Enumerable.Range(0, target).Select(i => (double)i)]));
        var centre = Binary("Mul", targets, scale);
        var radius = Binary("Max", Number(1), Binary("Min", scale, Binary("Min", centre, Binary("Sub", last, centre))));
        var places = writer.Reshape(writer.To(Numbers(source), OnnxElementType.Double), 1, -1);
        var distance = Binary("Sub", places, centre);
        var kernel = Binary("Max", Number(0), Binary("Sub", Number(1), Binary("Div", writer.Op("Abs", [distance]), radius)));
        var moments = Binary("Mul", kernel, distance);
        var (sum, moment, inertia) = (Sum(kernel), Sum(moments), Sum(Binary("Mul", moments, distance)));
        var determinant = Binary("Sub", Binary("Mul", sum, inertia), Binary("Mul", moment, moment));
        // weights * (a + b * distance) with sum 1 and first moment 0.
        var isSound = Binary("Greater", determinant, Number(1e-12));
        var divisor = writer.Op("Where", [isSound, determinant, Number(1)]);
        var a = writer.Op("Where", [isSound, Binary("Div", inertia, divisor), Binary("Div", Number(1), sum)]);
        var b = writer.Op("Where", [isSound, Binary("Div", writer.Op("Neg", [moment]), divisor), Number(0)]);
        return writer.To(Binary("Mul", kernel, Binary("Add", a, Binary("Mul", b, distance))), OnnxElementType.Float);
    }
}
