using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Canonicalisation.Graphs;

/// <summary>How many squarings each row takes, as inputs of graphs.</summary>
internal sealed class Squarings : IDisposable
{
    private readonly Dictionary<string, DeviceTensor> _inputs = new(StringComparer.Ordinal);

    private readonly int _least;

    /// <param name="speeds">Largest |v| of each row in pixels; not finite where a row diverged.</param>
    /// <param name="options">The least number.</param>
    public Squarings(IReadOnlyList<double> speeds, SearchSpec options)
        : this(
            [.. speeds.Select(speed => CanonicalisationRun.SquaringsOf(speed, options))],
            [.. speeds.Select(CanonicalisationRun.HasNotDiverged)],
            options.Squarings)
    {
    }

    private Squarings(int[] of, bool[] alive, int least)
    {
        (Of, Alive, _least) = (of, alive, least);
        Most = Of.Max();
        Optional = Most - least;
        long[] shape = [Of.Length, 1, 1];
        _inputs[SearchComposer.Scale] = DeviceTensor.Of([.. Of.Select(k => (float)Math.ScaleB(1, -k))], shape);
        _inputs[SearchComposer.Alive] = DeviceTensor.Of([.. Alive], shape);
        // The squarings of a row are the last ones: rows that need fewer wait at their own, larger, first step.
        for (var k = 0; k < Optional; k++)
            _inputs[SearchComposer.Turn(k)] = DeviceTensor.Of([.. Of.Select(own => own >= Most - k)], shape);
    }

    /// <summary>K of each row.</summary>
    public int[] Of { get; }

    /// <summary>Whether a row's velocity is finite.</summary>
    public bool[] Alive { get; }

    /// <summary>The largest K.</summary>
    public int Most { get; }

    /// <summary>How many squarings are more than the least number.</summary>
    public int Optional { get; }

    /// <summary>Inputs of the graphs by name.</summary>
    public IReadOnlyDictionary<string, DeviceTensor> Inputs => _inputs;

    /// <summary>Whether other speeds ask for the same.</summary>
    public bool Suit(IReadOnlyList<double> speeds, SearchSpec options)
    {
        if (speeds.Count != Of.Length)
            return false;
        for (var row = 0; row < Of.Length; row++)
        {
            if (CanonicalisationRun.SquaringsOf(speeds[row], options) != Of[row]
                || CanonicalisationRun.HasNotDiverged(speeds[row]) != Alive[row])
                return false;
        }

        return true;
    }

    /// <summary>Those of some rows.</summary>
    public Squarings Rows(int[] rows) => Rows(rows, 0);

    /// <summary>Some rows with more squarings than they have.</summary>
    public Squarings Rows(int[] rows, int more) =>
        new([.. rows.Select(row => Of[row] + more)], [.. rows.Select(row => Alive[row])], _least);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var input in _inputs.Values)
            input.Dispose();
    }
}
