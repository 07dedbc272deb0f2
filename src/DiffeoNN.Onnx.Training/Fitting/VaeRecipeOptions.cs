namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>What a variational autoencoder is trained by.</summary>
public sealed record VaeRecipeOptions
{
    /// <summary>How images vary in brightness, noise and sharpness; they are not deformed.</summary>
    public DeformationSampling Sampling { get; init; } = new() { Intensity = 0.3 };

    /// <summary>Images of a step.</summary>
    public int Batch { get; init; } = 16;

    /// <summary>Weight of the KL term, which is the energy's too.</summary>
    public double Beta { get; init; } = 0.3;

    /// <summary>Of the images' order.</summary>
    public ulong Seed { get; init; } = 1;

    internal void Check()
    {
        Sampling.Check();
        RecipeChecks.Expect(nameof(Batch), Batch, Batch >= 1, "at least 1");
        RecipeChecks.Expect(nameof(Beta), Beta, Beta >= 0 && double.IsFinite(Beta), "a number from 0");
    }
}
