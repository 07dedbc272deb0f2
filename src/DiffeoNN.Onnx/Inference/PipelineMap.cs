using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Canonicalisation.Graphs;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Search;
using TorchSharp;

namespace DiffeoNN.Onnx.Inference;

/// <summary>One map a row, judged: where it is not used, the identity stands on the device.</summary>
internal sealed class PipelineMap : IDisposable
{
    private readonly GraphFields _fields;
    private readonly GraphBatch _batch;
    private readonly GraphMaps _maps;
    private readonly List<DeviceTensor> _own = [];
    private readonly DeviceTensor? _used;

    /// <summary>Judges the maps.</summary>
    public PipelineMap(GraphFields fields, SearchSpec options, GraphBatch batch, GraphMaps maps, ImageState[] states)
    {
        (_fields, _batch, _maps) = (fields, batch, maps);
        var acceptance = new Acceptance(options);
        string[] names = [.. fields.Energy.TermNames, "smoothness", "orientation"];
        Images = [.. states.Select((state, row) => state.ToResult(
            names, maps.SquaringsOf(row), maps.Measures(row), maps.ScaleOf(row),
            acceptance.Judge(state.InputEnergy, state.JudgedEnergy, maps.Measures(row))))];
        (Canonical, Inverse) = (maps.Canonical, maps.Inverse);
        if (Images.All(image => image.Accepted))
            return;
        bool[] used = [.. Enumerable.Range(0, batch.Size).Select(row => row >= states.Length || Images[row].Accepted)];
        _used = DeviceTensor.Of(used, used.Length, 1, 1, 1);
        (Canonical, Inverse) = (Own(Chosen(maps.Canonical, batch.Images)), Own(OrZero(maps.Inverse)));
    }

    /// <summary>One record an image.</summary>
    public IReadOnlyList<ImageCanonicalisation> Images { get; }

    /// <summary>Canonical images, or the images themselves where the map is not used.</summary>
    public DeviceTensor Canonical { get; }

    /// <summary>From the images to them; zero where the map is not used.</summary>
    public DeviceTensor Inverse { get; }

    /// <summary>All of it on the host; the receiver's.</summary>
    public CanonicalisationResult ToResult(StageTimes times)
    {
        using var scope = torch.NewDisposeScope();
        torch.Tensor Download(DeviceTensor value)
        {
            if (_used is null)
                return Free(_batch.Download(value));
            using var chosen = OrZero(value);
            return Free(_batch.Download(chosen));
        }

        return new CanonicalisationResult(
            Free(_batch.Download(Canonical)), Download(_maps.Velocity), Download(_maps.Displacement),
            Free(_batch.Download(Inverse)), Images, times);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _own.ForEach(value => value.Dispose());
        _used?.Dispose();
    }

    private static torch.Tensor Free(torch.Tensor tensor) => tensor.DetachFromDisposeScope();

    private DeviceTensor Own(DeviceTensor value)
    {
        _own.Add(value);
        return value;
    }

    private DeviceTensor OrZero(DeviceTensor value)
    {
        using var zero = DeviceTensor.Of([0f], 1, 1, 1, 1);
        return Chosen(value, zero);
    }

    private DeviceTensor Chosen(DeviceTensor value, DeviceTensor other) => _fields.Choose.RunSingle(
        new Dictionary<string, DeviceTensor> { ["index"] = _used!, ["x"] = value, ["other"] = other }, "y");
}
