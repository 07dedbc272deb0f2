namespace DiffeoNN.Onnx.Answers;

/// <summary>What turns an inner model's scores into probabilities.</summary>
public enum OutputActivation
{
    /// <summary>Nothing: they are probabilities already, or are not meant to be.</summary>
    None,

    /// <summary>Softmax over the channels.</summary>
    Softmax,

    /// <summary>A sigmoid of each value.</summary>
    Sigmoid,
}
