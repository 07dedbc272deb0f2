namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>How a row left a <see cref="CanonicalisationBatch"/>.</summary>
public enum RowOutcome
{
    /// <summary>Its search ended by itself, as its settings say.</summary>
    Complete,

    /// <summary>Its deadline passed; the result is its best iterate so far.</summary>
    BestAtDeadline,

    /// <summary>Its deadline passed, and it was to fail then: there is no result.</summary>
    DeadlineExceeded,

    /// <summary>Its token was cancelled: there is no result.</summary>
    Cancelled,

    /// <summary>It could not be computed: there is no result, and <see cref="FinishedRow.Error"/> says why.</summary>
    Failed,
}
