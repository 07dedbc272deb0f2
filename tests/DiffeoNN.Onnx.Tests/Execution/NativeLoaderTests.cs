using DiffeoNN.Onnx.Execution;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Execution;

public sealed class NativeLoaderTests
{
    [Test]
    public void EnsureLoaded_ThenTorch_Works()
    {
        NativeLoader.EnsureLoaded();

        using var scope = torch.NewDisposeScope();
        Assert.That(torch.arange(5, torch.float32).sum().item<float>(), Is.EqualTo(10));
        Assert.That(NativeLoader.Report, Does.StartWith("Nothing to do").Or.StartWith("Loaded libtorch"));
    }
}
