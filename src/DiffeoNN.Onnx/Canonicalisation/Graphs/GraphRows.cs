using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation.Graphs;

/// <summary>The rows of a search on the device: parameters, Adam's moments, images, starts, and the best lattices so far.</summary>
internal sealed class GraphRows : IDisposable
{
    private const double Beta1 = 0.9;
    private const double Beta2 = 0.999;
    private const double Epsilon = 1e-8;

    // Differences of neighbours from which on the penalty on folds is computed at once, in pixels;
    // from a half on it can be other than zero.
    private const double NearFold = 0.45;

    private readonly GraphFields _fields;
    private readonly GraphSteps _steps;
    private readonly Dictionary<string, DeviceTensor> _values = new(StringComparer.Ordinal);
    private readonly Dictionary<string, DeviceTensor> _weights;
    private readonly GraphBatch _batch;
    private readonly torch.Tensor _bestOfImages;
    private DeviceTensor _best;
    private int[] _imageOfRow;
    private Squarings _squarings;
    private bool _folds;

    /// <param name="fields">The graphs.</param>
    /// <param name="steps">Those of this search.</param>
    /// <param name="batch">The images; stays the caller's.</param>
    /// <param name="start">Velocities to start from, or null; stays the caller's.</param>
    /// <param name="images">How many rows are images; the others fill up the batch.</param>
    /// <param name="speeds">Of the starts, in pixels.</param>
    public GraphRows(GraphFields fields, GraphSteps steps, GraphBatch batch, DeviceTensor? start, int images, double[] speeds)
    {
        (_fields, _steps, _batch) = (fields, steps, batch);
        _imageOfRow = [.. Enumerable.Range(0, batch.Size).Select(row => row < images ? row : -1)];
        _squarings = new Squarings(speeds, steps.Options);
        _values[SearchComposer.Image] = Copied(batch.Images);
        if (start is not null)
            _values[SearchComposer.Start] = Copied(start);
        var initial = steps.Parameters.Initial(batch.Size);
        for (var i = 0; i < initial.Length; i++)
        {
            var name = steps.Parameters.Names[i];
            using var zeros = torch.zeros_like(initial[i]);
            _values[name] = Uploaded(initial[i]);
            _values[SearchComposer.Mean(name)] = Uploaded(zeros);
            _values[SearchComposer.Square(name)] = Uploaded(zeros);
            initial[i].Dispose();
        }

        _bestOfImages = torch.zeros(images, 2, steps.Parameters.Height, steps.Parameters.Width).DetachFromDisposeScope();
        _best = batch.Upload(_bestOfImages);
        _weights = new Dictionary<string, DeviceTensor>(fields.WeightsOf(steps.Options))
        {
            [SearchComposer.SmoothnessWeight] = fields.Number(steps.Options.Smoothness),
            [SearchComposer.OrientationWeight] = fields.Number(steps.Options.Orientation),
        };
    }

    /// <summary>Rows of the batch as it is now.</summary>
    public int Count => _imageOfRow.Length;

    /// <summary>The image of a row; -1 where the row only fills up the batch.</summary>
    public int ImageOf(int row) => _imageOfRow[row];

    /// <summary>Whether a row's velocity was finite at the last step.</summary>
    public bool IsAlive(int row) => _squarings.Alive[row];

    /// <summary>Energies of the present parameters, and, on the device, their gradient.</summary>
    /// <returns>For each row the energy, its terms, smoothness and orientation.</returns>
    public float[][] Step(bool gradient, CancellationToken cancellationToken)
    {
        var inputs = new Dictionary<string, DeviceTensor>(_values);
        foreach (var (name, value) in _squarings.Inputs.Concat(_weights))
            inputs[name] = value;
        string[] gradients = gradient ? [.. _steps.Parameters.Names.Select(SearchComposer.Gradient)] : [];
        while (true)
        {
            var outputs = _steps.Step(_squarings, _folds, gradient).Run(
                inputs, gradients, [SearchComposer.Table, SearchComposer.Difference], cancellationToken);
            using var table = outputs[SearchComposer.Table];
            using var difference = outputs[SearchComposer.Difference];
            foreach (var name in gradients)
                Put(name, outputs[name]);
            var largest = difference.ToArray<float>()[0];
            var again = !_folds && !(largest < 0.5);
            _folds = !(largest < NearFold);
            if (again)
                continue;
            var (values, columns) = (table.ToArray<float>(), (int)table.Shape[1]);
            return [.. Enumerable.Range(0, Count).Select(row => values.AsSpan(row * columns, columns).ToArray())];
        }
    }

