using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Torch;
using NUnit.Framework.Internal;

namespace DiffeoNN.Onnx.Tests.Torch;

/// <summary>What the tests over published cases share.</summary>
internal static class TorchCases
{
    /// <summary>libtorch on one core.</summary>
    public static Lazy<TorchEngine> Engine { get; } =
        new(() => new TorchEngine(new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = 1 }));

    /// <summary>ONNX Runtime on one core.</summary>
    public static Lazy<OnnxRuntimeEngine> Runtime { get; } =
        new(() => new OnnxRuntimeEngine(new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = 1 }));

    /// <summary>Every published case; none where the material is not there.</summary>
    public static IEnumerable<OperatorCase> All() => Repository.TryShared("onnx-cases") is { } folder
        ? OperatorCase.Read(folder).Concat(OperatorCase.Read(folder, "control-flow.csv"))
        : [];

    /// <summary>Asserts that an exception to the rule is one still: that the comparison fails, in the way that is listed.</summary>
    public static void AssertFails(TorchCaseException exception, Action compare)
    {
        string? message = null;
        // Failed assertions in it count for nothing outside.
        using (new TestExecutionContext.IsolatedContext())
        {
            try
            {
                compare();
            }
            catch (Exception error)
            {
                message = error.Message;
            }
        }

        Assert.That(message, Is.Not.Null, $"listed as an exception ({exception.Reason}), but it works");
        Assert.That(message, Does.Contain(exception.Message), exception.Reason);
    }

    /// <summary>A graph on libtorch, on one core.</summary>
    public static TorchGraph Load(OnnxModel model, string name) => Engine.Value.LoadTorch(model, name);
}
