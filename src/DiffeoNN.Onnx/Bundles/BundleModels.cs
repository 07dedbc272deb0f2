using System.Text.Json.Serialization;

namespace DiffeoNN.Onnx.Bundles;

/// <summary>The networks of a bundle by role. The inner model is required; canonicalisation needs at least one of VAE, critic and energy
/// (<see cref="HasEnergy"/>).</summary>
public sealed record BundleModels
{
    /// <summary>The pretrained network that is wrapped.</summary>
    public required PredictorSpec Inner { get; init; }

    /// <summary>A variational autoencoder of the training images.</summary>
    public VaeSpec? Vae { get; init; }

    /// <summary>A critic of deformed images.</summary>
    public CriticSpec? Critic { get; init; }

    /// <summary>An energy of the user's own.</summary>
    public EnergyGraphSpec? Energy { get; init; }

    /// <summary>A network that proposes where canonicalisation starts.</summary>
    public ProposerSpec? Proposer { get; init; }

    /// <summary>The inner model trained with deformations, for comparison.</summary>
    public PredictorSpec? Augmented { get; init; }

    /// <summary>Whether there is something to minimise: a VAE, a critic or an energy of the user's own. Without, a bundle describes the
    /// inner model alone, as what is trained for it needs.</summary>
    [JsonIgnore]
    public bool HasEnergy => Vae is not null || Critic is not null || Energy is not null;

    /// <summary>The roles that are there, in a fixed order, with their files; a backward graph is not a role.</summary>
    public IEnumerable<KeyValuePair<BundleRole, ModelFile>> Present()
    {
        foreach (var role in Enum.GetValues<BundleRole>())
        {
            if (this[role] is { } file) yield return new(role, file);
        }
    }

    /// <summary>The file of a role, or null.</summary>
    public ModelFile? this[BundleRole role] => role switch
    {
        BundleRole.Inner => Inner,
        BundleRole.Vae => Vae,
        BundleRole.Critic => Critic,
        BundleRole.Energy => Energy,
        BundleRole.Proposer => Proposer,
        BundleRole.Augmented => Augmented,
        _ => throw new ArgumentOutOfRangeException(nameof(role), role, "Not a role of a bundle."),
    };
}
