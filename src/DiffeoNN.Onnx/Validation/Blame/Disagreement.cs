using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Validation.Comparing;
using DiffeoNN.Onnx.Validation.Reports;

namespace DiffeoNN.Onnx.Validation.Blame;

/// <summary>Whose results part from whose: what every finding about them says.</summary>
/// <param name="Quantity">What disagrees.</param>
/// <param name="Source">Who disagrees.</param>
/// <param name="Baseline">With whom.</param>
internal sealed record Disagreement(ComparedQuantity Quantity, string Source, string Baseline)
{
    /// <summary>A finding that names no node.</summary>
    /// <param name="finding">Why, for people.</param>
    public BlameReport Unexplained(string finding) => Report([], null, null, false, null, finding);

    /// <summary>A finding.</summary>
    /// <param name="nodes">Those to blame.</param>
    /// <param name="value">Where the difference shows first.</param>
    /// <param name="difference">How large it is there; null where it was not compared as tensors.</param>
    /// <param name="confirmed">Whether the nodes differ when they run alone.</param>
    /// <param name="folder">Where the failing graph was written; null for nowhere.</param>
    /// <param name="finding">The finding, for people.</param>
    public BlameReport Report(
        IEnumerable<OnnxNode> nodes, string? value, TensorComparison? difference, bool confirmed, string? folder, string finding) => new()
        {
            Quantity = Quantity,
            Source = Source,
            Baseline = Baseline,
            Nodes = [.. nodes.Select(GraphWalk.Describe)],
            Value = value,
            Difference = difference,
            Confirmed = confirmed,
            Folder = folder,
            Finding = finding,
        };
}
