using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace DiffeoNN.Onnx.GpuCheck.Running;

/// <summary>Asks the driver's own tool, where there is one.</summary>
internal static class DriverTool
{
    /// <summary>What it says about a GPU.</summary>
    /// <param name="index">Number of the GPU.</param>
    /// <param name="fields">Names of its fields, separated by commas.</param>
    /// <returns>The values, separated by commas and without units; null where the tool is missing or fails.</returns>
    public static string? Ask(int index, string fields)
    {
        string[] words = [$"--query-gpu={fields}", "--format=csv,noheader,nounits", "-i", index.ToString(CultureInfo.InvariantCulture)];
        try
        {
            var start = new ProcessStartInfo("nvidia-smi", words) { RedirectStandardOutput = true, RedirectStandardError = true };
            using var process = Process.Start(start)!;
            var text = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0 ? text.Trim() : null;
        }
        catch (Win32Exception)
        {
            return null;
        }
    }
}
