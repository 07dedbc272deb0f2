namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>What a critic is trained by.</summary>
public sealed record CriticRecipeOptions
{
    /// <summary>How images are deformed.</summary>
    public DeformationSampling Sampling { get; init; } = new() { Intensity = 0.3 };

    /// <summary>Undeformed images of a step, at least 4; as many deformed ones and a quarter more undeformed ones go with them.</summary>
    public int Batch { get; init; } = 16;

    /// <summary>Nodes along the longest side of the velocity lattice on which the score's gradient is compared.</summary>
    public int Lattice { get; init; } = 8;

    /// <summary>The score of an image that is deformed by r is to be <c>Scale / 2 * mean |r|^2</c>.</summary>
    public double Scale { get; init; } = 100;

    /// <summary>Weight of the gradient along velocities.</summary>
    public double Guidance { get; init; } = 1;

    /// <summary>Weight of the scores themselves.</summary>
    public double Value { get; init; } = 1;

    /// <summary>Of the images' order.</summary>
    public ulong Seed { get; init; } = 1;

    internal void Check()
    {
        Sampling.Check();
        RecipeChecks.Expect(nameof(Batch), Batch, Batch >= 4, "at least 4");
        RecipeChecks.Expect(nameof(Lattice), Lattice, Lattice >= 2, "at least 2");
        RecipeChecks.Expect(nameof(Scale), Scale, Scale > 0 && double.IsFinite(Scale), "a positive number");
        RecipeChecks.Expect(nameof(Guidance), Guidance, Guidance >= 0 && double.IsFinite(Guidance), "a number from 0");
        RecipeChecks.Expect(nameof(Value), Value, Value >= 0 && double.IsFinite(Value), "a number from 0");
    }
}
