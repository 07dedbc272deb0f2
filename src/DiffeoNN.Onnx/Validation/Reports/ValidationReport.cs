namespace DiffeoNN.Onnx.Validation.Reports;

/// <summary>Whether a bundle or model gives the same numbers wherever it runs, and if not, where it goes wrong.</summary>
public sealed record ValidationReport
{
    /// <summary>Version of the format of <see cref="Reports.JsonReport"/>.</summary>
    public const int Schema = 1;

    /// <summary>The bundle's or file's name.</summary>
    public required string Subject { get; init; }

    /// <summary>Its path as given.</summary>
    public required string Path { get; init; }

    /// <summary>"bundle" or "model".</summary>
    public required string Kind { get; init; }

    /// <summary>Where it ran: what <see cref="Execution.DeviceSelection.Reason"/> says.</summary>
    public required string Device { get; init; }

    /// <summary>Cores it used.</summary>
    public required int Cores { get; init; }

    /// <summary>Seed of everything that was drawn.</summary>
    public required int Seed { get; init; }

    /// <summary>Sources that were asked for.</summary>
    public required IReadOnlyList<string> Sources { get; init; }

    /// <summary>Versions of what took part, by name.</summary>
    public IReadOnlyDictionary<string, string> Versions { get; init; } = new Dictionary<string, string>();

    /// <summary>One entry a graph.</summary>
    public required IReadOnlyList<GraphReport> Graphs { get; init; }

    /// <summary>The whole job by both engines; null where it was not run.</summary>
    public JobReport? Job { get; init; }

    /// <summary>Why the whole job was not compared; null where it was, or was not asked for.</summary>
    public string? JobSkipped { get; init; }

    /// <summary>The whole job with fields by libtorch and by graphs, as the bundle says and, where that takes no step, with a few steps;
    /// empty where it was not run.</summary>
    public IReadOnlyList<JobReport> Fields { get; init; } = [];

    /// <summary>Why fields were not compared; null where they were, or were not asked for.</summary>
    public string? FieldsSkipped { get; init; }

    /// <summary>All comparisons of the whole job that were made.</summary>
    internal IEnumerable<JobReport> Jobs => Job is null ? Fields : Fields.Prepend(Job);

    /// <summary>Time it took.</summary>
    public double Seconds { get; init; }

    /// <summary>Whether everything that was compared agrees.</summary>
    public bool Passed => Graphs.All(graph => graph.Passed) && Jobs.All(job => job.Passed);
}
