namespace DiffeoNN.Onnx.Serving.Protocol;

/// <summary>How much a version of a model has to do.</summary>
/// <param name="Name">The model's name.</param>
/// <param name="Version">The version.</param>
/// <param name="Waiting">Images, or requests, that wait.</param>
/// <param name="Running">Those that run.</param>
public readonly record struct ModelLoad(string Name, string Version, int Waiting, int Running);
