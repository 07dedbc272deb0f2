namespace DiffeoNN.Onnx.Training;

/// <summary>How weights are kept small.</summary>
public enum WeightDecayKind
{
    /// <summary>By themselves, apart from the gradient: w -= rate * decay * w (AdamW; Loshchilov, Hutter, ICLR 2019).</summary>
    Decoupled,

    /// <summary>As part of the gradient: g += decay * w (Adam with an L2 term).</summary>
    Gradient,
}
