using System.Text.Json;
using System.Text.Json.Serialization;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Training.Fitting;

namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>Steps of each stage of a fit. The same plan, data, seed and number of cores give the same weights.</summary>
public sealed record FitPlan
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        WriteIndented = true,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    /// <summary>Of the autoencoder; null until they are chosen.</summary>
    public int? Vae { get; init; }

    /// <summary>Of the proposer, from images and maps alone.</summary>
    public int? Proposer { get; init; }

    /// <summary>Of the proposer with the network's answers, in each of several rounds.</summary>
    public IReadOnlyList<int> Rounds { get; init; } = [];

    /// <summary>Rounds that were meant, by which their learning rates go: fewer may have fitted into the time. As many as
    /// <see cref="Rounds"/> if null.</summary>
    public int? RoundsMeant { get; init; }

    /// <summary>Images of each family that settings are chosen on, choice by choice; as many as the time allows where there are
    /// none.</summary>
    public IReadOnlyList<int> Chosen { get; init; } = [];

    /// <summary>Images of each family that the bundle is judged on; as many as the time allows if null.</summary>
    public int? Judged { get; init; }

    /// <summary>Of the critic; a plan without has no critic, and no choice after it.</summary>
    public int? Critic { get; init; }

    /// <summary>Images of a step.</summary>
    public int Batch { get; init; } = 16;

    /// <summary>Reads a plan.</summary>
    /// <param name="path">What <see cref="Save"/> wrote.</param>
    /// <exception cref="TrainingException">The file is missing, is none, or its steps make no sense.</exception>
    public static FitPlan Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            var plan = JsonSerializer.Deserialize<FitPlan>(RegularFile.ReadAllText(path), Json)
                ?? throw new TrainingException($"'{path}' is no plan of a fit.");
            plan.Check();
            return plan;
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new TrainingException($"'{path}' is no plan of a fit: {e.Message}", e);
        }
    }

    /// <summary>Writes it, as JSON.</summary>
    /// <param name="path">The file; replaced as a whole.</param>
    /// <exception cref="OutputException">It cannot be written.</exception>
    public void Save(string path) => AtomicFile.WriteText(path, ToJson());

    internal string ToJson() => JsonSerializer.Serialize(this, Json) + "\n";

    internal void Check()
    {
        foreach (var (name, steps) in new[] { (nameof(Vae), Vae), (nameof(Proposer), Proposer), (nameof(Critic), Critic) })
            RecipeChecks.Expect(name, steps ?? 1, steps is null or >= 1, "at least one step");
        RecipeChecks.Expect(nameof(Rounds), Rounds.DefaultIfEmpty(1).Min(), Rounds.All(steps => steps >= 1), "at least one step each");
        RecipeChecks.Expect(nameof(RoundsMeant), RoundsMeant ?? 0, RoundsMeant is null || RoundsMeant >= Rounds.Count,
            $"at least the {Rounds.Count} of {nameof(Rounds)}");
        RecipeChecks.Expect(nameof(Chosen), Chosen.DefaultIfEmpty(1).Min(), Chosen.All(images => images >= 1), "at least one image each");
        RecipeChecks.Expect(nameof(Judged), Judged ?? 1, Judged is null or >= 1, "at least one image");
        RecipeChecks.Expect(nameof(Batch), Batch, Batch >= 4, "at least 4");
    }
}
