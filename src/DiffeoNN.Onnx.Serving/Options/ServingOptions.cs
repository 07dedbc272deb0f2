using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Serving.Protocol;

namespace DiffeoNN.Onnx.Serving.Options;

/// <summary>How models are served; change with <c>with</c>.</summary>
public sealed record ServingOptions
{
    /// <summary>How large requests may be.</summary>
    public ProtocolLimits Limits { get; init; } = new();

    /// <summary>Whether clients may load and unload models.</summary>
    public bool AllowsAdministration { get; init; }

    /// <summary>Images of a bundle that wait or run (of a plain model, requests that wait), at least 1; those beyond are refused.</summary>
    public int QueueCapacity { get; init; } = 256;

    /// <summary>Bytes of their pixels, at least 1; those beyond are refused.</summary>
    public long QueueBytes { get; init; } = 1_024_000_000;

    /// <summary>Bytes of all requests that are read or answered at a time, at least 1; a request beyond them is refused unless it is the
    /// only one.</summary>
    public long BodyBytes { get; init; } = 1_024_000_000;

    /// <summary>Images of a bundle that are searched at a time, at least 1.</summary>
    public int MaximumRows { get; init; } = 32;

    /// <summary>When images join those that are searched.</summary>
    public BatchingMode Batching { get; init; }

    /// <summary>Images of a request, at least 1.</summary>
    public int MaximumBatch { get; init; } = 64;

    /// <summary>Most steps that a request may ask for.</summary>
    public int MaximumSteps { get; init; } = 1000;

    /// <summary>Most passes of the proposer that a request may ask for; a bundle's own count in any case.</summary>
    public int MaximumPasses { get; init; } = 16;

    /// <summary>Device and cores.</summary>
    public ExecutionOptions Execution { get; init; } = new();

    /// <summary>Where settings of searches come from that a request does not give.</summary>
    public SearchPreset Preset { get; init; } = SearchPreset.Bundle;

    /// <summary>Refuses to load and unload models where that is not allowed.</summary>
    internal void RequireAdministration()
    {
        if (!AllowsAdministration)
            throw new ProtocolException(ErrorKind.Forbidden, "Clients may not load and unload models of this server.");
    }
}
