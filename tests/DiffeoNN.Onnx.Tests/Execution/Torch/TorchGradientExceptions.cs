namespace DiffeoNN.Onnx.Tests.Execution.Torch;

/// <summary>The published cases whose two gradients may differ, one by one.</summary>
internal static class TorchGradientExceptions
{
    public static IReadOnlyList<TorchCaseException> All { get; } =
    [
    ];

    public static TorchCaseException? Find(string path) => All.FirstOrDefault(e => e.Covers(path));
}
