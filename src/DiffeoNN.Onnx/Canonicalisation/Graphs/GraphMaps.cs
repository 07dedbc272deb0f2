using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation.Graphs;

/// <summary>Maps on the device with their measures; owns its values, the velocity included.</summary>
internal sealed class GraphMaps : IDisposable
{
    private const int Columns = 8;

    private static readonly string[] Values =
    [
        SearchComposer.Velocity, MapComposer.Displacement, MapComposer.Inverse, MapComposer.Canonical,
    ];

    private readonly GraphFields _fields;
    private readonly GraphBatch _batch;
    private readonly Dictionary<string, DeviceTensor> _values;
    private readonly Squarings _squarings;
    private readonly float[] _measures;
    private readonly int[] _squaringsOf;
    private readonly double[] _scales;

    /// <param name="fields">The graphs.</param>
    /// <param name="batch">The images.</param>
    /// <param name="velocity">v at every pixel.</param>
    /// <param name="outputs">Of <see cref="MapComposer.Maps"/>.</param>
    /// <param name="squarings">Of each row.</param>
    public GraphMaps(
        GraphFields fields, GraphBatch batch, DeviceTensor velocity, Dictionary<string, DeviceTensor> outputs, Squarings squarings)
    {
        (_fields, _batch, _squarings) = (fields, batch, squarings);
        _values = new Dictionary<string, DeviceTensor>(outputs) { [SearchComposer.Velocity] = velocity };
        _measures = outputs[MapComposer.Diagnostics].ToArray<float>();
        _squaringsOf = [.. squarings.Of];
        _scales = [.. Enumerable.Repeat(1.0, _squaringsOf.Length)];
    }

    /// <summary>The images the maps lead to, on the device.</summary>
    public DeviceTensor Canonical => _values[MapComposer.Canonical];

    /// <summary>v at every pixel, on the device.</summary>
    public DeviceTensor Velocity => _values[SearchComposer.Velocity];

    /// <summary>u of exp(v), on the device.</summary>
    public DeviceTensor Displacement => _values[MapComposer.Displacement];

    /// <summary>u of exp(-v), on the device.</summary>
    public DeviceTensor Inverse => _values[MapComposer.Inverse];

    /// <summary>Whether a row's velocity is finite.</summary>
    public bool IsAlive(int row) => _squarings.Alive[row];

    /// <summary>K of a row.</summary>
    public int SquaringsOf(int row) => _squaringsOf[row];

    /// <summary>What a row's velocity was multiplied by: 1, or less after a repair.</summary>
    public double ScaleOf(int row) => _scales[row];

    /// <summary>The penalty on folds of a row.</summary>
    public double Orientation(int row) => _measures[(row * Columns) + 7];

    /// <summary>Repairs maps that fail their certificate, as <see cref="CertifiedMaps"/> does, on the device.</summary>
    /// <param name="acceptance">The certificate.</param>
    /// <param name="count">Rows that are images.</param>
    /// <param name="cancellationToken">Ends it within one run of a graph.</param>
    /// <returns>Rows whose map is another one now.</returns>
    public IReadOnlyList<int> Repair(Acceptance acceptance, int count, CancellationToken cancellationToken)
    {
        List<int> failing = [.. Enumerable.Range(0, count).Where(row => !acceptance.IsCertified(Measures(row)))];
        List<int> repaired = [];
        foreach (var (more, scale) in CertifiedMaps.Repairs)
        {
            if (failing.Count == 0)
                break;
            int[] rows = [.. failing, .. Enumerable.Repeat(failing[0], _fields.BatchSizes.Above(failing.Count) - failing.Count)];
            using var index = Index(rows);
            using var images = Run(_fields.Rows, ("x", _batch.Images), ("index", index));
            using var factor = _fields.Number(scale);
            using var chosen = Run(_fields.Rows, ("x", Velocity), ("index", index));
            // The maps own their velocity and their squarings.
            using var tried = _batch.Maps(Run(_fields.Scaled, ("x", chosen), ("factor", factor)), images, _squarings.Rows(rows, more),
                cancellationToken);
            int[] sound = [.. Enumerable.Range(0, failing.Count).Where(row => acceptance.IsCertified(tried.Measures(row)))];
            if (sound.Length == 0)
                continue;
            Take(tried, [.. sound.Select(row => failing[row])], sound, scale);
            repaired.AddRange(sound.Select(row => failing[row]));
            failing.RemoveAll(repaired.Contains);
        }

        return repaired;
    }

    /// <summary>Carries the maps to the host; tensors join the caller's dispose scope.</summary>
    public (CertifiedMaps Maps, torch.Tensor Canonical) Certify(Acceptance acceptance, int count) =>
    (
        new CertifiedMaps(
            _batch.Download(Velocity), _squaringsOf[..count], (_batch.Download(Displacement), _batch.Download(Inverse)),
            [.. Enumerable.Range(0, count).Select(Measures)], acceptance),
        _batch.Download(Canonical)
    );

    /// <summary>How regular and exact a row's maps are; no numbers where its velocity diverged, which was held still.</summary>
    public FieldDiagnostics Measures(int row)
    {
        double Column(int column) => _squarings.Alive[row] ? _measures[(row * Columns) + column] : double.NaN;
        return new FieldDiagnostics(Column(0), Column(1), Column(2), Column(3), Column(4), Column(5), Column(6));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var value in _values.Values)
            value.Dispose();
        _squarings.Dispose();
    }

    private static DeviceTensor Run(DeviceGraph graph, params (string Name, DeviceTensor Value)[] inputs) =>
        graph.RunSingle(inputs.ToDictionary(input => input.Name, input => input.Value), "y");

    private static DeviceTensor Index(int[] rows) => DeviceTensor.Of([.. rows.Select(row => (long)row)], rows.Length);

    /// <summary>Puts rows of other maps in the place of own ones.</summary>
    private void Take(GraphMaps other, int[] to, int[] from, double scale)
    {
        int[] rows = [.. Enumerable.Range(0, _squaringsOf.Length)];
        for (var i = 0; i < to.Length; i++)
        {
            rows[to[i]] = _squaringsOf.Length + from[i];
            (_squaringsOf[to[i]], _scales[to[i]]) = (other._squaringsOf[from[i]], scale);
            other._measures.AsSpan(from[i] * Columns, Columns).CopyTo(_measures.AsSpan(to[i] * Columns));
        }

        using var index = Index(rows);
        foreach (var name in Values)
        {
            var merged = Run(_fields.Merge, ("x", _values[name]), ("other", other._values[name]), ("index", index));
            _values[name].Dispose();
            _values[name] = merged;
        }
    }
}
