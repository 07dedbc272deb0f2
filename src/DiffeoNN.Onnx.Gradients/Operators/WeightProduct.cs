namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>
/// The gradient with respect to a convolution's weights as one matrix product: shifted views of the image, channel by channel, times
/// shifted views of dY, summed over all places.
/// </summary>
/// <remarks>
/// A kernel's element (i, j) pairs dY[p] with x[p + (i, j)]. The shift along an axis may be done to either side, so a kernel of 3 x 3
/// needs 3 + 3 views and not 9. Measured (ONNX Runtime 1.31, 3x3, 24 to 24 channels, 64x64, batch 16, milliseconds of one core):
/// as a convolution whose kernel is the image 35, as products of nine views 19, of 3 and 3 views 15, the forward convolution 10.
/// </remarks>
internal sealed class WeightProduct
{
    /// <summary>The runtime's matrix product works on so many columns at once.</summary>
    private const long Block = 16;

    /// <summary>Copying a number costs as much as so many multiplications.</summary>
    private const long CopyCost = 19;

    private const long MostViews = 64;

    private readonly Value _x;
    private readonly Value _dY;
    private readonly Window _window;
    private readonly long _group;
    private readonly long[] _shape;
    private readonly GraphBuilder _builder;
    private readonly int _onGradient;

    private WeightProduct(Value x, Value dY, Window window, long group, long[] shape)
    {
        (_x, _dY, _window, _group, _shape, _builder) = (x, dY, window, group, shape, x.Builder);
        _onGradient = Enumerable.Range(0, 1 << window.Rank).Where(IsPossible).MinBy(Cost);
    }

    private int Rank => _window.Rank;

    private long Inputs => _shape[1];

    private long Outputs => _shape[0] / _group;

    private long Rows => Taps(onGradient: false) * Inputs;

    private long Columns => Taps(onGradient: true) * Outputs;

    /// <summary>The product, in the shape of the weights.</summary>
    /// <param name="x">The convolution's input.</param>
    /// <param name="dY">Gradient with respect to its output.</param>
    /// <param name="window">Its window.</param>
    /// <param name="group">Its groups.</param>
    /// <param name="weights">Its weights: only their shape matters.</param>
    /// <returns>Null where sizes are not known that it needs, or the convolution is faster.</returns>
    public static Value? Of(Value x, Value dY, Window window, long group, Value weights)
    {
        if (x.ElementType is not (OnnxElementType.Float or OnnxElementType.Double) || window.Automatic.Length > 0 || window.LeavesOut
            || weights.Facts.Sizes is not { } shape || shape.Contains(0) || group < 1 || shape[0] % group != 0
            || x.Shape is not { } from || dY.Shape is not { } to)
            return null;
        var isStrided = window.Strides.Any(s => s > 1);
        for (var i = 0; i < window.Rank; i++)
        {
            var isKnown = isStrided
                ? from[i + 2].Size > 0 && to[i + 2].Size > 0
                : (from[i + 2] - to[i + 2]).Size == window.Extent(i) - 1 - window.Begin[i] - window.End[i];
            if (!isKnown)
                return null;
        }

        // With strides the convolution by the image has the kernel's elements for columns, and wastes little where they fill blocks.
        var taps = window.Kernel.Aggregate(1L, (a, b) => a * b);
        if (isStrided && Blocked(taps) * 5 < taps * 7)
            return null;
        var product = new WeightProduct(x, dY, window, group, shape);
        return product.Taps(false) + product.Taps(true) > MostViews ? null : product.Emit();
    }

    private static long Blocked(long columns) => (columns + Block - 1) / Block * Block;

    /// <summary>Whether dY can take the shifts along these axes: its padding must not be negative.</summary>
    private bool IsPossible(int onGradient) => Enumerable.Range(0, Rank).All(i => (onGradient >> i & 1) == 0
        || (_window.Strides.All(s => s == 1) && _window.Begin[i] < _window.Extent(i) && _window.End[i] < _window.Extent(i)));

    private long Cost(int onGradient)
    {
        var (x, y) = (Taps(onGradient, false), Taps(onGradient, true));
        var copies = (x > 1 ? x * Inputs : 0) + (y > 1 ? y * Outputs : 0);
        // Along the last axis parts of rows are copied, twice, elsewhere whole rows at once.
        var last = (onGradient >> (Rank - 1) & 1) == 1 ? y * Outputs : x * Inputs;
        return ((copies + last) * CopyCost) + Multiplications(x * Inputs, y * Outputs);
    }

    private static long Multiplications(long rows, long columns) => Math.Min(rows * Blocked(columns), columns * Blocked(rows));

    private long Taps(bool onGradient) => Taps(_onGradient, onGradient);

