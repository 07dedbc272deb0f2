namespace DiffeoNN.Onnx.GpuCheck.Operators;

/// <summary>A node that ONNX Runtime ran.</summary>
/// <param name="Name">Its name in the optimised graph.</param>
/// <param name="OpType">Its operator, <c>MemcpyToHost</c> and <c>MemcpyFromHost</c> included.</param>
/// <param name="Provider">What ran it, such as <c>CUDAExecutionProvider</c>.</param>
internal sealed record ProfiledNode(string Name, string OpType, string Provider)
{
    /// <summary>Whether it only carries a value between the device and the CPU.</summary>
    public bool IsCopy => OpType.StartsWith("Memcpy", StringComparison.Ordinal);

    /// <summary>Whether it computes on the CPU.</summary>
    public bool OnCpu => Provider == "CPUExecutionProvider" && !IsCopy;
}
