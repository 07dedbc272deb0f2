namespace DiffeoNN.Onnx.Bundles;

/// <summary>Weights of the energy's terms, all at least zero; those of roles a bundle lacks have no effect.</summary>
public sealed record EnergyWeights
{
    /// <summary>Weight of the VAE term.</summary>
    public double Vae { get; init; }

    /// <summary>Weight of the divergence inside the VAE term.</summary>
    public double Beta { get; init; }

    /// <summary>Weight of the adversarial term.</summary>
    public double Adversarial { get; init; }

    /// <summary>Weight of the user's own energy.</summary>
    public double Energy { get; init; }

    /// <summary>Weight of the velocity's smoothness.</summary>
    public double Smoothness { get; init; } = 1;

    /// <summary>Weight of the penalty on folds.</summary>
    public double Orientation { get; init; } = 1;
}