    private long Taps(int mask, bool onGradient) =>
        Axes(mask, onGradient).Aggregate(1L, (product, i) => product * _window.Kernel[i]);

    private IEnumerable<int> Axes(int mask, bool onGradient) => Enumerable.Range(0, Rank).Where(i => (mask >> i & 1) == 1 == onGradient);

    private Value Emit()
    {
        var left = _window.Strides.All(s => s == 1) ? Side(onGradient: false) : Joined(StridedViews(), Inputs);
        var right = Side(onGradient: true);
        // Rows are read as they lie, columns come in blocks; from dY's channels in front the way to the weights' order is short.
        var isTurned = Columns * Blocked(Rows) * 20 <= Rows * Blocked(Columns) * 21;
        var places = left.Shape![^1].Size;
        // The sum over the batch goes into the product where that is less to move than the products of all images.
        var isOne = places is { } p && Rows * Columns > p * (Rows + Columns);
        if (isOne)
            (left, right) = (BatchLast(left), BatchLast(right));
        var product = isTurned ? _builder.Op("MatMul", right, left.TransposeLast()) : _builder.Op("MatMul", left, right.TransposeLast());
        return Arranged(isOne ? product : product.Sum([0], keep: false), isTurned);
    }

    /// <summary>A value as its taps see it, (N, views x channels, places), with groups (N, G, views x channels, places).</summary>
    private Value Side(bool onGradient)
    {
        var (value, channels) = onGradient ? (_dY, Outputs) : (_x, Inputs);
        int[] axes = [.. Axes(_onGradient, onGradient)];
        // What lies before and behind: dY is moved against the image.
        long[] before = [.. axes.Select(i => onGradient ? _window.Extent(i) - 1 - _window.Begin[i] : _window.Begin[i])];
        long[] behind = [.. axes.Select(i => onGradient ? _window.Extent(i) - 1 - _window.End[i] : _window.End[i])];
        long[] Starts(long[] taps) =>
            [.. axes.Select((i, a) => (onGradient ? _window.Kernel[i] - 1 - taps[a] : taps[a]) * _window.Dilations[i])];
        var padded = value.Pad(Amounts(axes, before, behind));
        if (ByRows(onGradient))
        {
            var (i, size) = (axes[0], (onGradient ? _x : _dY).Shape![axes[0] + 2].Size!.Value);
            var rows = Places(axes).SelectMany(taps => Enumerable.Range(0, (int)size).Select(p => Starts(taps)[0] + p)).ToArray();
            return Flat(padded.Gather(_builder.Integers(rows), i + 2), _window.Kernel[i] * channels, size);
        }

        int[] cut = [.. Enumerable.Range(0, axes.Length).Where(a => _window.Kernel[axes[a]] > 1)];
        return Joined([.. Places(axes).Select(taps => View(Starts(taps)))], channels);

        Value View(long[] starts)
        {
            long[] left = [.. axes.Select((i, a) => _window.Extent(i) - 1 - starts[a])];
            if (starts.AsSpan().SequenceEqual(before) && left.AsSpan().SequenceEqual(behind))
                return value;
            return cut.Length == 0 ? padded : Slice(padded, [.. cut.Select(a => axes[a])], [.. cut.Select(a => starts[a])],
                [.. cut.Select(a => left[a] == 0 ? long.MaxValue : -left[a])]);
        }

        Value Flat(Value gathered, long views, long rows)
        {
            var inner = gathered.Shape!.Skip(2).Select((d, j) => j == axes[0] ? rows : d.Size).ToArray();
            var places = inner.Contains(null) ? -1 : inner.Aggregate(1L, (product, size) => product * size!.Value);
            return _group == 1 ? gathered.Regroup(0, views, places) : gathered.Regroup(0, _group, views, places);
        }
    }

    /// <summary>Whether a side has the first axis alone: whole rows are copied then, all views at once,
    /// and the views of a channel lie side by side.</summary>
    private bool ByRows(bool onGradient)
    {
        int[] axes = [.. Axes(_onGradient, onGradient)];
        return axes is [0] && Rank > 1 && _window.Strides.All(s => s == 1) && _window.Kernel[axes[0]] > 1
            && (onGradient ? _x : _dY).Shape![axes[0] + 2].Size is > 0;
    }

