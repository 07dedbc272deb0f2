using DiffeoNN.Onnx.Execution;

namespace DiffeoNN.Onnx.Training.Tests;

/// <summary>One engine for all tests.</summary>
[SetUpFixture]
public sealed class TestSetup
{
    /// <summary>Two cores, so that work is divided as it is in practice.</summary>
    internal static OnnxRuntimeEngine Engine { get; } = new(new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = 2 });

    [OneTimeSetUp]
    public void LoadNativeLibraries() => Runtime.Initialise();
}
