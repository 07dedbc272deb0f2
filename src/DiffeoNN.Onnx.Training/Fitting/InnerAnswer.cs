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

    /// <summary>Numbers or pictures, (N, K) or (N, K, h, w): squared error, in units of the variance of each of the K.</summary>
    Values,

    /// <summary>Probabilities of independent yes or no, (N, K) or (N, K, h, w): binary cross entropy.</summary>
    BinaryProbabilities,

    /// <summary>Scores of classes, (N, K) or (N, K, h, w), of which nothing more is said: a look at the answers on the training images
    /// tells whether they are <see cref="Probabilities"/>, <see cref="BinaryProbabilities"/>, else <see cref="Logits"/>, and
    /// <see cref="Values"/> of a single score.</summary>
    Scores,

    /// <summary>Points (N, P, 2), x first, in units that span [-1, 1] between the centres of the outermost pixels of each axis: squared
    /// distance in the library's unit, half the longest side.</summary>
    Points,

    /// <summary>Boxes (N, B, 5): opposite corners in the unit of <see cref="Points"/>, the upper left one first, and how much each box
    /// counts; the b-th box of every image is the same one's. Squared distance of corners, as for points.</summary>
    Boxes,
}
