using System.Globalization;
using System.Reflection;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Serving.Protocol;
using DiffeoNN.Onnx.Serving.Repository;
using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Serving.Server;

/// <summary>What a server runs on.</summary>
/// <param name="Device">Such as <c>cpu</c> and <c>cuda:0</c>; <c>none</c> where what was asked for is missing.</param>
/// <param name="Reason">Why that one.</param>
/// <param name="Threads">Cores that compute.</param>
internal sealed record ServerInfo(string Device, string Reason, int Threads)
{
    /// <summary>Version of this program.</summary>
    public static string Version => ServerMetadata.Current.Version;

    /// <summary>Version of .NET.</summary>
    public static string Runtime => Environment.Version.ToString();

    /// <summary>Version of ONNX Runtime.</summary>
    public static string Engine { get; } = typeof(InferenceSession).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()
        ?.InformationalVersion.Split('+')[0] ?? "unknown";

    /// <summary>Finds out what there is; takes a moment where GPUs are looked for.</summary>
    /// <param name="options">What is asked for.</param>
    public static ServerInfo Of(ExecutionOptions options)
    {
        var threads = new CoreBudget(options.Threads).Cores;
        try
        {
            var found = DeviceSelection.Choose(options);
            return new ServerInfo(found.Device == ExecutionDevice.Cuda ? $"cuda:{found.Index}" : "cpu", found.Reason, threads);
        }
        catch (DeviceUnavailableException error)
        {
            return new ServerInfo("none", ErrorTexts.OneLine(error.Message), threads);
        }
    }

    /// <summary>The labels by which metrics tell it.</summary>
    public IEnumerable<KeyValuePair<string, object?>> Tags() =>
    [
        new("device", Device), new("threads", Threads.ToString(CultureInfo.InvariantCulture)), new("version", Version),
        new("dotnet", Runtime), new("onnxruntime", Engine),
    ];
}
