namespace DiffeoNN.Onnx.Export;

/// <summary>What an exported file can give. N is 1 where it takes a photo.</summary>
public enum ExportOutput
{
    /// <summary><c>answer</c>, float32: (N, K, H, W) on the image, at its own size, or (N, K) for whole images; after the activation.
    /// </summary>
    Answer,

    /// <summary><c>canonical</c>, float32, (N, C, H, W): the canonical image at the bundle's size, the image itself where it was left as it
    /// is.</summary>
    Canonical,

    /// <summary><c>displacement</c>, float32, (N, 2, H, W): canonical(p) = image(p + u(p)), x first, in units of half the longest side, at
    /// the bundle's size; zero where the image was left as it is.</summary>
    Displacement,

    /// <summary><c>inverse</c>, float32, (N, 2, H, W): the displacement of the inverse map.</summary>
    Inverse,

    /// <summary><c>energy</c>, float32, (N, 2): of the image as it is, and of the image that the last map that counts leads to (the last
    /// map where none counts; the same number twice for an image that is canonical already or has no finite energy).</summary>
    Energy,

    /// <summary><c>accepted</c>, bool, (N, M): which of the M maps count, in the order of the proposer's passes, the search's last. An
    /// image with none was left as it is.</summary>
    Accepted,

    /// <summary><c>naive</c>, float32, of the answer's shape: the network's own answer, of the image as it is. Not in a file that was not
    /// asked for it.</summary>
    Naive,
}
