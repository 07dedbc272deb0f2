namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Convolution whose kernel elements are moved by an offset at every place, and weighed by a mask.</summary>
internal static class DeformableConvolution
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("DeformConv", new(19, DeformConv) { Limits = "Images only, as in ONNX Runtime; the kernel's size must be known." })
        {
            InputNames = ["X", "W", "offset", "B", "mask"], Shapes = ShapeInference.Conv,
        },
    ];

    /// <summary>
    /// Y = W (mask * S) + B, where S holds the elements sampled at the moved places, linear with zeros outside:
    /// dS = mask * W^T dY goes on to X and the offsets as in GridSample, dmask = sum over channels of S * W^T dY, dW = dY (mask * S)^T.
    /// </summary>
    private static Func<Value>[] DeformConv(RuleContext n)
    {
        if (n.X.Rank != 4)
            throw n.Refuse($"its input has rank {n.X.Rank}; the runtime handles images only.");
        var taps = new DeformedTaps(n);
        return [taps.ImageGradient, taps.WeightGradient, taps.OffsetGradient, () => n.dY.Sum([0, 2, 3], keep: false), taps.MaskGradient];
    }

    /// <summary>One node's samples: (image and offset group, kernel element, output height, output width, channels of the group).</summary>
    private sealed class DeformedTaps
    {
        private readonly RuleContext _n;
        private readonly GraphBuilder _builder;
        private readonly Window _window;
        private readonly long _elements;
        private readonly long _group;
        private readonly long _offsetGroup;
        private readonly Value _height;
        private readonly Value _width;
        private readonly Value _channels;
        private readonly Sampler _sampler;

        public DeformedTaps(RuleContext n)
        {
            (_n, _builder) = (n, n.Builder);
            _window = Window.Read(n.Node, n.X.Shape!, n.Input(1).Shape) ?? throw n.Refuse("the size of its kernel is not known.");
            _elements = _window.Kernel[0] * _window.Kernel[1];
            (_group, _offsetGroup) = (n.Node.GetInt("group", 1), n.Node.GetInt("offset_group", 1));
            (_height, _width) = (n.Y.Size(2), n.Y.Size(3));
            _channels = Part(n.X.Size(1), _offsetGroup);
            var moved = n.Input(2).Reshape(Joined(_builder.Integers(-1, _elements, 2), _height, _width));
            // Every group of channels with offsets of its own is an image of its own.
            var images = n.X.Reshape(Joined(_builder.Integers(-1), _channels, n.X.Size(2), n.X.Size(3)));
            Tap[] Along(int axis) => Tap.Of(moved.Gather(_builder.Integers(axis).Reshape([]), 2) + Start(axis),
                n.X.Size(axis + 2).Reshape([]), "linear", OutsideRule.Zeros);
            _sampler = new Sampler(images, [Along(0), Along(1)], Sampling.Count(n.X.Size(0) * _offsetGroup).Reshape(-1, 1, 1, 1));
        }

        public Value ImageGradient() => _sampler.ImageGradient(ColumnsFirst()).ReshapeLike(_n.X);

        public Value OffsetGradient()
        {
            var moves = _sampler.PositionGradients(Masked(Columns())).Select(p => p!.Unsqueeze(2)).ToArray();
            return _builder.Node("Concat", moves, OnnxAttribute.Of("axis", 2))[0].ReshapeLike(_n.Input(2));
        }

        public Value MaskGradient() => (Columns() * _sampler.Sampled()).Sum([-1], keep: false).ReshapeLike(_n.Input(4));

        public Value WeightGradient()
        {
            var (batch, weights) = (_n.X.Size(0), _n.Input(1));
            var pixels = _height * _width;
            var columns = Masked(_sampler.Sampled()).Reshape(Joined(batch, _builder.Integers(_offsetGroup, _elements), pixels, _channels))
                .Transpose(0, 1, 4, 2, 3)
                .Reshape(Joined(batch, _builder.Integers(_group, -1), pixels));
            return _builder.Op("MatMul", Grouped(batch, pixels), columns.TransposeLast()).Sum([0], keep: false).ReshapeLike(weights);
        }

        /// <summary>W^T dY in the layout of the samples.</summary>
        private Value Columns() =>
            Spread().Transpose(0, 1, 3, 4, 2).Reshape(Joined(_builder.Integers(-1, _elements), _height, _width, _channels));

        /// <summary>mask * W^T dY with the channels in front.</summary>
        private Value ColumnsFirst()
        {
            var columns = Spread().Transpose(2, 0, 1, 3, 4).Reshape(Joined(_channels, _builder.Integers(-1, _elements), _height, _width));
            return _n.Has(4) ? columns * _n.Input(4).Reshape(Joined(_builder.Integers(-1, _elements), _height, _width)) : columns;
        }

        /// <summary>W^T dY, (image, offset group, channel of the group, kernel element, output pixel).</summary>
        private Value Spread()
        {
            var (batch, weights) = (_n.X.Size(0), _n.Input(1));
            var pixels = _height * _width;
            var kernel = weights.Reshape(Joined(_builder.Integers(_group), Part(weights.Size(0), _group), _builder.Integers(-1)))
                .TransposeLast();
            return _builder.Op("MatMul", kernel, Grouped(batch, pixels)).Reshape(
                Joined(batch, _builder.Integers(_offsetGroup), _channels, _builder.Integers(_elements), pixels));
        }

        private Value Grouped(Value batch, Value pixels) => _n.dY.Reshape(Joined(batch, _builder.Integers(_group, -1), pixels));

        private Value Masked(Value samples) => !_n.Has(4) ? samples
            : samples * _n.Input(4).Reshape(Joined(_builder.Integers(-1, _elements), _height, _width, _builder.Integers(1)));

        /// <summary>Where the kernel elements lie along an axis before they are moved:
        /// (1, kernel element, output height, 1) or (1, kernel element, 1, output width).</summary>
        private Value Start(int axis)
        {
            var (down, across) = (_window.Kernel[0], _window.Kernel[1]);
            var offsets = Enumerable.Range(0, (int)_elements).Select(
                e => (double)(((axis == 0 ? e / across : e % across) * _window.Dilations[axis]) - _window.Begin[axis]));
            var kernel = _builder.Constant(OnnxTensor.FromDoubles("", _n.X.ElementType, [1, down * across, 1, 1], [.. offsets]));
            var steps = Sampling.Count(axis == 0 ? _height : _width).Cast(_n.X.ElementType) * _window.Strides[axis];
            return kernel + (axis == 0 ? steps.Reshape(1, 1, -1, 1) : steps.Reshape(1, 1, 1, -1));
        }

        private static Value Part(Value size, long groups) =>
            groups == 1 ? size : size.Builder.Op("Div", size, size.Builder.Integers(groups));

        private Value Joined(params Value[] sizes) => _builder.Node("Concat", sizes, OnnxAttribute.Of("axis", 0))[0];
    }
}
