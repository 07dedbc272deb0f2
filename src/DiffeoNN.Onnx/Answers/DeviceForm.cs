namespace DiffeoNN.Onnx.Answers;

/// <summary>How an answer is carried back where fields are graphs.</summary>
internal enum DeviceForm
{
    /// <summary>Not there: its network runs on what comes from the device.</summary>
    None,

    /// <summary>As planes (N, K, H, W) on the images' pixels.</summary>
    Planes,

    /// <summary>As numbers (N, K) of the whole image, averaged.</summary>
    Numbers,
}
