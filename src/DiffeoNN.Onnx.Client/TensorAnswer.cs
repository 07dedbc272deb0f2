namespace DiffeoNN.Onnx.Client;

/// <summary>A model's answer as tensors.</summary>
/// <param name="Model">Who answered.</param>
/// <param name="Version">Its version.</param>
/// <param name="Tensors">The outputs, in the order in which they were asked for.</param>
/// <param name="IsBestAtTimeout">Whether a search was ended by the request's time, so that its best map until then was used.</param>
public sealed record TensorAnswer(string Model, string Version, IReadOnlyList<WireTensor> Tensors, bool IsBestAtTimeout)
{
    /// <summary>An output.</summary>
    /// <param name="name">Its name.</param>
    /// <exception cref="ArgumentException">The answer has none of this name.</exception>
    public WireTensor this[string name] => Tensors.FirstOrDefault(tensor => tensor.Name == name)
        ?? throw new ArgumentException(
            $"The answer has no output '{name}'. Outputs: {string.Join(", ", Tensors.Select(tensor => tensor.Name))}.", nameof(name));
}
