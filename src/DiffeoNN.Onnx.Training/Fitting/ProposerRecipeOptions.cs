namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>What a proposer is trained by.</summary>
public sealed record ProposerRecipeOptions
{
    /// <summary>How images are deformed.</summary>
    public DeformationSampling Sampling { get; init; } = new();

    /// <summary>Images of a step.</summary>
    public int Batch { get; init; } = 16;

    /// <summary>Weight of the squared error of the image that the proposal gives.</summary>
    public double Image { get; init; } = 20;

    /// <summary>Weight of the squared distance of the proposal's map to the inverse of the deformation, in the library's unit.</summary>
    public double Displacement { get; init; } = 10;

    /// <summary>Weight of the mean |grad v|^2.</summary>
    public double Smoothness { get; init; } = 0.02;

    /// <summary>Weight of the inner network's answer on the image that the proposal gives, beside its own answer on the undeformed image,
    /// carried by the known map; nothing where no inner network is given.</summary>
    public double Task { get; init; } = 5;

    /// <summary>Share of the truth in what the task aims at, on images of which it is given; the rest is the inner network's own answer on
    /// the undeformed image. Of classes it is the share where the network is sure of another class, less where it is less sure, and nothing
    /// where the true class is its best: with a half the true class ties with the one that the network takes it for, so that its mistakes
    /// are not brought back, and images are not changed to make it surer.</summary>
    public double TruthShare { get; init; } = 0.5;

    /// <summary>The step from which the task counts: the steps before are several times as fast.</summary>
    public int TaskFrom { get; init; }

    /// <summary>Share of a step's images on which the proposer is taught a second pass, for bundles that ask it several times: it sees what
    /// its own first proposal makes of the image, which gets no gradient, and is to answer with what is left. Nothing for 0.</summary>
    public double Unrolled { get; init; } = 0.3;

    /// <summary>Squarings of the exponential.</summary>
    public int Squarings { get; init; } = 7;

    /// <summary>Up to which size the inner network's answers are kept; larger ones are computed whenever they are needed.</summary>
    public long AnswerBytes { get; init; } = 1L << 30;

    /// <summary>Of the images' order.</summary>
    public ulong Seed { get; init; } = 1;

    internal void Check()
    {
        Sampling.Check();
        RecipeChecks.Expect(nameof(Batch), Batch, Batch >= 1, "at least 1");
        RecipeChecks.Expect(nameof(Image), Image, Image >= 0 && double.IsFinite(Image), "a number from 0");
        RecipeChecks.Expect(nameof(Displacement), Displacement, Displacement >= 0 && double.IsFinite(Displacement), "a number from 0");
        RecipeChecks.Expect(nameof(Smoothness), Smoothness, Smoothness >= 0 && double.IsFinite(Smoothness), "a number from 0");
        RecipeChecks.Expect(nameof(Task), Task, Task >= 0 && double.IsFinite(Task), "a number from 0");
        RecipeChecks.Expect(nameof(TruthShare), TruthShare, TruthShare is >= 0 and <= 1, "a number in [0, 1]");
        RecipeChecks.Expect(nameof(TaskFrom), TaskFrom, TaskFrom >= 0, "a step from 0");
        RecipeChecks.Expect(nameof(Unrolled), Unrolled, Unrolled is >= 0 and <= 1, "a number in [0, 1]");
        RecipeChecks.Expect(nameof(Squarings), Squarings, Squarings is >= 0 and <= 16, "a number in [0, 16]");
    }
}
