namespace DiffeoNN.Onnx.Training.Architectures;

/// <summary>A value (N, C, H, W) of a network that is being written.</summary>
/// <param name="Name">Its name in the graph.</param>
/// <param name="Channels">C.</param>
/// <param name="Height">H.</param>
/// <param name="Width">W.</param>
internal readonly record struct Feature(string Name, int Channels, int Height, int Width)
{
    /// <summary>Numbers of one item.</summary>
    public int Size => Channels * Height * Width;
}