    /// <summary>The image as taps with a stride see it. Of two axes with one stride the phases are taken apart first:
    /// reading every second number again and again is slow.</summary>
    private List<Value> StridedViews()
    {
        int[] axes = [.. Enumerable.Range(0, Rank)];
        var stride = _window.Strides[0];
        long Size(int i) => _dY.Shape![i + 2].Size!.Value;
        long Input(int i) => _x.Shape![i + 2].Size!.Value;
        if (Rank != 2 || _window.Strides[1] != stride || _window.Kernel.All(k => k == 1))
        {
            var whole = _x.Pad(Amounts(axes, _window.Begin, _window.End));
            return [.. Places(axes).Select(taps => Slice(whole, axes, [.. axes.Select(i => taps[i] * _window.Dilations[i])],
                [.. axes.Select(i => (taps[i] * _window.Dilations[i]) + ((Size(i) - 1) * _window.Strides[i]) + 1)], _window.Strides))];
        }

        long[] phases = [.. axes.Select(i => Size(i) + ((_window.Extent(i) - 1) / stride))];
        var padded = _x.Pad(Amounts(axes, _window.Begin, [.. axes.Select(i => (phases[i] * stride) - Input(i) - _window.Begin[i])]));
        var blocks = _builder.Node("SpaceToDepth", [padded], OnnxAttribute.Of("blocksize", stride))[0];
        if (_group == 1 && _window.Kernel.All(k => k == stride) && _window.Dilations.All(d => d == 1))
            return [blocks];
        var channels = Enumerable.Repeat(Inputs * _group, (int)(stride * stride)).ToArray();
        var parts = _builder.Node("Split", [blocks, _builder.Integers(channels)], channels.Length, OnnxAttribute.Of("axis", 1));
        return [.. Places(axes).Select(taps =>
        {
            long[] offsets = [.. axes.Select(i => taps[i] * _window.Dilations[i])];
            var part = parts[((offsets[0] % stride) * stride) + (offsets[1] % stride)];
            return Slice(part, axes, [.. offsets.Select(o => o / stride)], [.. axes.Select(i => (offsets[i] / stride) + Size(i))]);
        })];
    }

    private Value Slice(Value value, int[] axes, long[] starts, long[] ends, long[]? steps = null)
    {
        Value[] bounds = [_builder.Integers(starts), _builder.Integers(ends), _builder.Integers([.. axes.Select(i => i + 2L)])];
        return _builder.Op("Slice", steps is null ? [value, .. bounds] : [value, .. bounds, _builder.Integers(steps)]);
    }

    private long[] Amounts(int[] axes, long[] before, long[] behind)
    {
        var amounts = new long[2 * (Rank + 2)];
        foreach (var (i, a) in axes.Select((i, a) => (i, a)))
            (amounts[i + 2], amounts[Rank + 4 + i]) = (before[a], behind[a]);
        return amounts;
    }

    /// <summary>All elements of the kernel along some axes, the last axis' changing fastest.</summary>
    private IEnumerable<long[]> Places(int[] axes) => axes.Aggregate(
        (IEnumerable<long[]>)[[]],
        (found, i) => found.SelectMany(place => Enumerable.Range(0, (int)_window.Kernel[i]).Select(k => (long[])[.. place, k])));

    /// <summary>Views side by side: (N, views x channels, places), with groups (N, G, views x channels, places).</summary>
    private Value Joined(List<Value> views, long channels)
    {
        var sizes = views[0].Shape!.Skip(2).Select(d => d.Size).ToArray();
        var places = sizes.Contains(null) ? -1 : sizes.Aggregate(1L, (product, size) => product * size!.Value);
        if (_group == 1)
            return _builder.Concat(1, [.. views]) is var all && all.Shape![1].Size is { } rows ? all.Regroup(0, rows, places)
                : all.Regroup(0, views.Count * channels, places);
        return _builder.Concat(2, [.. views.Select(view => view.Regroup(0, _group, channels, places))]);
    }

    /// <summary>(N, ..., P) as (..., N x P).</summary>
    private static Value BatchLast(Value value) => value.Rank == 3
        ? value.Transpose([1, 0, 2]).Regroup(0, -1) : value.Transpose([1, 2, 0, 3]).Regroup(0, 0, -1);

    /// <summary>From (group, taps x channels, taps x channels) to the shape of the weights.</summary>
    private Value Arranged(Value product, bool isTurned)
    {
        var (rows, columns) = (Order(onGradient: false), Order(onGradient: true));
        var (first, second) = isTurned ? (columns, rows) : (rows, columns);
        List<int> all = [.. first, .. second];
        int[] wanted = [Rank + 1, Rank, .. Enumerable.Range(0, Rank)];
        return product.Reshape([_group, .. all.Select(Size)])
            .Transpose([0, .. wanted.Select(part => 1 + all.IndexOf(part))]).Reshape(_shape);

        long Size(int part) => part < Rank ? _window.Kernel[part] : part == Rank ? Inputs : Outputs;
    }

    /// <summary>What a side's rows run over: the kernel's axes by number, then the image's channels, then those of dY.</summary>
    private int[] Order(bool onGradient)
    {
        var channels = onGradient ? Rank + 1 : Rank;
        return ByRows(onGradient) ? [channels, .. Axes(_onGradient, onGradient)] : [.. Axes(_onGradient, onGradient), channels];
    }
}
