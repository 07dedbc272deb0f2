namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>One search over a batch, from its start to its result; <see cref="ISearchStepper"/> steps it.</summary>
internal interface ISearchRun : IDisposable
{
    /// <summary>Whether every image has stopped.</summary>
    bool IsDone { get; }

    /// <summary>Where it is, after the last iterate.</summary>
    CanonicalisationProgress Progress { get; }

    /// <summary>Why the images that have stopped did.</summary>
    IEnumerable<StopReason> Stops { get; }

    /// <summary>Ends the search: at its best iterate at once where it has one, else after the first.</summary>
    void End();
}
