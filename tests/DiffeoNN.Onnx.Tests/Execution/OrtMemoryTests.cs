using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Tensors;
using Microsoft.ML.OnnxRuntime;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Execution;

public sealed class OrtMemoryTests
{
    [Test]
    public void Share_PointsToTheTensorsOwnMemory()
    {
        using var scope = torch.NewDisposeScope();
        var whole = torch.arange(24, torch.float32).reshape(2, 3, 4);
        foreach (var tensor in new[] { whole, whole[1] })
        {
            using var value = OrtMemory.Share(tensor);
            Assert.That(Address(value.GetTensorDataAsSpan<float>()),
                Is.EqualTo(Address(tensor.bytes)).And.EqualTo(TensorMemory.Address(tensor)));
            Assert.That(value.GetTensorTypeAndShape().Shape, Is.EqualTo(tensor.shape));
            value.GetTensorMutableDataAsSpan<float>()[1] = 99;
        }

        Assert.That(whole[0, 0, 1].item<float>(), Is.EqualTo(99));
        Assert.That(whole[1, 0, 1].item<float>(), Is.EqualTo(99));
    }

    [Test]
    public void Session_OnSharedTensors_ReadsAndWritesThem()
    {
        using var scope = torch.NewDisposeScope();
        using var session = new InferenceSession(Graphs.Path("scale.onnx"));
        using var options = new RunOptions();
        var (image, scaled) = (torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4));
        using var input = OrtMemory.Share(image);
        using var output = OrtMemory.Share(scaled);

        // The values are made once: what libtorch writes between two runs is what the second reads.
        foreach (var level in new[] { 1f, 7f })
        {
            image.fill_(level);
            session.Run(options, ["image"], [input], ["scaled"], [output]);
            Assert.That(scaled.Equals(2 * image + 1), Is.True);
        }
    }

    [Test]
    public void Copy_IsIndependentOfTheValue()
    {
        using var scope = torch.NewDisposeScope();
        var tensor = torch.tensor(new long[,] { { 1, 2 }, { 3, 4 } });
        using var value = OrtMemory.Share(tensor);
        var copy = OrtMemory.Copy(value);
        tensor.zero_();

        Assert.That(copy.Equals(torch.tensor(new long[,] { { 1, 2 }, { 3, 4 } })), Is.True);
    }

    private static nint Address<T>(ReadOnlySpan<T> memory)
        where T : struct
    {
        // Native memory does not move, so its address may outlive the pin.
        var bytes = MemoryMarshal.AsBytes(memory);
        return Unsafe.ByteOffset(ref Unsafe.NullRef<byte>(), ref MemoryMarshal.GetReference(bytes));
    }

    private static nint Address(Span<byte> memory) => Address((ReadOnlySpan<byte>)memory);
}
