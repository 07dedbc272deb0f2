namespace DiffeoNN.Onnx.Gradients;

/// <summary>Derives the gradient of an ONNX model as an ONNX model, in standard operators only.</summary>
public static class GradientCompiler
{
    /// <summary>Operator set that emitted graphs use at least: the first whose scatter operators can add.</summary>
    public const int MinimumOpset = 16;

    /// <summary>Emits the model together with the gradient of its outputs with respect to its inputs.</summary>
    /// <param name="model">The model. It is not changed.</param>
    /// <param name="options">What to differentiate with respect to what; null for all float inputs and outputs.</param>
    /// <returns>
    /// The model with its inputs and outputs, an output NAME_grad for each chosen input, and with <see cref="GradientSeed.Input"/>
    /// an input OUTPUT_grad for each differentiated output (see <see cref="UpstreamOf"/>). Free sizes stay free.
    /// Its operator set is the model's, or that of a newer function in it, or <see cref="MinimumOpset"/> where those are older.
    /// </returns>
    /// <exception cref="UnsupportedOperatorException">Operators without rule lie between the chosen inputs and outputs.</exception>
    /// <exception cref="OnnxModelException">The model is malformed or contradicts itself, a name is unknown,
    /// or an input does not influence the outputs.</exception>
    /// <exception cref="GradientDefectException">This library failed; whatever the model is, that is a defect to report.</exception>
    public static OnnxModel Compile(OnnxModel model, GradientOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        options ??= new GradientOptions();
        try
        {
            ModelValidator.Check(model, options.Operators);
            var sorted = model.Copy();
            sorted.Graph.Sort();
            var converted = OpsetConverter.Convert(sorted, Math.Max(MinimumOpset, FunctionInliner.OpsetOf(model)));
            // An operator that is newer than the model's operator set was not looked at before.
            ModelValidator.Check(converted, options.Operators);
            return new GradientCompilation(converted, options).Run();
        }
        catch (OverflowException e)
        {
            throw new OnnxModelException($"Model '{model.Graph.Name}' has sizes that no memory can hold.", e);
        }
        catch (Exception e) when (GradientDefectException.IsDefect(e))
        {
            throw new GradientDefectException($"model '{model.Graph.Name}'", e);
        }
    }

    /// <summary>
    /// The input of a compiled gradient that takes the upstream gradient of an output:
    /// OUTPUT_grad, or, of an output that is a differentiated input itself so that INPUT_grad is its gradient, OUTPUT_output_grad.
    /// </summary>
    /// <param name="gradient">What <see cref="Compile"/> made.</param>
    /// <param name="output">Name of an output of the original model.</param>
    /// <param name="suffix">What gradients have behind the name.</param>
    /// <returns>The input's name; null where the output was not differentiated, or without upstream gradients.</returns>
    public static string? UpstreamOf(OnnxModel gradient, string output, string suffix = "_grad")
    {
        ArgumentNullException.ThrowIfNull(gradient);
        string[] names = [output + suffix, output + GradientCompilation.OfOutput + suffix];
        return names.FirstOrDefault(name => gradient.Graph.Inputs.Exists(input => input.Name == name));
    }

    /// <summary>The rule for an operator of the default set; <see cref="OperatorSet.FindRule"/> asks another.</summary>
    /// <param name="domain">The operator set's domain; empty for ai.onnx.</param>
    /// <param name="opType">The operator.</param>
    /// <param name="version">Version of the operator set that the model imports.</param>
    /// <returns>The rule; null where there is none.</returns>
    public static GradientRule? FindRule(string domain, string opType, int version) => GradientRules.Find(domain, opType, version);
}
