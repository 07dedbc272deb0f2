using System.Runtime.ExceptionServices;
using DiffeoNN.Onnx.Search;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>One search from its start to its result, with nobody beside it.</summary>
internal static class SearchLoop
{
    /// <summary>Searches.</summary>
    /// <param name="fields">What computes it.</param>
    /// <param name="options">How.</param>
    /// <param name="images">(N, C, H, W), float32; stays the caller's.</param>
    /// <param name="start">Velocities (N, 2, h, w) on a lattice of any size, or null for the identity; stays the caller's.</param>
    /// <param name="progress">Told after every iterate.</param>
    /// <param name="cancellationToken">Ends it within one step.</param>
    /// <returns>Its tensors belong to nobody's scope.</returns>
    public static CanonicalisationResult Search(
        this ISearchFields fields, SearchSpec options, torch.Tensor images, torch.Tensor? start,
        IProgress<CanonicalisationProgress>? progress, CancellationToken cancellationToken)
    {
        using var stepper = fields.Stepper(apart: false);
        using var run = stepper.Begin(options, images, start);
        ISearchRun[] runs = [run];
        while (!run.IsDone)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ThrowIfAny(stepper.Step(runs, cancellationToken)[0]);
            progress?.Report(run.Progress);
        }

        var (result, failure) = stepper.Finish(runs, cancellationToken)[0];
        ThrowIfAny(failure);
        return result!;
    }

    private static void ThrowIfAny(Exception? failure)
    {
        if (failure is not null)
            ExceptionDispatchInfo.Throw(failure);
    }
}
