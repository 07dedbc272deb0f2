using DiffeoNN.Onnx.Execution;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Torch.Operators;

/// <summary>Fourier transforms, whose complex numbers are pairs on the last axis, and the windows and filters that go with them.</summary>
internal static class SpectralOperators
{
    public static IReadOnlyList<TorchOperator> All { get; } =
    [
        new("DFT", 17, n => Fourier(n, n.Axis(n.Int("axis", 1), n.X.dim()))),
        new("DFT", 20, n => Fourier(n, n.Axis(n.Has(2) ? n.Integers(2)[0] : -2, n.X.dim()))),
        new("STFT", 17, ShortTime),
        new("HannWindow", 17, n => Window(n, 0.5, 0.5, 0)),
        new("HammingWindow", 17, n => Window(n, 25 / 46.0, 21 / 46.0, 0)),
        new("BlackmanWindow", 17, n => Window(n, 0.42, 0.5, 0.08)),
        new("MelWeightMatrix", 17, MelWeights),
    ];

    /// <summary>libtorch has no transforms of 16-bit numbers on the CPU.</summary>
    private static Tensor Wide(Tensor x) => x.dtype is ScalarType.Float16 or ScalarType.BFloat16 ? x.to(ScalarType.Float32) : x;

    private static Tensor Complex(Tensor pairs) =>
        pairs.shape[^1] == 1 ? complex(pairs.select(-1, 0), zeros_like(pairs.select(-1, 0))) : pairs.contiguous().view_as_complex();

    private static Tensor Fourier(TorchNode n, int axis)
    {
        var (isInverse, isHalf) = (n.Int("inverse", 0) != 0, n.Int("onesided", 0) != 0);
        var values = Complex(Wide(n.X));
        var length = n.Has(1) ? n.Integers(1)[0] : isInverse && isHalf ? 2 * (values.shape[axis] - 1) : values.shape[axis];
        if (isInverse && isHalf) return fft.irfft(values, length, axis).unsqueeze(-1).to(n.X.dtype);
        var result = isInverse ? fft.ifft(values, length, axis) : fft.fft_(values, length, axis);
        return (isHalf ? result.narrow(axis, 0, (length / 2) + 1) : result).view_as_real().to(n.X.dtype);
    }

    /// <summary>Frames of the signal, one every step, times the window, transformed.</summary>
    private static Tensor ShortTime(TorchNode n)
    {
        var signal = Wide(n.X);
        if (signal.dim() == 2) signal = signal.unsqueeze(2);
        var window = n.Optional(2);
        var length = window?.shape[0] ?? n.Integers(3)[0];
        var frames = signal.unfold(1, length, n.Integers(1)[0]);
        if (window is not null) frames = frames.mul(window.to(frames.dtype));
        var result = fft.fft_(Complex(frames.transpose(2, 3)), length, -1);
        return (n.Int("onesided", 1) != 0 ? result.narrow(-1, 0, (length / 2) + 1) : result).view_as_real().to(n.X.dtype);
    }

    /// <summary>a - b cos(2 pi i / N) + c cos(4 pi i / N), with N the size, or one less where the window is symmetric.</summary>
    private static Tensor Window(TorchNode n, double a, double b, double c)
    {
        var size = n.Integers(0)[0];
        var period = n.Int("periodic", 1) != 0 ? size : Math.Max(1, size - 1);
        double[] values = [.. Enumerable.Range(0, (int)size).Select(i => 2 * Math.PI * i / period)
            .Select(t => a - (b * Math.Cos(t)) + (c * Math.Cos(2 * t)))];
        return tensor(values, dtype: Type(n), device: n.Device);
    }

    /// <summary>Triangular filters, evenly spaced on the mel scale: (bins of the spectrum, filters).</summary>
    private static Tensor MelWeights(TorchNode n)
    {
        var (filters, length, rate) = ((int)n.Integers(0)[0], n.Integers(1)[0], n.Numbers(2)[0]);
        var (lowest, highest) = (Mel(n.Numbers(3)[0]), Mel(n.Numbers(4)[0]));
        var bins = (int)(length / 2) + 1;
        // The edges are bins: filter i rises from edge i to i + 1 and falls to i + 2.
        int[] edges = [.. Enumerable.Range(0, filters + 2).Select(i => lowest + (i * (highest - lowest) / (filters + 2)))
            .Select(mel => (int)Math.Floor((length + 1) * 700 * (Math.Pow(10, mel / 2595) - 1) / rate))];
        var weights = new double[bins, filters];
        for (var f = 0; f < filters; f++)
        {
            var (low, centre, high) = (edges[f], edges[f + 1], edges[f + 2]);
            if (low == centre && centre < bins) weights[centre, f] = 1;
            for (var b = low; b <= Math.Min(centre, bins - 1) && low < centre; b++) weights[b, f] = (double)(b - low) / (centre - low);
            for (var b = centre; b < Math.Min(high, bins) && centre < high; b++) weights[b, f] = (double)(high - b) / (high - centre);
        }

        return tensor(weights, dtype: Type(n), device: n.Device);
    }

    private static double Mel(double hertz) => 2595 * Math.Log10(1 + (hertz / 700));

    private static ScalarType Type(TorchNode n) => TorchTensors.TypeOf((Gradients.OnnxElementType)n.Int("output_datatype", 1))
        ?? throw n.Refuse($"makes elements of type {n.Int("output_datatype", 1)}, which libtorch lacks");
}
