using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Validation.Sources;

/// <summary>The sources of one validation that compute, as opposed to reference tensors.</summary>
/// <param name="Values">Sources of outputs, in the order in which they serve as baseline.</param>
/// <param name="Compiled">Source of compiled gradients; null where none was asked for.</param>
/// <param name="Automatic">Source of libtorch's gradients; null where none was asked for.</param>
/// <param name="UsesReference">Whether reference tensors take part.</param>
internal sealed record ValidationEngines(
    IReadOnlyList<IValueSource> Values, CompiledGradientSource? Compiled, IGradientSource? Automatic, bool UsesReference)
{
    /// <summary>Creates the sources asked for.</summary>
    /// <exception cref="ArgumentException">A name is unknown, or none of them runs a graph.</exception>
    /// <exception cref="EngineMissingException">The engine torch is among them and is not registered.</exception>
    public static ValidationEngines Create(
        IReadOnlyList<string> names, ExecutionOptions execution, DeviceSelection device, CoreBudget budget)
    {
        if (names.FirstOrDefault(name => !ValidationSources.All.Contains(name)) is { } unknown)
            throw new ArgumentException(
                $"'{unknown}' is no source of a validation; expected some of {string.Join(", ", ValidationSources.All)}.", nameof(names));
        var optimised = new OrtSource(ValidationSources.OnnxRuntime, GraphOptimizationLevel.ORT_ENABLE_ALL, device, budget);
        var values = new List<IValueSource>();
        if (names.Contains(ValidationSources.OnnxRuntimeBasic))
            values.Add(new OrtSource(ValidationSources.OnnxRuntimeBasic, GraphOptimizationLevel.ORT_ENABLE_BASIC, device, budget));
        if (names.Contains(ValidationSources.OnnxRuntime)) values.Add(optimised);
        var compiled = values.Count > 0
            ? new CompiledGradientSource(optimised, (model, options) => GradientCompiler.Compile(model, options))
            : null;
        var torch = names.Contains(ValidationSources.Torch) ? new TorchSource(Engine.CreateDifferentiating(execution)) : null;
        if (torch is not null) values.Add(torch);
        if (values.Count == 0)
            throw new ArgumentException($"Only {string.Join(", ", names)} is asked for, which runs no graph; add one of "
                + $"{string.Join(", ", ValidationSources.All.Skip(1))}.", nameof(names));
        return new ValidationEngines(values, compiled, torch, names.Contains(ValidationSources.PyTorch));
    }
}
