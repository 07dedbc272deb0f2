using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Canonicalisation.Graphs;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Inference;

/// <summary>A batch's answers in the CPU's memory; what else was found stays on the device until it is asked for.</summary>
/// <remarks>Owns the images and maps on the device. May be asked on any thread, also while the pipeline runs the next batch.</remarks>
/// <param name="batch">The images on the device.</param>
/// <param name="maps">The maps.</param>
internal sealed class PipelineResult(GraphBatch batch, PipelineMaps maps) : IDisposable
{
    private readonly object _reading = new();
    private ImageBuffer[]? _canonical;
    private ImageBuffer[]? _final;

    /// <summary>One record an image.</summary>
    public IReadOnlyList<ImageCanonicalisation> Images { get; } = maps.Images;

    /// <summary>Over how many maps each answer is the mean; 0 where the image was left as it is.</summary>
    public int[] Maps { get; } = maps.Accepted;

    /// <summary>Where the time went.</summary>
    public StageTimes Times { get; } = maps.Times;

    /// <summary>Time of proposer and network.</summary>
    public TimeSpan InferenceTime { get; init; }

    /// <summary>Answers on the images, in the CPU's memory: (rows, K, H, W), or (N, K) for whole images.</summary>
    public required DeviceTensor Mapped { get; init; }

    /// <summary>Answers on the canonical images, same shape, on the device; in the CPU's memory for whole images.</summary>
    public required DeviceTensor Final { get; init; }

    /// <summary>Whether answers are of whole images.</summary>
    public bool IsWhole => Mapped.Shape.Length == 2;

    /// <summary>What stands for each image; the receiver's.</summary>
    public CanonicalisationResult Fields()
    {
        lock (_reading)
            return maps.Gather();
    }

    /// <summary>Planes of the answer on an image.</summary>
    public ImageBuffer Planes(int image) => Mapped.ToImage(image);

    /// <summary>Planes of the answer on a canonical image.</summary>
    public ImageBuffer FinalPlanes(int image)
    {
        lock (_reading)
            return (_final ??= batch.ToImages(Final))[image];
    }

    /// <summary>A canonical image.</summary>
    public ImageBuffer Canonical(int image)
    {
        lock (_reading)
            return (_canonical ??= maps.Canonical())[image];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Mapped.Dispose();
        Final.Dispose();
        maps.Dispose();
        batch.Dispose();
    }
}
