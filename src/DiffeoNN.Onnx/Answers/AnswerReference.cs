namespace DiffeoNN.Onnx.Answers;

/// <summary>What answers are compared with when they are scored.</summary>
public enum AnswerReference
{
    /// <summary>A truth that came with the images.</summary>
    Truth,

    /// <summary>The network's own answers on the undeformed images.</summary>
    Agreement,
}
