using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Torch;

namespace DiffeoNN.Onnx.Tests;

/// <summary>Prepares the process once for all tests of this namespace and those below it.</summary>
[SetUpFixture]
public sealed class TestSetup
{
    /// <summary>Tests may touch TorchSharp before they touch the library, so the library is touched here.</summary>
    [OneTimeSetUp]
    public void LoadNativeLibraries() => Runtime.Initialise();

    /// <summary>As every program does that wants the engine torch.</summary>
    [OneTimeSetUp]
    public void RegisterEngines() => TorchEngine.Register();
}
