namespace DiffeoNN.Onnx.Tests.Execution.Torch;

/// <summary>The published cases that libtorch does not reproduce, one by one.</summary>
internal static class TorchCaseExceptions
{
    public static IReadOnlyList<TorchCaseException> All { get; } =
    [
        new("test_maxpool_with_argmax_2d_precomputed_strides", "The published indices are float32, though the model and the specification have int64.", "type of 'z'"),
    ];

    public static TorchCaseException? Find(string path) => All.FirstOrDefault(e => e.Covers(path));
}
