namespace DiffeoNN.Onnx.Answers;

/// <summary>Where an output that has values for pixels holds its channels.</summary>
public enum OutputLayout
{
    /// <summary>(N, K, H, W).</summary>
    ChannelsFirst,

    /// <summary>(N, H, W, K).</summary>
    ChannelsLast,
}
