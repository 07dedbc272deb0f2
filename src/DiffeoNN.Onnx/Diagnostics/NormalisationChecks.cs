using System.Globalization;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Diagnostics;

/// <summary>Normalisations that are probably not as meant: by the batch, untrained, nearly without variance,
/// or of the image itself.</summary>
internal static class NormalisationChecks
{
    private const double SmallVariance = 1e-10;

    public static IEnumerable<Finding> Run(OnnxModel model, string subject)
    {
        foreach (var node in ModelDiagnosis.AllNodes(model).Where(node => node.Domain.Length == 0))
        {
            if (node.OpType == "BatchNormalization" && Batch(model, node, subject) is { } batch) yield return batch;
            if (node.OpType is "InstanceNormalization" or "GroupNormalization" or "LayerNormalization"
                && node.GetFloat("epsilon", 1e-5f) <= 0)
                yield return new(FindingLevel.Warning, subject, $"{node} has an epsilon of {node.GetFloat("epsilon", 0)}",
                    "a constant image gives NaN; train and export with a positive epsilon");
        }

        foreach (var finding in OfTheImage(model, subject)) yield return finding;
    }

    private static Finding? Batch(OnnxModel model, OnnxNode node, string subject)
    {
        if (node.GetInt("training_mode", 0) != 0 || (model.Opset < 14 && node.Outputs.Skip(1).Any(name => name.Length > 0)))
            return new(FindingLevel.Problem, subject,
                $"{node} normalises by the statistics of the batch, so an image's answer depends on the others",
                "export after model.eval()");
        if (Constant(model, node, 3) is not { } mean || Constant(model, node, 4) is not { } variance) return null;
        if (variance.Any(value => value < 0))
            return new(FindingLevel.Problem, subject, $"{node} has a negative variance",
                "the checkpoint is damaged or its tensors are mixed up");
        if (mean.All(value => value == 0) && variance.All(value => value == 1))
            return new(FindingLevel.Warning, subject, $"{node} has mean 0 and variance 1 throughout, as before any training",
                "check that the trained weights, with their running statistics, were loaded before the export");
        var dead = variance.Count(value => value < SmallVariance);
        return dead == 0
            ? null
            : new(FindingLevel.Note, subject, $"{node} has {dead} of {variance.Length} channels with a variance below "
                + $"{SmallVariance.ToString("0e+0", CultureInfo.InvariantCulture)}: they are constant, or amplify noise");
    }

    /// <summary>A network that subtracts means or divides by deviations of its image by itself must not be given a normalised
    /// one.</summary>
    private static IEnumerable<Finding> OfTheImage(OnnxModel model, string subject)
    {
        foreach (var input in model.Graph.RequiredInputs.Where(input => input.ElementType.IsFloat() && input.Shape is { Count: 4 }))
        {
            var value = input.Name;
            var steps = new List<string>();
            while (steps.Count < 4 && model.Graph.Nodes.Where(node => node.Inputs.Contains(value)).Take(2).ToList() is [{ } reader])
            {
                if (reader.OpType is not ("Sub" or "Div" or "Mul" or "Add")) break;
                var other = reader.Inputs[0] == value ? 1 : 0;
                if (Constant(model, reader, other) is not { Length: <= 16 } constant) break;
                steps.Add($"{reader.OpType} "
                    + $"{string.Join("/", constant.Distinct().Select(number => number.ToString("0.####", CultureInfo.InvariantCulture)))}");
                value = reader.Outputs[0];
            }

            if (steps.Count > 0)
            {
                yield return new(FindingLevel.Note, subject, $"normalises its input '{input.Name}' itself: {string.Join(", ", steps)}",
                    "leave mean at 0 and std at 1 in the bundle's manifest, or the image is normalised twice");
            }
        }
    }

    private static double[]? Constant(OnnxModel model, OnnxNode node, int input)
    {
        var name = node.Input(input);
        if (model.Graph.Initializers.TryGetValue(name, out var tensor)) return tensor.ToDoubleArray();
        var maker = model.Graph.Nodes.Find(other => other.OpType == "Constant" && other.Outputs.Contains(name));
        return maker is not null && maker.Attributes.TryGetValue("value", out var value) ? value.Tensor.ToDoubleArray() : null;
    }
}
