namespace DiffeoNN.Onnx.Client;

/// <summary>What a request says beside its images; what is not said is as the model has it. Change with <c>with</c>.</summary>
public sealed record RequestSettings
{
    /// <summary>Version of the model; null for the one that takes requests.</summary>
    public string? Version { get; init; }

    /// <summary>Outputs to compute, by name; null for the usual ones.</summary>
    public IReadOnlyList<string>? Outputs { get; init; }

    /// <summary>Steps of the search; null for the model's.</summary>
    public int? Steps { get; init; }

    /// <summary>Seed of the search's random numbers; null for the model's.</summary>
    public long? Seed { get; init; }

    /// <summary>Where the search starts, by the words of <c>diffeonn run --start</c>; null for the model's.</summary>
    public string? Start { get; init; }

    /// <summary>Passes of the proposer; null for the model's.</summary>
    public int? Passes { get; init; }

    /// <summary>When a map is used, by the words of <c>diffeonn run --accept</c>; null for the model's.</summary>
    public string? Accept { get; init; }

    /// <summary>How long the server may take, from the request's arrival on; null for as long as it needs. This is the server's time: give
    /// a cancellation token for yours.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Whether the best map found by then is answered when <see cref="Timeout"/> is up, instead of an error.</summary>
    public bool TakesBestAtTimeout { get; init; }

    /// <summary>1 is first; null is after those who say one up to 99.</summary>
    public int? Priority { get; init; }
}
