using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Support;

/// <summary>The tensors that are alive, as tests of leaks count them.</summary>
internal static class LiveTensors
{
    /// <summary>How many there are once what earlier tests dropped is collected, so that it does not end while a test counts.</summary>
    /// <remarks>For the count before. The one after is <see cref="torch.Tensor.TotalCount"/> as it is: collecting would hide what was not
    /// disposed.</remarks>
    public static long Settled()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        return torch.Tensor.TotalCount;
    }
}
