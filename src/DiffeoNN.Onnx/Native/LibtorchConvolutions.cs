using System.Diagnostics;
using System.Runtime.InteropServices;
using DiffeoNN.Onnx.Tensors;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Native;

/// <summary>Makes libtorch's convolutions on the CPU right where they are not.</summary>
/// <remarks>
/// libtorch leaves float32 to oneDNN. On some machines (seen with libtorch 2.10 on an AMD EPYC of family 26, virtual, without sizes of
/// caches) oneDNN leaves memory as it happened to be: convolutions of 20 or 24 channels, their gradients by the image, and transposed ones
/// of 96 come out wrong or NaN, with no error. libtorch's own convolutions are right, and several times as slow.
/// </remarks>
internal static unsafe class LibtorchConvolutions
{
    private const double Tolerance = 1e-4;

    private static readonly Lazy<State> Found = new(Mend);

    /// <summary>What was found when they were tried.</summary>
    public enum State
    {
        /// <summary>Right as they are.</summary>
        Right,

        /// <summary>Wrong with oneDNN, which is switched off in this process.</summary>
        Mended,

        /// <summary>Wrong, and oneDNN cannot be switched off.</summary>
        Wrong,
    }

    /// <summary>Tries them, once in a process, and switches oneDNN off where they are wrong.</summary>
    public static State Checked => Found.Value;

    /// <summary>The same, for those who convolve.</summary>
    /// <exception cref="NativeLibraryException">They are wrong and stay so.</exception>
    public static void Require()
    {
        if (Checked == State.Wrong)
        {
            throw new NativeLibraryException(
                "libtorch's convolutions on the CPU are wrong on this machine: oneDNN leaves memory unset, and this build of libtorch has "
                + "no switch for it. Take the engine onnxruntime, or a GPU.");
        }
    }

    /// <summary>How far convolutions are off, as a part of the largest value, after memory of their size was filled with NaN.</summary>
    internal static double WorstDeviation()
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        using var generator = new Generator(7);
        // A number of channels that fills no block of 8 or 16.
        var (x, weights) = (randn([2, 20, 18, 18], generator: generator), randn([20, 20, 3, 3], generator: generator));
        var columns = nn.functional.unfold(x, (3, 3));
        var convolved = weights.view(20, 180).MatrixProduct(columns).view(2, 20, 16, 16);
        LeaveNaNBehind();
        var worst = Deviation(nn.functional.conv2d(x, weights), convolved);

        var (h, up) = (randn([4, 96, 16, 16], generator: generator), randn([96, 48, 2, 2], generator: generator));
        var transposed = h.permute(0, 2, 3, 1).MatrixProduct(up.view(96, 192)).view(4, 16, 16, 48, 2, 2).permute(0, 3, 1, 4, 2, 5);
        LeaveNaNBehind();
        var found = nn.functional.conv_transpose2d(h, up, strides: [2, 2]);
        return Math.Max(worst, Deviation(found, transposed.reshape(4, 48, 32, 32)));
    }

    private static State Mend()
    {
        Runtime.LoadTorch();
        if (WorstDeviation() <= Tolerance) return State.Right;
        return TrySwitchOff() && WorstDeviation() <= Tolerance ? State.Mended : State.Wrong;
    }

    /// <summary>Switches oneDNN off, and NNPACK, which would print a warning at each convolution of a machine that it does not know.
    /// </summary>
    private static bool TrySwitchOff()
    {
        // TorchSharp has no call for it; these are libtorch's own, at::globalContext and at::Context's.
        using var process = Process.GetCurrentProcess();
        var path = process.Modules.Cast<ProcessModule>().Select(module => module.FileName)
            .FirstOrDefault(file => Path.GetFileName(file).StartsWith("libtorch_cpu.", StringComparison.Ordinal));
        if (path is null
            || !NativeLibrary.TryLoad(path, out var library)
            || !NativeLibrary.TryGetExport(library, "_ZN2at13globalContextEv", out var context)
            || !NativeLibrary.TryGetExport(library, "_ZN2at7Context20setUserEnabledMkldnnEb", out var setOneDnn)
            || !NativeLibrary.TryGetExport(library, "_ZN2at7Context20setUserEnabledNNPACKEb", out var setNnPack))
            return false;
        var current = ((delegate* unmanaged<nint>)context)();
        ((delegate* unmanaged<nint, byte, void>)setOneDnn)(current, 0);
        ((delegate* unmanaged<nint, byte, void>)setNnPack)(current, 0);
        return true;
    }

    private static double Deviation(Tensor found, Tensor expected)
    {
        var worst = (found.Minus(expected).abs().max() / expected.abs().max()).item<float>();
        return float.IsNaN(worst) ? double.PositiveInfinity : worst;
    }

    /// <summary>In the memory that the next tensors get.</summary>
    private static void LeaveNaNBehind()
    {
        using var scope = NewDisposeScope();
        for (var size = 512L; size < 1_000_000; size *= 2)
        {
            var zero = zeros([size]);
            for (var i = 0; i < 4; i++)
                _ = zero / zero;
        }
    }
}
