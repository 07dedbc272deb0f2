namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>Why the optimisation of an image ended.</summary>
public enum StopReason
{
    /// <summary>The best energy improved by less than the tolerance over the last steps.</summary>
    Converged,

    /// <summary>All steps were taken.</summary>
    StepBudget,

    /// <summary>The time was up.</summary>
    TimeBudget,

    /// <summary>The image was canonical already, and nothing was tried.</summary>
    Canonical,

    /// <summary>The energy or its gradient stopped being finite; the result is the best iterate before that.</summary>
    NonFinite,
}
