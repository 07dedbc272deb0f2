using DiffeoNN.Onnx.Execution;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Execution;

/// <summary>The models beside <c>Fixtures/make_fixtures.py</c>, on the CPU.</summary>
internal static class Graphs
{
    public static OnnxRuntimeEngine Engine { get; } = new(new ExecutionOptions { Device = ExecutionDevice.Cpu });

    public static string Path(string file) => System.IO.Path.Combine(AppContext.BaseDirectory, "Execution", "Fixtures", file);

    public static IGraph Load(string name) => Engine.Load(Path($"{name}.onnx"));

    public static Dictionary<string, torch.Tensor> Inputs(params (string Name, torch.Tensor Tensor)[] inputs) =>
        inputs.ToDictionary(i => i.Name, i => i.Tensor);
}
