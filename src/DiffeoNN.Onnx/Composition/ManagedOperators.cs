using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Native;
using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Composition;

/// <summary>Operators of ours, which ONNX Runtime calls us for, where its own are slow in gradients: for graphs that never leave the
/// process.</summary>
internal static class ManagedOperators
{
    /// <summary>Their domain.</summary>
    public const string Domain = "diffeonn";

    /// <summary>Its version.</summary>
    public const int Version = 1;

    private static readonly OrtOperator[] All =
        [new SampleOperator(isGradient: false), new SampleOperator(isGradient: true), new PoolGradientOperator()];

    /// <summary>The usual operators and these, for the gradient compiler; the gradient of MaxPool makes use of them.</summary>
    public static OperatorSet Set { get; } =
        OperatorSet.Default.With([.. SampleOperator.Definitions, .. PoolGradientOperator.Definitions]);

    /// <summary>Whether they are faster than what they replace, and there.</summary>
    public static bool AreFor(OnnxRuntimeEngine engine) => engine.Device.Device == ExecutionDevice.Cpu && OrtOperator.IsAvailable;

    /// <summary>Makes them known to sessions of these options, where a model has one of them.</summary>
    public static void AddTo(SessionOptions options, OnnxModel model)
    {
        if (model.OpsetImports.ContainsKey(Domain))
            OrtOperator.AddTo(options, Domain, All);
    }
}
