using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Execution;

/// <summary>What loads ONNX models and runs them: ONNX Runtime or libtorch.</summary>
public interface IEngine
{
    /// <summary>As <c>--engine</c> names it: <c>onnxruntime</c> or <c>torch</c>.</summary>
    string Name { get; }

    /// <summary>The device taken.</summary>
    DeviceSelection Device { get; }

    /// <summary>The cores taken.</summary>
    CoreBudget Budget { get; }

    /// <summary>Loads a model from a file; its external data, if any, lies beside it.</summary>
    /// <param name="path">The ONNX file, of any size.</param>
    /// <returns>The caller disposes it. Named after the file.</returns>
    /// <exception cref="GraphException">The file is missing or malformed, or the engine lacks something in it.</exception>
    IGraph Load(string path);

    /// <summary>Loads a model that is in memory.</summary>
    /// <param name="model">Of any size; not needed afterwards.</param>
    /// <param name="name">What messages call it.</param>
    /// <returns>The caller disposes it.</returns>
    /// <exception cref="GraphException">The engine lacks an operator, or an element type of an input or output.</exception>
    IGraph Load(OnnxModel model, string name);
}
