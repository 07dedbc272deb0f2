using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Torch;

namespace DiffeoNN.Onnx.Tests.Execution;

/// <summary>How engines are found.</summary>
public sealed class EngineTests
{
    private static readonly ExecutionOptions Cpu = new() { Device = ExecutionDevice.Cpu };

    [Test]
    public void Create_GivesTheEngineAskedFor()
    {
        Assert.That(Engine.Create(Cpu), Is.TypeOf<OnnxRuntimeEngine>());
        Assert.That(Engine.Create(Cpu with { Engine = EngineKind.Torch }), Is.TypeOf<TorchEngine>());
    }

    [Test]
    public void Create_OfAnEngineThatNobodyKnows_NamesThoseThatAreRegistered() => Assert.That(
        () => Engine.Create(Cpu with { Engine = (EngineKind)7 }),
        Throws.TypeOf<EngineMissingException>().With.Message.EqualTo("No engine '7' is registered; registered are OnnxRuntime, Torch."));

    /// <summary>A process of its own, which never names the torch engine's assembly.</summary>
    [Test]
    public void WithoutTheTorchEngine_TheLibraryRuns_AndNamesItsPackageWhereItIsAskedFor()
    {
        var (exitCode, output) = HelperProcess.Finish(HelperProcess.Start(HelperProcess.Core));
        const string missing = "The engine 'torch' is not registered; reference the package DiffeoNN.Onnx.Torch and call "
            + "DiffeoNN.Onnx.Torch.TorchEngine.Register() once, before engines are made.";

        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output.Split('\n'), Is.EqualTo(new[]
        {
            "1 image, 2 steps",
            $"engine: {missing}",
            $"validation: {missing}",
            $"Note self-test: libtorch: {missing}",
            $"Note inner (inner.onnx): the engine torch was not tried: {missing}",
            "loaded: False",
        }));
    }
}
