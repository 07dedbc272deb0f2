namespace DiffeoNN.Onnx.Export;

/// <summary>What an exported file takes.</summary>
public enum ExportInput
{
    /// <summary><c>image</c>, float32, (N, C, H, W) of the bundle's size: pixel values in [0, 1], a batch of any size.</summary>
    Tensor,

    /// <summary><c>photo</c>, uint8, (H, W, C) of any size from 2x2 on, C being 1 (grey), 3 (RGB) or 4 (RGB and an alpha that colours are
    /// multiplied by): one image as files and cameras give it.</summary>
    Photo,
}
