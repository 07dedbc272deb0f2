using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>One image of a batch's result.</summary>
/// <param name="Result">The batch's.</param>
/// <param name="Row">Which image.</param>
internal sealed record ResultRow(CanonicalisationResult Result, int Row)
{
    /// <summary>Its record.</summary>
    public ImageCanonicalisation Image => Result.Images[Row];

    /// <summary>Images of several results as one batch; its tensors are copies that belong to nobody's scope.</summary>
    /// <param name="rows">At least one.</param>
    /// <param name="images">Their records.</param>
    /// <param name="times">What all took.</param>
    public static CanonicalisationResult Gather(
        IReadOnlyList<ResultRow> rows, IReadOnlyList<ImageCanonicalisation> images, StageTimes times)
    {
        torch.Tensor Chosen(Func<CanonicalisationResult, torch.Tensor> tensor) =>
            torch.cat([.. rows.Select(row => tensor(row.Result).narrow(0, row.Row, 1))], 0).DetachFromDisposeScope();
        return new CanonicalisationResult(
            Chosen(result => result.Canonical), Chosen(result => result.Velocity),
            Chosen(result => result.Displacement), Chosen(result => result.InverseDisplacement), images, times);
    }
}