    /// <summary>Moves all rows by their gradients.</summary>
    /// <param name="updates">Updates with this one.</param>
    /// <param name="cancellationToken">Stops the graph.</param>
    public bool Update(int updates, CancellationToken cancellationToken)
    {
        var root = Math.Sqrt(1 - Math.Pow(Beta2, updates));
        using var rate = Number(_steps.Options.LearningRate * root / (1 - Math.Pow(Beta1, updates)));
        using var epsilon = Number(Epsilon * root);
        var inputs = new Dictionary<string, DeviceTensor>(_values) { [SearchComposer.Rate] = rate, [SearchComposer.Epsilon] = epsilon };
        string[] moved =
            [.. _steps.Parameters.Names.SelectMany(name => new[] { name, SearchComposer.Mean(name), SearchComposer.Square(name) })];
        var outputs = _steps.Update.Run(inputs, [.. moved.Select(SearchComposer.Next)], [SearchComposer.Speed], cancellationToken);
        foreach (var name in moved)
            Put(name, outputs[SearchComposer.Next(name)]);
        using var speed = outputs[SearchComposer.Speed];
        var speeds = Array.ConvertAll(speed.ToArray<float>(), value => (double)value);
        if (!_squarings.Suit(speeds, _steps.Options))
        {
            _squarings.Dispose();
            _squarings = new Squarings(speeds, _steps.Options);
        }

        return true;
    }

    /// <summary>Takes the present lattices of some rows as the best ones.</summary>
    public void Remember(bool[] improved)
    {
        var names = _steps.Parameters.Names;
        using var own = names.Count > 1 ? _steps.LatticeOf.RunSingle(_values, "value") : null;
        using var mask = DeviceTensor.Of([.. improved], improved.Length, 1, 1, 1);
        var next = _fields.Choose.RunSingle(
            new Dictionary<string, DeviceTensor> { ["index"] = mask, ["x"] = own ?? _values[names[0]], ["other"] = _best }, "y");
        _best.Dispose();
        _best = next;
    }

    /// <summary>Keeps some images only, in a smaller batch.</summary>
    public void Keep(Func<int, bool> isKept)
    {
        StoreBest();
        int[] kept = [.. Enumerable.Range(0, Count).Where(row => _imageOfRow[row] >= 0 && isKept(_imageOfRow[row]))];
        int[] rows = [.. kept, .. Enumerable.Repeat(kept[0], _fields.BatchSizes.Above(kept.Length) - kept.Length)];
        using var index = DeviceTensor.Of([.. rows.Select(row => (long)row)], rows.Length);
        foreach (var name in _values.Keys.ToList())
            Put(name, Gathered(_values[name], index));
        var best = Gathered(_best, index);
        _best.Dispose();
        _best = best;
        var former = _squarings;
        _squarings = former.Rows(rows);
        former.Dispose();
        _imageOfRow = [.. rows.Select((row, i) => i < kept.Length ? _imageOfRow[row] : -1)];
    }

    /// <summary>The best lattices of all images in the order they were given; the caller disposes them.</summary>
    public DeviceTensor TakeBest()
    {
        StoreBest();
        return _batch.Upload(_bestOfImages);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var value in _values.Values)
            value.Dispose();
        _weights[SearchComposer.SmoothnessWeight].Dispose();
        _weights[SearchComposer.OrientationWeight].Dispose();
        _squarings.Dispose();
        _best.Dispose();
        _bestOfImages.Dispose();
    }

    private static DeviceTensor Number(double value) => DeviceTensor.Of([(float)value], []);

    private void StoreBest()
    {
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        using var host = _fields.Copy.Run(new Dictionary<string, DeviceTensor> { ["x"] = _best }, [], ["y"])["y"];
        var best = host.ToTensor();
        for (var row = 0; row < Count; row++)
        {
            if (_imageOfRow[row] >= 0)
                _bestOfImages.narrow(0, _imageOfRow[row], 1).copy_(best.narrow(0, row, 1));
        }
    }

    private void Put(string name, DeviceTensor value)
    {
        if (_values.Remove(name, out var old))
            old.Dispose();
        _values[name] = value;
    }

    private DeviceTensor Copied(DeviceTensor value) => _fields.Copy.RunSingle(new Dictionary<string, DeviceTensor> { ["x"] = value }, "y");

    private DeviceTensor Uploaded(torch.Tensor tensor)
    {
        using var host = DeviceTensor.Of(tensor);
        return Copied(host);
    }

    private DeviceTensor Gathered(DeviceTensor value, DeviceTensor index) =>
        _fields.Rows.RunSingle(new Dictionary<string, DeviceTensor> { ["x"] = value, ["index"] = index }, "y");
}
