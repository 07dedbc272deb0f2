using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DiffeoNN.Onnx.Composition;

/// <summary>Bilinear sampling of one item and its gradient, as <see cref="SamplingOperators"/> writes them, on memory.</summary>
/// <remarks>Compiled to their best at once: the first hundred steps would be slow otherwise.</remarks>
internal readonly unsafe struct SamplingKernel
{
    /// <summary>Pixels that are placed at once; their places stay in the nearest cache.</summary>
    private const int Block = 256;

    private readonly int _height;
    private readonly int _width;
    private readonly int _margin;

    /// <param name="height">Rows, at least 2.</param>
    /// <param name="width">Columns, at least 2.</param>
    /// <param name="margin">1 for zeros outside, 0 for the outermost pixels for ever.</param>
    public SamplingKernel(int height, int width, int margin)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 2);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)margin, 1u);
        (_height, _width, _margin) = (height, width, margin);
    }

    /// <summary>Pixels of a channel.</summary>
    public int Pixels => _height * _width;

    /// <summary>Values at all pixels' positions plus a displacement.</summary>
    /// <param name="image">(C, P).</param>
    /// <param name="channels">C.</param>
    /// <param name="displacement">(2, P), in the resampling kernel's units.</param>
    /// <param name="positions">(2, P), likewise.</param>
    /// <param name="result">(C, P).</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Sample(float* image, int channels, float* displacement, float* positions, float* result)
    {
        Cells cells;
        for (var first = 0; first < Pixels; first += Block)
        {
            var count = Locate(displacement, positions, first, &cells);
            for (var c = 0; c < channels; c++)
            {
                var plane = image + ((long)c * Pixels);
                var to = result + ((long)c * Pixels) + first;
                for (var i = 0; i < count; i++)
                {
                    var corners = Corners(plane, cells.X[i], cells.Y[i]);
                    var top = corners.UpperLeft + (cells.PartX[i] * (corners.UpperRight - corners.UpperLeft));
                    var bottom = corners.LowerLeft + (cells.PartX[i] * (corners.LowerRight - corners.LowerLeft));
                    to[i] = top + (cells.PartY[i] * (bottom - top));
                }
            }
        }
    }

    /// <summary>The gradient of <see cref="Sample"/>.</summary>
    /// <param name="image">(C, P).</param>
    /// <param name="channels">C.</param>
    /// <param name="displacement">(2, P).</param>
    /// <param name="positions">(2, P).</param>
    /// <param name="gradient">With respect to the result, (C, P).</param>
    /// <param name="toImage">With respect to the image, (C, P); null where it is not wanted.</param>
    /// <param name="toDisplacement">With respect to the displacement, (2, P).</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void SampleGradient(float* image, int channels, float* displacement, float* positions, float* gradient, float* toImage,
        float* toDisplacement)
    {
        Cells cells;
        var alongX = stackalloc float[Block];
        var alongY = stackalloc float[Block];
        if (toImage is not null)
            Unsafe.InitBlockUnaligned(toImage, 0, checked((uint)((long)channels * Pixels * sizeof(float))));
        for (var first = 0; first < Pixels; first += Block)
        {
            var count = Locate(displacement, positions, first, &cells);
            new Span<float>(alongX, count).Clear();
            new Span<float>(alongY, count).Clear();
            for (var c = 0; c < channels; c++)
            {
                var plane = image + ((long)c * Pixels);
                var from = gradient + ((long)c * Pixels) + first;
                var target = toImage is null ? null : toImage + ((long)c * Pixels);
                for (var i = 0; i < count; i++)
                {
                    var (x, y, partX, partY, g) = (cells.X[i], cells.Y[i], cells.PartX[i], cells.PartY[i], from[i]);
                    var corners = Corners(plane, x, y);
                    var (upper, lower) = (corners.UpperRight - corners.UpperLeft, corners.LowerRight - corners.LowerLeft);
                    var toBottom = g * partY;
                    var toTop = g - toBottom;
                    alongX[i] += (toTop * upper) + (toBottom * lower);
                    alongY[i] += g * (corners.LowerLeft + (partX * lower) - (corners.UpperLeft + (partX * upper)));
                    if (target is not null)
                        Spread(target, x, y, toTop, toBottom, partX);
                }
            }

            var toX = toDisplacement + first;
            var toY = toX + Pixels;
            for (var i = 0; i < count; i++)
                (toX[i], toY[i]) = (alongX[i] * cells.FlowX[i], alongY[i] * cells.FlowY[i]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private (float UpperLeft, float UpperRight, float LowerLeft, float LowerRight) Corners(float* plane, int x, int y)
    {
        if (_margin > 0 && !((uint)x < (uint)(_width - 1) && (uint)y < (uint)(_height - 1)))
            return (Outside(plane, x, y), Outside(plane, x + 1, y), Outside(plane, x, y + 1), Outside(plane, x + 1, y + 1));
        var upper = plane + ((long)y * _width) + x;
        var lower = upper + _width;
        return (upper[0], upper[1], lower[0], lower[1]);
    }

    private float Outside(float* plane, int x, int y) =>
        (uint)x < (uint)_width && (uint)y < (uint)_height ? plane[((long)y * _width) + x] : 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Spread(float* target, int x, int y, float toTop, float toBottom, float partX)
    {
        var (upperRight, lowerRight) = (toTop * partX, toBottom * partX);
        if (_margin > 0 && !((uint)x < (uint)(_width - 1) && (uint)y < (uint)(_height - 1)))
        {
            Add(target, x, y, toTop - upperRight);
            Add(target, x + 1, y, upperRight);
            Add(target, x, y + 1, toBottom - lowerRight);
            Add(target, x + 1, y + 1, lowerRight);
            return;
        }

        var upper = target + ((long)y * _width) + x;
        var lower = upper + _width;
        upper[0] += toTop - upperRight;
        upper[1] += upperRight;
        lower[0] += toBottom - lowerRight;
        lower[1] += lowerRight;
    }

    private void Add(float* target, int x, int y, float value)
    {
        if ((uint)x < (uint)_width && (uint)y < (uint)_height)
            target[((long)y * _width) + x] += value;
    }

    /// <summary>Places of some pixels.</summary>
    /// <returns>How many.</returns>
    private int Locate(float* displacement, float* positions, int first, Cells* cells)
    {
        var count = Math.Min(Block, Pixels - first);
        Locate(displacement + first, positions + first, count, _width, cells->X, cells->PartX, cells->FlowX);
        Locate(displacement + Pixels + first, positions + Pixels + first, count, _height, cells->Y, cells->PartY, cells->FlowY);
        return count;
    }

    /// <summary>Along one axis: the cell's first pixel, the part of the cell behind it, and the derivative of the place with respect to
    /// the displacement, 0 where the place is held at the border.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Locate(float* displacement, float* positions, int count, int size, int* cell, float* part, float* flow)
    {
        var scale = (size - 1) / 2f;
        var (low, high) = _margin > 0 ? (-1f, size) : (1e-30f, MathF.BitDecrement(size - 1));
        float last = size - 2 + _margin;
        var i = 0;
        for (; i + Vector256<float>.Count <= count; i += Vector256<float>.Count)
        {
            var place = (Vector256.Load(positions + i) + Vector256.Load(displacement + i) + Vector256<float>.One) * scale;
            var inside = Vector256.Min(Vector256.Max(place, Vector256.Create(low)), Vector256.Create(high));
            var floor = Vector256.Min(Vector256.Floor(inside), Vector256.Create(last));
            Vector256.ConvertToInt32(floor).Store(cell + i);
            (inside - floor).Store(part + i);
            Vector256.ConditionalSelect(Vector256.Equals(place, inside), Vector256.Create(scale), Vector256<float>.Zero).Store(flow + i);
        }

        for (; i < count; i++)
        {
            var place = (positions[i] + displacement[i] + 1) * scale;
            var inside = MathF.Min(MathF.Max(place, low), high);
            var floor = MathF.Min(MathF.Floor(inside), last);
            // No number converts to 0 here and above: nothing outside the image is ever read.
            (cell[i], part[i], flow[i]) = ((int)floor, inside - floor, place == inside ? scale : 0);
        }
    }

    private struct Cells
    {
        public fixed int X[Block];
        public fixed int Y[Block];
        public fixed float PartX[Block];
        public fixed float PartY[Block];
        public fixed float FlowX[Block];
        public fixed float FlowY[Block];
    }
}
