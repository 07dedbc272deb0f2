namespace DiffeoNN.Onnx.Serving.Scheduling;

/// <summary>What a <see cref="DeviceThread"/> does: pieces of work that each take about one step of a search.</summary>
internal interface IDeviceWork
{
    /// <summary>Does one piece; never throws.</summary>
    /// <returns>False where there was nothing to do.</returns>
    bool Advance();
}
