using System.Globalization;
using System.Text;
using System.Text.Json;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Evaluation;

/// <summary><c>samples.csv</c>: one row an image.</summary>
/// <remarks>Numbers are in full precision with a dot; what is missing or not finite is empty.
/// No column depends on the machine's speed.</remarks>
public static class SampleTable
{
    /// <summary>The text of the table.</summary>
    /// <param name="samples">At least one, all of the same task and with the same methods.</param>
    /// <exception cref="ArgumentException">There is no sample.</exception>
    public static string ToCsv(IReadOnlyList<SampleResult> samples)
    {
        ArgumentNullException.ThrowIfNull(samples);
        if (samples.Count == 0) throw new ArgumentException("There are no samples; a table needs at least one.", nameof(samples));
        var text = new StringBuilder();
        text.AppendJoin(',', Columns(samples[0]).Select(column => column.Name)).Append('\n');
        foreach (var sample in samples) text.AppendJoin(',', Columns(sample).Select(column => Field(column.Value))).Append('\n');
        return text.ToString();
    }

    private static IEnumerable<(string Name, object? Value)> Columns(SampleResult sample)
    {
        yield return ("index", sample.Index);
        yield return ("name", sample.Name);
        if (sample.Label is { } label) yield return ("label", label);
        foreach (var (method, score) in sample.Methods())
        {
            foreach (var (name, value) in score.Values) yield return ($"{method}{char.ToUpperInvariant(name[0])}{name[1..]}", value);
        }

        var found = sample.Canonicalisation;
        yield return ("inputEnergy", found.InputEnergy);
        yield return ("energyBefore", found.Energy.Before);
        yield return ("energyAfter", found.Energy.After);
        yield return ("totalBefore", found.Total.Before);
        yield return ("totalAfter", found.Total.After);
        yield return ("steps", found.Steps);
        yield return ("bestStep", found.BestStep);
        yield return ("stop", JsonNamingPolicy.CamelCase.ConvertName(found.Stop.ToString()));
        yield return ("accepted", found.Accepted ? 1 : 0);
        yield return ("refusal", found.Refusal is { } refusal ? JsonNamingPolicy.CamelCase.ConvertName(refusal.Reason.ToString()) : null);
        yield return ("folded", found.Diagnostics.FoldedFraction > 0 ? 1 : 0);
        yield return ("minimumDeterminant", found.Diagnostics.MinimumDeterminant);
        yield return ("maximumDeterminant", found.Diagnostics.MaximumDeterminant);
        yield return ("inverseResidualPixels", found.Diagnostics.InverseResidualMaximum);
        yield return ("inverseResidualMeanPixels", found.Diagnostics.InverseResidualMean);
        yield return ("energyGap", sample.EnergyGap);
        yield return ("equivarianceError", sample.EquivarianceError);
    }

    private static string Field(object? value) => value switch
    {
        null => "",
        double number => double.IsFinite(number) ? number.ToString("R", CultureInfo.InvariantCulture) : "",
        string text => CsvText.Quote(text),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };
}
