using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Torch;

/// <summary>The window of a convolution or pooling, its padding resolved for the size of its input.</summary>
/// <param name="Kernel">Elements of the kernel along each spatial axis.</param>
/// <param name="Strides">Steps of the window.</param>
/// <param name="Dilations">Distances of the kernel's elements.</param>
/// <param name="Begin">Padding before the input.</param>
/// <param name="End">Padding after the input, as the node asks for it.</param>
/// <param name="Steps">Positions of the window: the output's size.</param>
internal sealed record TorchWindow(long[] Kernel, long[] Strides, long[] Dilations, long[] Begin, long[] End, long[] Steps)
{
    /// <summary>Number of spatial axes.</summary>
    public int Rank => Kernel.Length;

    /// <summary>The window of a convolution or pooling over the node's first input.</summary>
    /// <param name="n">The node.</param>
    /// <param name="kernel">The kernel's size.</param>
    /// <exception cref="GraphException">The attributes do not fit the input.</exception>
    public static TorchWindow Of(TorchNode n, long[] kernel)
    {
        var (window, automatic) = Read(n, kernel);
        var sizes = n.X.shape[2..];
        var roundsUp = n.Int("ceil_mode", 0) != 0;
        var isPool = n.Node.OpType.EndsWith("Pool", StringComparison.Ordinal);
        for (var i = 0; i < window.Rank; i++)
        {
            var (size, stride, extent) = (sizes[i], window.Strides[i], window.Extent(i));
            if (automatic.StartsWith("SAME", StringComparison.Ordinal))
            {
                // As ONNX Runtime does it: pools take their kernel for undilated, and what strides longer than the kernel leave out is
                // left out at both ends, of convolutions one element less.
                var total = ((((size + stride - 1) / stride) - 1) * stride) + (isPool ? window.Kernel[i] : extent) - size;
                window.Split(i, total < 0 && !isPool ? total + 1 : total, automatic == "SAME_UPPER");
            }

            // Rounded towards zero, so that a pool's window that is larger than all there is stands once.
            var free = size + window.Begin[i] + window.End[i] - extent;
            window.Steps[i] = free < 0 && !isPool ? 0 : Math.Max(0, (free / stride) + 1);
            // Rounding up adds a window that starts inside the input or the padding before it, never one in the padding behind it.
            if (roundsUp && free >= 0 && free % stride != 0 && window.Steps[i] * stride < size + window.Begin[i]) window.Steps[i]++;
        }

        return window;
    }

    /// <summary>The window of a transposed convolution: <see cref="Steps"/> is the output's size, padding is what it cuts off.</summary>
    /// <param name="n">The node.</param>
    /// <param name="kernel">The kernel's size.</param>
    /// <param name="extra">Output padding.</param>
    /// <exception cref="GraphException">The attributes do not fit the input.</exception>
    public static TorchWindow Transposed(TorchNode n, long[] kernel, long[] extra)
    {
        var (window, automatic) = Read(n, kernel);
        var wanted = n.Ints("output_shape")?.TakeLast(kernel.Length).ToArray();
        for (var i = 0; i < window.Rank; i++)
        {
            var (size, stride) = (n.X.shape[i + 2], window.Strides[i]);
            var reach = ((size - 1) * stride) + window.Extent(i) + extra[i];
            if (wanted is null && !automatic.StartsWith("SAME", StringComparison.Ordinal))
            {
                window.Steps[i] = reach - window.Begin[i] - window.End[i];
                continue;
            }

            // As ONNX Runtime does it: where strides are longer than the kernel nothing is filled up.
            window.Steps[i] = wanted?[i] ?? Math.Min(reach, size * stride);
            window.Split(i, Math.Max(0, reach - window.Steps[i]), automatic == "SAME_UPPER");
        }

        return window;
    }

    /// <summary>Elements that the dilated kernel spans.</summary>
    public long Extent(int axis) => ((Kernel[axis] - 1) * Dilations[axis]) + 1;

    /// <summary>An input with exactly the padding that the windows reach; what no window reaches is cut off.</summary>
    /// <param name="x">Its last axes are the spatial ones.</param>
    /// <param name="value">What the padding holds.</param>
    public Tensor Around(Tensor x, double value)
    {
        var first = (int)x.dim() - Rank;
        long[] end = [.. Enumerable.Range(0, Rank).Select(i => Reach(i) - Begin[i] - x.shape[first + i])];
        return x.Padded(first, Begin, end, value);
    }

    /// <summary>Sums over the windows, axis by axis.</summary>
    /// <param name="x">Its last axes are the spatial ones, without padding.</param>
    public Tensor Sums(Tensor x)
    {
        var first = (int)x.dim() - Rank;
        var result = Around(x, 0);
        for (var i = 0; i < Rank; i++)
        {
            var windows = result.unfold(first + i, Extent(i), Strides[i]);
            result = (Dilations[i] == 1 ? windows : windows.slice(-1, 0, Extent(i), Dilations[i])).sum([-1L], false, result.dtype);
        }

        return result;
    }

    /// <summary>How many elements each window covers: of the input, or of the input and the padding that the node asks for.</summary>
    /// <param name="x">The input: only the sizes of its last axes matter.</param>
    /// <param name="withPadding">Whether padding counts.</param>
    /// <returns>Shape of the output's spatial axes.</returns>
    public Tensor Counts(Tensor x, bool withPadding)
    {
        Tensor? result = null;
        for (var i = 0; i < Rank; i++)
        {
            var size = x.shape[x.dim() - Rank + i];
            var (low, high) = withPadding ? (-Begin[i], size + End[i]) : (0, size + Math.Min(End[i], 0));
            double[] counts = [.. Enumerable.Range(0, (int)Steps[i]).Select(step => (double)Enumerable.Range(0, (int)Kernel[i])
                .Count(k => (step * Strides[i]) - Begin[i] + (k * Dilations[i]) is var place && place >= low && place < high))];
            var along = tensor(counts, dtype: x.dtype, device: x.device);
            result = result is null ? along : result.unsqueeze(-1).mul(along);
        }

        return result!;
    }

    private static (TorchWindow Window, string Automatic) Read(TorchNode n, long[] kernel)
    {
        var rank = (int)n.X.dim() - 2;
        var strides = n.Ints("strides") ?? Repeated(1, rank);
        var dilations = n.Ints("dilations") ?? Repeated(1, rank);
        var automatic = n.Text("auto_pad", "NOTSET");
        var pads = automatic is "NOTSET" or "" && n.Ints("pads") is { } given ? given : new long[2 * rank];
        if (kernel.Length != rank || strides.Length != rank || dilations.Length != rank || pads.Length != 2 * rank)
            throw n.Refuse($"has kernel_shape, strides, dilations or pads that do not fit its input of {rank + 2} dimensions");
        return (new TorchWindow(kernel, strides, dilations, pads[..rank], pads[rank..], new long[rank]), automatic);
    }

    private static long[] Repeated(long value, int count) => [.. Enumerable.Repeat(value, count)];

    /// <summary>Elements from the first to the last that a window reads.</summary>
    private long Reach(int axis) => Steps[axis] == 0 ? 0 : ((Steps[axis] - 1) * Strides[axis]) + Extent(axis);

    /// <summary>Splits padding over both ends; less than 0 where elements are left out.</summary>
    private void Split(int axis, long total, bool upper)
    {
        Begin[axis] = upper ? total / 2 : (total + 1) / 2;
        End[axis] = total - Begin[axis];
    }
}
