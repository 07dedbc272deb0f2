using DiffeoNN.Onnx.Validation.Comparing;

namespace DiffeoNN.Onnx.Validation.Reports;

/// <summary>Where two sources part.</summary>
public sealed record BlameReport
{
    /// <summary>What disagreed.</summary>
    public required ComparedQuantity Quantity { get; init; }

    /// <summary>Who disagrees.</summary>
    public required string Source { get; init; }

    /// <summary>With whom.</summary>
    public required string Baseline { get; init; }

    /// <summary>Names of the nodes to blame, most often one, in the order in which they run; empty where none was found.</summary>
    public IReadOnlyList<BlamedNode> Nodes { get; init; } = [];

    /// <summary>The value that differs while what it is computed from agrees; null where none was found.</summary>
    public string? Value { get; init; }

    /// <summary>How that value differs; null where none was found.</summary>
    public TensorComparison? Difference { get; init; }

    /// <summary>Whether the saved graph, run alone on the same inputs, disagrees in the same two sources.</summary>
    public bool Confirmed { get; init; }

    /// <summary>One sentence: what was found, how it was found, and what to do next.</summary>
    public required string Finding { get; init; }

    /// <summary>Folder with the smallest failing graph, <c>model.onnx</c> and <c>test_data_set_0</c>;
    /// null where nothing was saved.</summary>
    public string? Folder { get; init; }
}
