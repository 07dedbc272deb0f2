namespace DiffeoNN.Onnx.Client;

/// <summary>What a model says of itself.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Versions">Those that take requests.</param>
/// <param name="Platform">What it is: <c>diffeonn_bundle</c> or a plain network.</param>
/// <param name="Inputs">What it takes.</param>
/// <param name="Outputs">What can be asked for.</param>
public sealed record ModelDescription(
    string Name, IReadOnlyList<string> Versions, string Platform, IReadOnlyList<TensorDescription> Inputs,
    IReadOnlyList<TensorDescription> Outputs);
