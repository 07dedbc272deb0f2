using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace DiffeoNN.Onnx.GpuCheck.Running;

/// <summary>How much of a GPU's memory is in use, by whomever.</summary>
internal sealed class DeviceMemory
{
    private static readonly string[] Runtimes = ["libcudart.so.13", "libcudart.so.12", "libcudart.so"];
    private readonly Func<double?> _read;

    private DeviceMemory(Func<double?> read) => _read = read;

    private unsafe delegate int GetInfo(nuint* free, nuint* total);

    private delegate int SetDevice(int device);

    /// <summary>The first way that works; null if none does.</summary>
    public static DeviceMemory? Find(int index) =>
        new[] { FromRuntime(index), () => FromTool(index) }.OfType<Func<double?>>().Where(read => read() is not null).Select(read => new DeviceMemory(read)).FirstOrDefault();

    /// <summary>Megabytes in use.</summary>
    /// <exception cref="InvalidOperationException">It cannot be told any more.</exception>
    public double UsedMegabytes() => _read() ?? throw new InvalidOperationException("The GPU's memory cannot be read any more.");

    private static unsafe Func<double?>? FromRuntime(int index)
    {
        foreach (var name in Runtimes)
        {
            if (!NativeLibrary.TryLoad(name, out var library) || !NativeLibrary.TryGetExport(library, "cudaMemGetInfo", out var info)
                || !NativeLibrary.TryGetExport(library, "cudaSetDevice", out var set))
                continue;
            var (getInfo, setDevice) = (Marshal.GetDelegateForFunctionPointer<GetInfo>(info), Marshal.GetDelegateForFunctionPointer<SetDevice>(set));
            return () =>
            {
                nuint free, total;
                return setDevice(index) == 0 && getInfo(&free, &total) == 0 ? (total - free) / 1e6 : null;
            };
        }

        return null;
    }

    private static double? FromTool(int index)
    {
        try
        {
            string[] words = ["--query-gpu=memory.used", "--format=csv,noheader,nounits", "-i", index.ToString(CultureInfo.InvariantCulture)];
            using var process = Process.Start(new ProcessStartInfo("nvidia-smi", words) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            var text = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            // Mebibytes, whatever the tool calls them.
            return process.ExitCode == 0 && double.TryParse(text.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out var used) ? used * 1.048576 : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}
