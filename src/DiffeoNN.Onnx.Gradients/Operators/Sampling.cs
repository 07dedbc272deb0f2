namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Sampling an image at given places, and the grids of places that affine maps give.</summary>
internal static class Sampling
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("GridSample", new(16, GridSample) { Limits = "In nearest mode the gradient of the grid is zero." })
        {
            Takes = new(2, 2), InputNames = ["X", "grid"], Ranks = ["4+", "="], Shapes = ShapeInference.GridSample,
            Upgrades = [new(20, OpsetConverter.GridSampleMode)],
        },
        new("AffineGrid",
            new(20, AffineGrid) { NonDifferentiableInputs = [1], Limits = "`size` or theta must show the number of spatial axes." })
        {
            Takes = new(2, 2), InputNames = ["theta", "size"], Shapes = ShapeInference.AffineGrid,
        },
    ];

    /// <summary>
    /// Y(p) = sum of X(i) w(i - p): dX(i) = sum of dY(p) w(i - p), and dp = sum of dY(p) X(i) dw/dp.
    /// The gradient with respect to the grid is 0 in nearest mode, whose samples do not change with small changes of their places;
    /// elsewhere it is that of the cell on the right where a place falls on an element.
    /// </summary>
    private static Func<Value>[] GridSample(RuleContext n)
    {
        var (x, grid, rank) = (n.X, n.Input(1), n.X.Rank - 2);
        var corners = n.Node.GetInt("align_corners", 0) != 0;
        var mode = n.Node.GetString("mode", "linear") switch { "nearest" => "nearest", "cubic" or "bicubic" => "cubic", _ => "linear" };
        var outside = n.Node.GetString("padding_mode", "zeros") switch
        {
            "border" => OutsideRule.Border,
            "reflection" => corners ? OutsideRule.MirroredCentres : OutsideRule.MirroredEdges,
            _ => OutsideRule.Zeros,
        };
        Value Size(int axis) => x.Size(axis + 2).Reshape([]);
        // The grid's last axis counts the spatial axes from the last one.
        Value Position(int axis)
        {
            var place = grid.Gather(n.Builder.Integers(rank - 1 - axis).Reshape([]), rank + 1) + 1;
            var size = Size(axis).Cast(grid.ElementType);
            return corners ? place * ((size - 1) * 0.5) : ((place * size) - 1) * 0.5;
        }

        Value Stretch(int axis) => (Size(axis) - (corners ? 1 : 0)).Cast(grid.ElementType) * 0.5;
        var batch = x.Shape![0].Size == 1 ? null : Count(x.Size(0)).Reshape([-1, .. Enumerable.Repeat(1L, rank)]);
        var sampler = new Sampler(x, [.. Enumerable.Range(0, rank).Select(a => Tap.Of(Position(a), Size(a), mode, outside))], batch);
        return
        [
            () => sampler.ImageGradient(n.dY.ChannelsFirst()),
            () => mode == "nearest" ? n.Zeros(grid) : n.Builder.Node("Concat", sampler.PositionGradients(n.dY.ChannelsLast())
                .Select((p, a) => (p! * Stretch(a)).Unsqueeze(-1)).Reverse().ToArray(), OnnxAttribute.Of("axis", -1))[0],
        ];
    }

    /// <summary>0, 1, 2, ... below a size that is given as a vector of one element.</summary>
    public static Value Count(Value size) =>
        size.Builder.Op("Range", size.Builder.Integers(0).Reshape([]), size.Reshape([]), size.Builder.Integers(1).Reshape([]));

    /// <summary>Y = theta * (p, 1) for every place p of the grid that the identity gives, so dtheta = sum of dY (p, 1)^T.</summary>
    private static Func<Value>[] AffineGrid(RuleContext n) =>
    [
        () =>
        {
            var rank = (int)(n.Shapes.Shape(1)?[0].Size - 2 ?? n.X.Shape?[1].Size
                ?? throw n.Refuse("the number of its sizes is not known."));
            var identity = Enumerable.Range(0, rank * (rank + 1)).Select(i => i / (rank + 1) == i % (rank + 1) ? 1.0 : 0.0).ToArray();
            var sizes =
                n.Builder.Node("Concat", [n.Builder.Integers(1, 1), n.Input(1).Slice(0, 2, rank + 2)], OnnxAttribute.Of("axis", 0))[0];
            // The runtime has no kernel for 16 bits and fails to put one together.
            var type = n.X.ElementType == OnnxElementType.Double ? OnnxElementType.Double : OnnxElementType.Float;
            var places = n.Builder.Node(
                "AffineGrid", [n.Builder.Constant(OnnxTensor.FromDoubles("", type, [1, rank, rank + 1], identity)), sizes],
                OnnxAttribute.Of("align_corners", n.Node.GetInt("align_corners", 0)))[0].Reshape(1, -1, rank).Cast(n.X.ElementType);
            var linear = n.dY.Regroup(0, -1, rank).Transpose(0, 2, 1);
            var turned = n.Builder.Op("MatMul", linear, places);
            return n.Builder.Node("Concat", [turned, linear.Sum([2])], OnnxAttribute.Of("axis", 2))[0];
        },
    ];
}
