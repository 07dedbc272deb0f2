namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>What an inner network's output means where its answers on deformed and undeformed images are compared.</summary>
public enum InnerAnswer
{
    /// <summary>Logits of classes, (N, K) or (N, K, h, w): cross entropy.</summary>
    Logits,

    /// <summary>Probabilities of classes, (N, K) or (N, K, h, w): cross entropy.</summary>
    Probabilities,

    /// <summary>Logits of independent yes or no, (N, K) or (N, K, h, w): binary cross entropy.</summary>
    BinaryLogits,

    /// <summary>Numbers or pictures, (N, K) or (N, K, h, w): squared error, in units of the answers' variance.</summary>
    Values,
}
