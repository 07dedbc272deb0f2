namespace DiffeoNN.Onnx.Serving.Protocol;

/// <summary>What a version of a model has done since it was loaded.</summary>
public sealed record ModelStatistics
{
    /// <summary>The model's name.</summary>
    public required string Name { get; init; }

    /// <summary>The version.</summary>
    public required string Version { get; init; }

    /// <summary>When the last request ended, in milliseconds since 1970; 0 for never.</summary>
    public long LastInference { get; init; }

    /// <summary>Images, or rows of the first dimension, of requests that ended well.</summary>
    public long InferenceCount { get; init; }

    /// <summary>Runs that ended well.</summary>
    public long ExecutionCount { get; init; }

    /// <summary>Requests that ended well, from their arrival to the answer.</summary>
    public DurationStatistic Success { get; init; }

    /// <summary>Requests that did not.</summary>
    public DurationStatistic Fail { get; init; }

    /// <summary>How long requests that ended well waited for their turn.</summary>
    public DurationStatistic Queue { get; init; }

    /// <summary>How long they ran.</summary>
    public DurationStatistic Infer { get; init; }
}
