using System.Globalization;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>Decides whether a map is used: do no harm.</summary>
/// <param name="options">The limits.</param>
internal sealed class Acceptance(SearchSpec options)
{
    /// <summary>Whether an image is left alone for its own energy, whatever could be found.</summary>
    public bool IsCanonical(double inputEnergy) => options.Accept == AcceptanceRule.Checked && inputEnergy <= options.CanonicalBelow;

    /// <summary>The certificate: every determinant of the map and of its inverse is positive, and the inverse is exact enough.
    /// Values that are no numbers fail it.</summary>
    public bool IsCertified(FieldDiagnostics map) => !Folds(map) && map.InverseResidualMaximum <= options.InverseResidual;

    /// <summary>Judges a map.</summary>
    /// <param name="inputEnergy">Energy of the image as it is.</param>
    /// <param name="foundEnergy">Energy of the image the map leads to.</param>
    /// <param name="map">Measures of the map.</param>
    /// <returns>Null if it is used.</returns>
    public Refusal? Judge(double inputEnergy, double foundEnergy, FieldDiagnostics map)
    {
        if (!double.IsFinite(inputEnergy) || !double.IsFinite(foundEnergy))
            return Refuse(RefusalReason.NonFinite,
                $"The energy is {inputEnergy:G5} as the image is and {foundEnergy:G5} at best; it must be finite.");
        if (IsCanonical(inputEnergy))
            return Refuse(RefusalReason.AlreadyCanonical,
                $"The image has energy {inputEnergy:G5}; up to {options.CanonicalBelow:G5} it counts as canonical already.");
        if (Folds(map))
        {
            var (least, inverse) = (map.MinimumDeterminant, map.InverseMinimumDeterminant);
            return Refuse(
                RefusalReason.Folded,
                $"The smallest Jacobian determinant is {least:G3}, of the inverse {inverse:G3}; both must be positive.");
        }

        if (!IsCertified(map))
        {
            return Refuse(
                RefusalReason.InverseResidual,
                $"The inverse is off by up to {map.InverseResidualMaximum:G3} pixels; the limit is {options.InverseResidual:G3}.");
        }

        var (decrease, asked) = (inputEnergy - foundEnergy, options.MinimumDecrease * Math.Abs(inputEnergy));
        if (options.Accept == AcceptanceRule.Checked && !(decrease > 0 && decrease >= asked))
        {
            return Refuse(
                RefusalReason.NotEnoughDecrease,
                $"The energy went from {inputEnergy:G5} to {foundEnergy:G5}; it must fall{(asked > 0 ? $" by at least {asked:G3}" : "")}.");
        }

        return null;
    }

    private static bool Folds(FieldDiagnostics map) => !(map.MinimumDeterminant > 0 && map.InverseMinimumDeterminant > 0);

    private static Refusal Refuse(RefusalReason reason, FormattableString text) => new(reason, text.ToString(CultureInfo.InvariantCulture));
}
