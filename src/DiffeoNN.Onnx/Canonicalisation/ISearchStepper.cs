using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Search;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>Steps searches that began at different times and have settings of their own, and shares what they can share.</summary>
internal interface ISearchStepper : IDisposable
{
    /// <summary>Begins a search.</summary>
    /// <param name="options">How it searches.</param>
    /// <param name="images">(N, C, H, W), float32; copied where the search outlives the call that disposes of them.</param>
    /// <param name="start">Velocities (N, 2, h, w) on a lattice of any size, or null for the identity; stays the caller's.</param>
    /// <param name="energy">What is minimised; null for that of the fields.</param>
    /// <param name="isTimeUp">Asked after each iterate whether no further step may begin; null for never.</param>
    /// <returns>The caller disposes it before the stepper.</returns>
    ISearchRun Begin(SearchSpec options, torch.Tensor images, torch.Tensor? start, IEnergy? energy = null, Func<bool>? isTimeUp = null);

    /// <summary>Takes one step of each search: the update that its last iterate asked for, if there was one, then its next iterate.
    /// </summary>
    /// <param name="runs">Searches of this stepper that are not done.</param>
    /// <param name="cancellationToken">Ends the step within one run of a graph; a later step takes it up where it ended.</param>
    /// <returns>Why a search could not be stepped, null where it was, in their order; one that could not is only to be disposed.</returns>
    Exception?[] Step(IReadOnlyList<ISearchRun> runs, CancellationToken cancellationToken);

    /// <summary>Results of searches that are done.</summary>
    /// <param name="runs">The searches.</param>
    /// <param name="cancellationToken">Ends it within one run of a graph.</param>
    /// <returns>In their order the result, which the caller disposes, or why there is none.</returns>
    (CanonicalisationResult? Result, Exception? Failure)[] Finish(IReadOnlyList<ISearchRun> runs, CancellationToken cancellationToken);
}
