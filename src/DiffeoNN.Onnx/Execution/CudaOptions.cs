using System.Globalization;
using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Execution;

/// <summary>How ONNX Runtime uses a GPU; the defaults are those of a server whose results are to be right first.</summary>
public sealed record CudaOptions
{
    /// <summary>Largest amount of device memory that each graph's allocator takes, in bytes; 0 for no limit.
    /// An allocator never gives memory back.</summary>
    public long MemoryLimit { get; init; }

    /// <summary>Whether matrix products and convolutions may round their float32 inputs to TF32 (10 bits of mantissa):
    /// faster, with errors near 1e-3. Off, since gradients of an energy need the digits.</summary>
    public bool Tf32 { get; init; }

    /// <summary>How cuDNN chooses algorithms of convolutions.</summary>
    /// <remarks>An exhaustive search costs hundreds of milliseconds for every new shape.</remarks>
    public CudnnSearch ConvolutionSearch { get; init; } = CudnnSearch.Heuristic;

    /// <summary>Further options of ONNX Runtime's CUDA provider, by its own names; they count more than those above.</summary>
    /// <remarks>Not <c>enable_cuda_graph</c>: runs allocate their outputs anew, and a recorded CUDA graph writes to where the first run
    /// had them.</remarks>
    /// <exception cref="GraphException">When a graph is loaded: <c>enable_cuda_graph</c> is among them.</exception>
    public IReadOnlyDictionary<string, string> Provider { get; init; } = new Dictionary<string, string>();

    /// <summary>Adds the provider to a session's options.</summary>
    internal void ApplyTo(SessionOptions options, int device)
    {
        var values = new Dictionary<string, string>
        {
            ["device_id"] = device.ToString(CultureInfo.InvariantCulture),
            ["arena_extend_strategy"] = "kSameAsRequested",
            ["cudnn_conv_algo_search"] = ConvolutionSearch.ToString().ToUpperInvariant(),
            ["do_copy_in_default_stream"] = "1",
            ["use_tf32"] = Tf32 ? "1" : "0",
        };
        if (MemoryLimit > 0) values["gpu_mem_limit"] = MemoryLimit.ToString(CultureInfo.InvariantCulture);
        foreach (var (name, value) in Provider)
        {
            if (name == "enable_cuda_graph" && value != "0")
            {
                throw new GraphException(
                    "The CUDA provider's option 'enable_cuda_graph' cannot work here: runs allocate their outputs anew. Leave it out.");
            }

            values[name] = value;
        }

        using var provider = new OrtCUDAProviderOptions();
        provider.UpdateOptions(values);
        options.AppendExecutionProvider_CUDA(provider);
    }
}
