using DiffeoNN.Onnx.Fields;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>How canonicalisation searches; change with <c>with</c>.</summary>
public sealed record CanonicaliserOptions
{
    /// <summary>How the velocity field is parameterised.</summary>
    public FieldKind Field { get; init; } = FieldKind.Siren;

    /// <summary>Nodes of the velocity lattice along the image's longest side, at least 2; 0 for one a pixel. The shorter side gets as many
    /// as keep the cells about square. A <see cref="FieldKind.ControlLattice"/> wants a coarse one, 8 say.</summary>
    /// <remarks>Measured with a sine network on deformed chest images of 128x128: 16 nodes reach the map to 0.11 pixels on average, as do
    /// 24, 32 and 48; 8 reach 0.18. The cost of a step grows with the square.</remarks>
    public int Lattice { get; init; } = 16;

    /// <summary>How the velocity is carried from the lattice to the pixels.</summary>
    /// <remarks>The spline costs the same and is measurably smoother: on the same images the largest inverse residual was 0.04 instead of
    /// 0.06 pixels for a sine network on 16x16 nodes, 0.07 instead of 0.33 for an 8x8 control lattice.</remarks>
    public LatticeBasis Basis { get; init; } = LatticeBasis.CubicBSpline;

    /// <summary>Largest number of updates an image, at least 0; 0 evaluates the start only.</summary>
    public int Steps { get; init; } = 100;

    /// <summary>Step size of Adam, positive.</summary>
    public double LearningRate { get; init; } = 0.0038926;

    /// <summary>Weight of mean |grad v|^2, at least 0; v's deviation from the starting velocity where one is given.</summary>
    public double SmoothnessWeight { get; init; } = 1;

    /// <summary>Weight of mean relu(-det J), at least 0.</summary>
    public double OrientationWeight { get; init; } = 1;

    /// <summary>Least number of squarings; more are used where the first step would exceed half a pixel.</summary>
    /// <remarks>Fewer are cheaper and less exact: mean inverse residual 0.017, 0.009, 0.005, 0.003 pixels at 4, 5, 6, 7.</remarks>
    public int MinimumSquarings { get; init; } = 7;

    /// <summary>An image has converged when its best energy improved by less than this, relative to its size, over
    /// <see cref="Patience"/> steps; at least 0.</summary>
    public double Tolerance { get; init; } = 1e-4;

    /// <summary>Steps over which convergence is judged; 0 switches the rule off.</summary>
    public int Patience { get; init; } = 20;

    /// <summary>Time after which no further step is begun, for the whole batch; null for no limit. Results under a limit depend on the
    /// machine's speed.</summary>
    public TimeSpan? TimeBudget { get; init; }

    /// <summary>Seed of the initial weights; the same for all images.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>When the map found is used; what is refused is left as it is.</summary>
    public AcceptanceRule Accept { get; init; } = AcceptanceRule.Checked;

    /// <summary>Energy up to which an image counts as canonical already: it is not optimised and left alone. Null for none; of no effect
    /// with <see cref="AcceptanceRule.Always"/>.</summary>
    public double? CanonicalBelow { get; init; }

    /// <summary>How much the energy must fall for a map to be used, relative to the size of the image's own, at least 0;
    /// with 0 any decrease will do. The energy's own terms count, not the regularisers.</summary>
    public double MinimumDecrease { get; init; }

    /// <summary>Largest inverse residual in pixels of a map that is used, positive.</summary>
    public double MaximumInverseResidual { get; init; } = 1;

    /// <summary>What the image is outside its border.</summary>
    public WarpPadding Padding { get; init; } = WarpPadding.Zeros;

    /// <summary>Refuses values that make no sense.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An option is outside its range; the message names it.</exception>
    internal void Validate()
    {
        Require(Lattice is 0 or >= 2, nameof(Lattice), Lattice, "0 (one node a pixel) or at least 2");
        Require(Steps >= 0, nameof(Steps), Steps, "at least 0");
        Require(LearningRate > 0 && double.IsFinite(LearningRate), nameof(LearningRate), LearningRate, "positive");
        Require(SmoothnessWeight >= 0 && double.IsFinite(SmoothnessWeight), nameof(SmoothnessWeight), SmoothnessWeight, "at least 0");
        Require(OrientationWeight >= 0 && double.IsFinite(OrientationWeight), nameof(OrientationWeight), OrientationWeight, "at least 0");
        Require(MinimumSquarings is >= 0 and <= 30, nameof(MinimumSquarings), MinimumSquarings, "from 0 to 30");
        Require(Tolerance >= 0, nameof(Tolerance), Tolerance, "at least 0");
        Require(Patience >= 0, nameof(Patience), Patience, "at least 0");
        Require(TimeBudget is null || TimeBudget >= TimeSpan.Zero, nameof(TimeBudget), TimeBudget, "null or at least 0");
        Require(CanonicalBelow is null || double.IsFinite(CanonicalBelow.Value), nameof(CanonicalBelow), CanonicalBelow, "null or finite");
        Require(MinimumDecrease >= 0 && double.IsFinite(MinimumDecrease), nameof(MinimumDecrease), MinimumDecrease, "at least 0");
        Require(MaximumInverseResidual > 0, nameof(MaximumInverseResidual), MaximumInverseResidual, "positive");
        Require(Enum.IsDefined(Accept), nameof(Accept), Accept, "a defined rule");
        Require(Enum.IsDefined(Field), nameof(Field), Field, "a defined kind");
        Require(Enum.IsDefined(Basis), nameof(Basis), Basis, "a defined basis");
        Require(Enum.IsDefined(Padding), nameof(Padding), Padding, "a defined padding");

        static void Require(bool condition, string name, object? value, string expected)
        {
            if (!condition)
            {
                throw new ArgumentOutOfRangeException(
                    name, value, $"Canonicaliser option {name} is {value ?? "null"}; it must be {expected}.");
            }
        }
    }
}
