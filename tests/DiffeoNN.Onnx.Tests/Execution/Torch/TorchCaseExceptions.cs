namespace DiffeoNN.Onnx.Tests.Execution.Torch;

/// <summary>The published cases that libtorch does not reproduce, one by one.</summary>
internal static class TorchCaseExceptions
{
    public static IReadOnlyList<TorchCaseException> All { get; } =
    [
    ];

    public static TorchCaseException? Find(string path) => All.FirstOrDefault(e => e.Covers(path));
}
