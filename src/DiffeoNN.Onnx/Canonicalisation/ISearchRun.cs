namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>One search over a batch, from its start to its result.</summary>
internal interface ISearchRun : IDisposable
{
    /// <summary>Iterates until every image has stopped.</summary>
    void Optimise(IProgress<CanonicalisationProgress>? progress, CancellationToken cancellationToken);

    /// <summary>Rebuilds the best iterates with their inverses and measures, repairs maps that fail their certificate,
    /// and puts the identity in place of what is refused.</summary>
    CanonicalisationResult Finish(CancellationToken cancellationToken);
}
