namespace DiffeoNN.Onnx.Bundles;

/// <summary>Where a tensor of images has its channels.</summary>
public enum ChannelLayout
{
    /// <summary>(N, C, H, W).</summary>
    ChannelsFirst,

    /// <summary>(N, H, W, C).</summary>
    ChannelsLast,
}
