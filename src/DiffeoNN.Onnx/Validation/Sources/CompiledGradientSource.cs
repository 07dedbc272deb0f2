using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Validation.Sources;

/// <summary>Derivatives from the backward graph that the gradient compiler emits.</summary>
/// <param name="runtime">Runs the emitted graph.</param>
/// <param name="compile">The compiler.</param>
internal sealed class CompiledGradientSource(IValueSource runtime, Func<OnnxModel, GradientOptions, OnnxModel> compile) : IGradientSource
{
    public string Name => ValidationSources.Compiled;

    /// <summary>Compiles the derivative of some outputs by some inputs; null for those that the compiler chooses.</summary>
    public OnnxModel Compile(OnnxModel model, IReadOnlyList<string>? inputNames, IEnumerable<string>? outputNames) =>
        compile(model, new GradientOptions { Inputs = inputNames, Outputs = outputNames?.ToList() });

    public IReadOnlyDictionary<string, OnnxTensor> Run(
        OnnxModel model, string title, IReadOnlyDictionary<string, OnnxTensor> inputs, IReadOnlyDictionary<string, OnnxTensor> upstream,
        IReadOnlyList<string> inputNames, CancellationToken cancellationToken = default) =>
        RunCompiled(Compile(model, inputNames, upstream.Keys), title, inputs, upstream, inputNames, cancellationToken);

    /// <summary>Runs what was compiled; upstream gradients that it does not take are left out.</summary>
    public IReadOnlyDictionary<string, OnnxTensor> RunCompiled(
        OnnxModel gradient, string title, IReadOnlyDictionary<string, OnnxTensor> inputs, IReadOnlyDictionary<string, OnnxTensor> upstream,
        IReadOnlyList<string> inputNames, CancellationToken cancellationToken = default)
    {
        var suffix = new GradientOptions().Suffix;
        var given = new Dictionary<string, OnnxTensor>(inputs, StringComparer.Ordinal);
        foreach (var (output, tensor) in upstream)
            if (GradientCompiler.UpstreamOf(gradient, output, suffix) is { } taken) given[taken] = tensor;
        var results = runtime.Run(gradient, title, given, [.. inputNames.Select(input => input + suffix)], cancellationToken);
        return results.ToDictionary(pair => pair.Key[..^suffix.Length], pair => pair.Value.WithName(pair.Key[..^suffix.Length]),
            StringComparer.Ordinal);
    }
}
