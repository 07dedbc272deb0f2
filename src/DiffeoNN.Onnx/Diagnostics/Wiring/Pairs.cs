namespace DiffeoNN.Onnx.Diagnostics.Wiring;

/// <summary>Pairs of an undeformed and a deformed image.</summary>
/// <param name="Rises">Pairs in which the deformed image has the higher number.</param>
/// <param name="Telling">Pairs whose numbers differ.</param>
/// <param name="Ties">Pairs whose numbers are the same; they speak neither for nor against anything.</param>
internal sealed record Pairs(int Rises, int Telling, int Ties)
{
    /// <summary>Telling pairs below which nothing is concluded.</summary>
    private const int Enough = 8;

    /// <summary>Share of the pairs that has to agree, for it to be clear.</summary>
    private const double Most = 0.75;

    /// <summary>Share of the pairs from which an energy is better than chance, which gives a half: a fit keeps critics from here
    /// on.</summary>
    public const double Least = 0.6;

    /// <summary>Whether enough pairs differ to conclude something.</summary>
    public bool IsEnough => Telling >= Enough;

    /// <summary>Whether most pairs rise.</summary>
    public bool MostRise => Rises >= Most * Telling;

    /// <summary>Whether more pairs rise than by chance.</summary>
    public bool MoreRise => Rises >= Least * Telling;

    /// <summary>Whether most pairs fall.</summary>
    public bool MostFall => Rises <= (1 - Most) * Telling;

    /// <inheritdoc/>
    public override string ToString() => Ties == 0
        ? $"{Rises} of {Telling} pairs"
        : $"{Rises} of {Telling} pairs, {Ties} with equal numbers left out";
}
