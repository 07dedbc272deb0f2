namespace DiffeoNN.Onnx.Data;

/// <summary>Data of which some images may lack a truth, where a reader can do without.</summary>
internal interface IPartlyKnownData
{
    /// <summary>Reads an image, and its truth where there is one.</summary>
    /// <param name="index">In [0, Count).</param>
    /// <exception cref="Imaging.ImageException">The image cannot be read or is too small; names the file.</exception>
    /// <exception cref="DataException">Its truth is there and is bad; names the file.</exception>
    EvaluationSample ReadKnown(int index);
}
