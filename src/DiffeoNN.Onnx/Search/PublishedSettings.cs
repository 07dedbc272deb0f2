using DiffeoNN.Onnx.Fields;

namespace DiffeoNN.Onnx.Search;

/// <summary>The recipe of Oettinger, Shumaylov, Bostelmann, Lellmann and Schönlieb, "Diffeomorphism-Equivariant Neural Networks",
/// arXiv 2602.06695, as far as it was published: to compare with. It was made for lungs of 128x128 pixels and for energy networks of its
/// own size.</summary>
/// <remarks>
/// A sine network at every pixel makes a step cost about ten times that of the 16x16 lattice that <see cref="SearchSpec"/> takes
/// by default. The weight of the penalty on folds was not published; it is this library's default. An energy graph of the user's own has
/// no weight.
/// What the recipe leaves to chance or gets wrong is not imitated: the latent stands at its mean, the best iterate counts and not the last
/// but one, the start is exactly the identity, more than 7 squarings are taken where the first step would exceed half a pixel, arithmetic
/// is float32, and a map that folds or has no exact inverse is repaired or refused.
/// </remarks>
public static class PublishedSettings
{
    /// <summary>From no deformation, to the end, and every map is used.</summary>
    public static SearchSpec Search { get; } = new()
    {
        Vae = 1e-2,
        Beta = 1e-4,
        Adversarial = 1e-3,
        Energy = 0,
        Entropy = 0,
        Smoothness = 1,
        Start = StartPoint.Identity,
        Field = FieldKind.Siren,
        Lattice = 0,
        Passes = 1,
        Average = false,
        Steps = 100,
        LearningRate = 0.0038926,
        Squarings = 7,
        Patience = 0,
        Accept = AcceptanceRule.Always,
        Padding = WarpPadding.Zeros,
    };
}
