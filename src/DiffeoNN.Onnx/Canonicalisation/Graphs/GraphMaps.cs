using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation.Graphs;

/// <summary>Maps on the device with their measures; owns its values, the velocity included.</summary>
internal sealed class GraphMaps : IDisposable
{
    private const int Columns = 8;

    private readonly GraphBatch _batch;
    private readonly DeviceTensor _velocity;
    private readonly Dictionary<string, DeviceTensor> _outputs;
    private readonly Squarings _squarings;
    private readonly float[] _measures;

    /// <param name="batch">The images.</param>
    /// <param name="velocity">v at every pixel.</param>
    /// <param name="outputs">Of <see cref="MapComposer.Maps"/>.</param>
    /// <param name="squarings">Of each row.</param>
    public GraphMaps(GraphBatch batch, DeviceTensor velocity, Dictionary<string, DeviceTensor> outputs, Squarings squarings)
    {
        (_batch, _velocity, _outputs, _squarings) = (batch, velocity, outputs, squarings);
        _measures = outputs[MapComposer.Diagnostics].ToArray<float>();
    }

    /// <summary>The images the maps lead to, on the device.</summary>
    public DeviceTensor Canonical => _outputs[MapComposer.Canonical];

    /// <summary>The penalty on folds of a row.</summary>
    public double Orientation(int row) => _measures[(row * Columns) + 7];

    /// <summary>Carries the maps to the host; tensors join the caller's dispose scope.</summary>
    public (CertifiedMaps Maps, torch.Tensor Canonical) Certify(Acceptance acceptance, int count) =>
    (
        new CertifiedMaps(
            _batch.Download(_velocity), _squarings.Of[..count], (_batch.Download(_outputs[MapComposer.Displacement]), _batch.Download(_outputs[MapComposer.Inverse])),
            [.. Enumerable.Range(0, count).Select(Measures)], acceptance),
        _batch.Download(Canonical)
    );

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var output in _outputs.Values)
            output.Dispose();
        _velocity.Dispose();
        _squarings.Dispose();
    }

    // A row that diverged was held still; its map is none.
    private FieldDiagnostics Measures(int row)
    {
        double Column(int column) => _squarings.Alive[row] ? _measures[(row * Columns) + column] : double.NaN;
        return new FieldDiagnostics(Column(0), Column(1), Column(2), Column(3), Column(4), Column(5), Column(6));
    }
}
