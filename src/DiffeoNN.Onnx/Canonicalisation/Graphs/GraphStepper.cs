using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Search;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation.Graphs;

/// <summary>Steps searches by graphs one after the other: the graph of a step holds energy and fields of one search, with one number of
/// updates.</summary>
/// <param name="fields">The graphs.</param>
internal sealed class GraphStepper(GraphFields fields) : ISearchStepper
{
    /// <inheritdoc/>
    public ISearchRun Begin(
        SearchSpec options, torch.Tensor images, torch.Tensor? start, IEnergy? energy = null, Func<bool>? isTimeUp = null)
    {
        // Weights are the options'; the terms are the graphs'.
        if (energy is not null && !energy.TermNames.SequenceEqual(fields.Energy.TermNames))
        {
            throw new ArgumentException(
                $"Fields by graphs hold the energy of the terms {string.Join(", ", fields.Energy.TermNames)}, not of "
                + $"{string.Join(", ", energy.TermNames)}; use fields 'torch' for others.", nameof(energy));
        }

        return fields.Begin(options, images, start, isTimeUp);
    }

    /// <inheritdoc/>
    public Exception?[] Step(IReadOnlyList<ISearchRun> runs, CancellationToken cancellationToken) =>
    [
        .. runs.Select(run => Try(() =>
        {
            ((GraphRun)run).Step(cancellationToken);
            return true;
        }, cancellationToken).Failure),
    ];

    /// <inheritdoc/>
    public (CanonicalisationResult? Result, Exception? Failure)[] Finish(
        IReadOnlyList<ISearchRun> runs, CancellationToken cancellationToken) =>
        [.. runs.Select(run => Try(() => ((GraphRun)run).Finish(cancellationToken), cancellationToken))];

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private static (T? Result, Exception? Failure) Try<T>(Func<T> work, CancellationToken cancellationToken)
    {
        try
        {
            return (work(), null);
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested)
        {
            return (default, error);
        }
    }
}
