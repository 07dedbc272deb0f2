namespace DiffeoNN.Onnx.RandomNumbers;

/// <summary>
/// The pseudorandom generator of everything this project draws itself: 64 bits of state, the same numbers in every language and on every
/// platform.
/// </summary>
/// <remarks>
/// Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
/// Each step adds 0x9E3779B97F4A7C15 to the state and mixes the sum. Not for cryptography.
/// </remarks>
/// <param name="state">Initial state: the seed.</param>
public sealed class SplitMix64(ulong state)
{
    private const ulong Step = 0x9E3779B97F4A7C15;
    private const ulong Stride = 0xD1342543DE82EF95;
    private ulong _state = state;
    private double _spareNormal;
    private bool _hasSpareNormal;

    /// <summary>
    /// The generator of one item of a set: its state is <c>mix(seed) + index * 0xD1342543DE82EF95</c> (mod 2^64) with <c>mix</c> the first
    /// output of the generator seeded with <paramref name="seed"/>. Items can so be drawn in any order.
    /// </summary>
    /// <param name="seed">Seed of the set.</param>
    /// <param name="index">Number of the item, from 0.</param>
    public static SplitMix64 ForItem(ulong seed, long index) => new(unchecked(new SplitMix64(seed).Next() + ((ulong)index * Stride)));

    /// <summary>The next 64 random bits.</summary>
    public ulong Next()
    {
        unchecked
        {
            var z = _state += Step;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
    }

    /// <summary>A number in [0, 1): the upper 53 bits of <see cref="Next"/> times 2^-53.</summary>
    public double Uniform() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>A number in [<paramref name="low"/>, <paramref name="high"/>), as <c>low + (high - low) * Uniform()</c>.</summary>
    /// <param name="low">Lower bound.</param>
    /// <param name="high">Upper bound.</param>
    public double Uniform(double low, double high) => low + ((high - low) * Uniform());

    /// <summary>A standard normal number by Box-Muller: of two uniforms the cosine first, then the sine.</summary>
    public double Normal()
    {
        if (_hasSpareNormal)
        {
            _hasSpareNormal = false;
            return _spareNormal;
        }

        var radius = Math.Sqrt(-2 * Math.Log(1 - Uniform()));
        var angle = 2 * Math.PI * Uniform();
        _spareNormal = radius * Math.Sin(angle);
        _hasSpareNormal = true;
        return radius * Math.Cos(angle);
    }
}
