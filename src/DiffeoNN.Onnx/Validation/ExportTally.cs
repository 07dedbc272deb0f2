using System.Globalization;
using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Validation.Reports;

namespace DiffeoNN.Onnx.Validation;

/// <summary>Adds up how a file and the library differ.</summary>
internal sealed class ExportTally(Bundle bundle)
{
    private readonly AnswerKind _kind = AnswerKinds.Of(bundle.Manifest.Models.Inner.Output);
    private readonly List<AnswerDifference> _differences = [];
    private readonly List<ExportedRow> _rows = [];
    private readonly List<string> _decisions = [];
    private double _answer, _energy, _found, _batch;
    private int _batched;

    /// <summary>Takes in an image.</summary>
    public void Add(EquivariantImage own, ExportedRow other)
    {
        _rows.Add(other);
        _differences.Add(_kind.Differ(own.Output, other.Answer));
        var search = own.Canonicalisation;
        var isSame = other.Maps is null || other.Maps == own.Maps;
        if (isSame) _answer = Math.Max(_answer, Error(_kind.Values(own.Output), _kind.Values(other.Answer)));
        if (other.Energy is [var before, var after])
        {
            _energy = Math.Max(_energy, Relative(search.InputEnergy, before));
            if (isSame && own.Maps > 0) _found = Math.Max(_found, Relative(search.Energy.After, after));
        }

        if (!isSame)
        {
            _decisions.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"image {_rows.Count - 1}: {other.Maps} maps count, {own.Maps} by the library; energy {search.InputEnergy:G6} to "
                + $"{search.Energy.After:G6}{(search.Refusal is { } refusal ? $" ({refusal.Reason})" : "")}, by the file "
                + $"{(other.Energy is { } energy ? $"{energy[0]:G6} to {energy[1]:G6}" : "not told")}"));
        }
    }

    /// <summary>Takes in an image's row of a batch, in the order of the images.</summary>
    public void AddOfBatch(ExportedRow row) =>
        _batch = Math.Max(_batch, Error(_kind.Values(_rows[_batched++].Answer), _kind.Values(row.Answer)));

    /// <summary>What came of it.</summary>
    public ExportReport Report(TimeSpan own, TimeSpan other)
    {
        var ious = _differences.Select(difference => difference.Iou).OfType<double>().ToList();
        var flips = _differences.Select(difference => difference.Flips).OfType<double>().ToList();
        var hasEnergy = _rows[0].Energy is not null;
        return new ExportReport
        {
            Images = _rows.Count,
            MeanIou = ious.Count == 0 ? null : ious.Average(),
            WorstIou = ious.Count == 0 ? null : ious.Min(),
            Flips = flips.Count == 0 ? null : flips.Average(),
            FlipsAreImages = ious.Count == 0,
            AnswerError = _answer,
            EnergyError = hasEnergy ? _energy : null,
            FoundEnergyError = hasEnergy ? _found : null,
            OtherDecisions = _decisions,
            BatchError = _batched > 0 ? _batch : null,
            LibrarySeconds = own.TotalSeconds,
            ExportSeconds = other.TotalSeconds,
        };
    }

    private static double Relative(double expected, double found) =>
        expected.Equals(found) ? 0
        : double.IsFinite(expected) && double.IsFinite(found) ? Math.Abs(expected - found) / Math.Max(1e-12, Math.Abs(expected))
        : double.PositiveInfinity;

    private static double Error(float[]? expected, float[]? found)
    {
        if (expected is null || found is null) return 0;
        if (expected.Length != found.Length) return double.PositiveInfinity;
        double largest = 0, difference = 0;
        for (var i = 0; i < expected.Length; i++)
        {
            if (float.IsNaN(expected[i]) && float.IsNaN(found[i])) continue;
            if (float.IsNaN(expected[i]) || float.IsNaN(found[i])) return double.PositiveInfinity;
            largest = Math.Max(largest, Math.Abs(expected[i]));
            difference = Math.Max(difference, Math.Abs(expected[i] - found[i]));
        }

        return difference / Math.Max(1e-12, largest);
    }
}
