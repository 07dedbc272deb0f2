using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.RandomNumbers;

namespace DiffeoNN.Onnx.Deformations;

/// <summary>A family of random maps, for training energies and for evaluation:
/// the same seed gives the same map in every language.</summary>
/// <remarks>Everything is drawn and computed in double precision from <see cref="SplitMix64"/>.</remarks>
public abstract class Deformation
{
    /// <summary>Most maps drawn until one does not fold.</summary>
    public const int MaximumDraws = 100;

    /// <summary>The names <see cref="Create"/> knows.</summary>
    public static IReadOnlyList<string> Names { get; } = ["none", "tps", "tps-strong", "svf", "twist"];

    /// <summary>Its name on the command line.</summary>
    public abstract string Name { get; }

    /// <summary>Creates a preset by name.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <exception cref="DeformationException">The name is unknown.</exception>
    public static Deformation Create(string name) => name switch
    {
        "none" => new NoDeformation(),
        "tps" => new ThinPlateDeformation(),
        "tps-strong" => new ThinPlateDeformation(ThinPlateDeformation.Strong),
        "svf" => new VelocityDeformation(),
        "twist" => new TwistDeformation(),
        _ => throw new DeformationException($"deformation '{name}' is unknown; expected one of {string.Join(", ", Names)}."),
    };

    /// <summary>Draws the map of one image of a set.</summary>
    /// <param name="grid">Size of the image.</param>
    /// <param name="seed">Seed of the set.</param>
    /// <param name="index">Number of the image in the set, from 0.</param>
    /// <returns>A map without folds: its <see cref="DeformationMap.MinimumDeterminant"/> is positive.</returns>
    /// <exception cref="DeformationException"><see cref="MaximumDraws"/> maps in a row were folded.</exception>
    public DeformationMap Draw(SamplingGrid grid, ulong seed, long index = 0) => Draw(grid, SplitMix64.ForItem(seed, index));

    /// <summary>Draws a map; folded ones are drawn again from the same generator.</summary>
    /// <param name="grid">Size of the image.</param>
    /// <param name="random">Advanced by what was drawn.</param>
    /// <returns>A map without folds.</returns>
    /// <exception cref="DeformationException"><see cref="MaximumDraws"/> maps in a row were folded.</exception>
    public DeformationMap Draw(SamplingGrid grid, SplitMix64 random)
    {
        ArgumentNullException.ThrowIfNull(random);
        for (var i = 0; i < MaximumDraws; i++)
        {
            var map = new DeformationMap(grid, Propose(grid, random));
            if (map.MinimumDeterminant > 0) return map;
        }

        throw new DeformationException(
            $"deformation '{Name}' on {grid.Width}x{grid.Height} pixels: {MaximumDraws} maps in a row folded; make it weaker.");
    }

    /// <summary>One draw, folded or not.</summary>
    /// <param name="grid">Size of the image.</param>
    /// <param name="random">Source of all numbers.</param>
    /// <returns>Displacement in order (component, row, column), in the library's unit.</returns>
    protected abstract double[] Propose(SamplingGrid grid, SplitMix64 random);
}
