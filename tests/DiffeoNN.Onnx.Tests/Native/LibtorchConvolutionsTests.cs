using DiffeoNN.Onnx.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Tests.Native;

/// <summary>Convolutions of libtorch, which on some machines are wrong until oneDNN is switched off.</summary>
[TestFixture]
public sealed class LibtorchConvolutionsTests
{
    [Test]
    public void Checked_LeavesConvolutionsThatAreRight()
    {
        Assert.That(LibtorchConvolutions.Checked, Is.Not.EqualTo(LibtorchConvolutions.State.Wrong));
        Assert.That(LibtorchConvolutions.Require, Throws.Nothing);
        for (var i = 0; i < 3; i++)
            Assert.That(LibtorchConvolutions.WorstDeviation(), Is.LessThan(1e-5));
    }

    [Test]
    public void Checked_LeavesRightGradientsByTheImage([Values(3, 16, 20, 24)] long channels)
    {
        _ = LibtorchConvolutions.Checked;
        using var scope = NewDisposeScope();
        manual_seed(3);
        var (x, weights) = (randn([2, channels, 12, 12]), randn([12, channels, 3, 3]));
        var upstream = randn([2, 12, 10, 10]);
        var columns = x.detach().clone();
        x.requires_grad = columns.requires_grad = true;
        for (var size = 512L; size < 500_000; size *= 2)
            full([size], float.NaN).Dispose();
        nn.functional.conv2d(x, weights).mul(upstream).sum().backward();
        weights.view(12, -1).matmul(nn.functional.unfold(columns, (3, 3))).mul(upstream.view(2, 12, 100)).sum().backward();
        Assert.That((x.grad! - columns.grad!).abs().max().item<float>(), Is.LessThan(1e-4f));
    }
}
