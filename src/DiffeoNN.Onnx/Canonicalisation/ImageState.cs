using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>What is known of one image during a run: its best iterate, and whether it goes on.</summary>
/// <param name="options">The rules.</param>
internal sealed class ImageState(SearchSpec options)
{
    private readonly List<double> _best = [];
    private IterateEnergy? _before;
    private IterateEnergy? _after;
    private double? _inputEnergy;

    /// <summary>Updates taken.</summary>
    public int Steps { get; private set; }

    /// <summary>Which iterate is the best.</summary>
    public int BestStep { get; private set; }

    /// <summary>Its total energy.</summary>
    public double BestTotal => _after?.Total ?? double.NaN;

    /// <summary>Why the image stopped; null while it goes on.</summary>
    public StopReason? Stop { get; private set; }

    /// <summary>Energy of the image as it is.</summary>
    public double InputEnergy => _inputEnergy ?? _before!.Energy;

    /// <summary>Energies of the best iterate.</summary>
    public IterateEnergy Best => _after!;

    /// <summary>The energy that has to be below that of the image as it is.</summary>
    public double JudgedEnergy => options.JudgesStart ? Math.Max(_before!.Energy, Best.Energy) : Best.Energy;

    /// <summary>Sets the energy of the image as it is, where the search does not start there.</summary>
    public void SetInputEnergy(double energy) => _inputEnergy = energy;

    /// <summary>Ends the search at its start, unless it has ended.</summary>
    public void LeaveAlone() => Stop ??= StopReason.Canonical;

    /// <summary>Ends the search for want of time, unless it has ended or has no iterate yet.</summary>
    public void EndIfBegun()
    {
        if (_after is not null)
            Stop ??= StopReason.TimeBudget;
    }

    /// <summary>Replaces the energies of the best iterate, whose map was repaired.</summary>
    public void Repair(IterateEnergy energy) => _after = energy;

    /// <summary>Takes in an iterate.</summary>
    /// <param name="step">Updates before it.</param>
    /// <param name="energy">Its energies.</param>
    /// <param name="timeIsUp">Whether no further step may begin.</param>
    /// <returns>Whether it is the best so far.</returns>
    public bool Add(int step, IterateEnergy energy, bool timeIsUp)
    {
        Steps = step;
        _before ??= energy;
        // The start counts as an iterate even if its energy is not finite: there is nothing else to return then.
        var best = _after is null || energy.Total < BestTotal;
        if (best)
            (_after, BestStep) = (energy, step);
        _best.Add(BestTotal);

        if (!double.IsFinite(energy.Total))
            Stop = StopReason.NonFinite;
        else if (HasConverged())
            Stop = StopReason.Converged;
        else if (step >= options.Steps)
            Stop = StopReason.StepBudget;
        else if (timeIsUp)
            Stop = StopReason.TimeBudget;
        return best;
    }

    /// <summary>The record of the image.</summary>
    /// <param name="names">Names of all terms.</param>
    /// <param name="squarings">Of the result.</param>
    /// <param name="found">Measures of the map found.</param>
    /// <param name="scale">What its velocity was multiplied by.</param>
    /// <param name="refusal">Why it is not used, or null.</param>
    public ImageCanonicalisation ToResult(
        IReadOnlyList<string> names, int squarings, Fields.FieldDiagnostics found, double scale, Refusal? refusal)
    {
        var (before, after) = (_before!, _after!);
        return new ImageCanonicalisation(
            [.. names.Select((name, i) => new EnergyTerm(name, before.Terms[i], after.Terms[i]))],
            new EnergyTerm("energy", before.Energy, after.Energy),
            new EnergyTerm("total", before.Total, after.Total),
            Steps, Stop!.Value, BestStep, squarings, refusal is null ? found : Fields.FieldDiagnostics.Identity)
        {
            Refusal = refusal, InputEnergy = InputEnergy, JudgedEnergy = JudgedEnergy, FoundDiagnostics = found, VelocityScale = scale,
        };
    }

    private bool HasConverged()
    {
        if (options.Patience == 0 || _best.Count <= options.Patience)
            return false;
        var earlier = _best[^(options.Patience + 1)];
        return earlier - BestTotal <= options.Tolerance * Math.Abs(earlier);
    }
}

/// <summary>Energies of one iterate of one image.</summary>
/// <param name="Energy">Weighted sum of the energy's own terms.</param>
/// <param name="Terms">Unweighted terms, then smoothness and orientation.</param>
/// <param name="Total">What is minimised.</param>
internal sealed record IterateEnergy(double Energy, double[] Terms, double Total)
{
    /// <summary>From what graphs give.</summary>
    /// <param name="values">The energy, then its terms.</param>
    /// <param name="smoothness">Of the velocity.</param>
    /// <param name="orientation">Penalty on folds.</param>
    /// <param name="options">Weights of the last two.</param>
    public static IterateEnergy Of(ReadOnlySpan<float> values, double smoothness, double orientation, SearchSpec options)
    {
        var terms = new double[values.Length + 1];
        for (var i = 1; i < values.Length; i++)
            terms[i - 1] = values[i];
        (terms[^2], terms[^1]) = (smoothness, orientation);
        return new IterateEnergy(
            values[0], terms, values[0] + (options.Smoothness * smoothness) + (options.Orientation * orientation));
    }
}
