namespace DiffeoNN.Onnx.Search;

/// <summary>What a plan must know of the bundle that is searched.</summary>
/// <param name="Name">What messages call it.</param>
/// <param name="Settings">What it says of its searches.</param>
/// <param name="HasProposer">Whether there is a proposal to start at.</param>
/// <param name="HasPublishedEnergy">Whether it has a VAE or a critic, whose energies the published recipe minimises.</param>
public sealed record SearchSubject(string Name, SearchSpec Settings, bool HasProposer, bool HasPublishedEnergy);
