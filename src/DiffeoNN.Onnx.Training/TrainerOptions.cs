namespace DiffeoNN.Onnx.Training;

/// <summary>How weights are changed.</summary>
public sealed record TrainerOptions
{
    /// <summary>Adam's step size before the schedule.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>What the step size is multiplied by over the steps.</summary>
    public LearningRateSchedule Schedule { get; init; } = LearningRateSchedule.Constant;

    /// <summary>Decay of the gradient's mean.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the gradient's mean square.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the root of the mean square.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>How strongly weights decay; 0 for not at all.</summary>
    public double WeightDecay { get; init; }

    /// <summary>How weights decay.</summary>
    public WeightDecayKind DecayKind { get; init; } = WeightDecayKind.Decoupled;

    /// <summary>Largest norm of the gradient of all weights together, to which a larger one is scaled; 0 for no limit.</summary>
    public double GradientNorm { get; init; }

    /// <summary>Decay of the weights' moving average, in [0, 1); 0 for no average.</summary>
    public double AverageDecay { get; init; }

    /// <summary>Of the random numbers that data is drawn by.</summary>
    public ulong Seed { get; init; } = 1;

    internal void Check()
    {
        (string Name, double Value, bool IsValid, string Expected)[] values =
        [
            (nameof(LearningRate), LearningRate, LearningRate > 0 && double.IsFinite(LearningRate), "a positive number"),
            (nameof(Beta1), Beta1, Beta1 is >= 0 and < 1, "a number in [0, 1)"),
            (nameof(Beta2), Beta2, Beta2 is >= 0 and < 1, "a number in [0, 1)"),
            (nameof(Epsilon), Epsilon, Epsilon > 0 && double.IsFinite(Epsilon), "a positive number"),
            (nameof(WeightDecay), WeightDecay, WeightDecay >= 0 && double.IsFinite(WeightDecay), "a number from 0"),
            (nameof(GradientNorm), GradientNorm, GradientNorm >= 0 && double.IsFinite(GradientNorm), "a number from 0"),
            (nameof(AverageDecay), AverageDecay, AverageDecay is >= 0 and < 1, "a number in [0, 1)"),
        ];
        foreach (var (name, value, isValid, expected) in values)
        {
            if (!isValid)
                throw new TrainingException($"{name} is {value}; expected {expected}.");
        }

        Schedule.Check();
    }
}
