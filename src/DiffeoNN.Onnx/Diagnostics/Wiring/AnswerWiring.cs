using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Inference;
using TorchSharp;

namespace DiffeoNN.Onnx.Diagnostics.Wiring;

/// <summary>What images tell without truth of answers that are no classes: points, boxes, numbers, pictures. That is little, and it is
/// said.</summary>
internal static class AnswerWiring
{
    /// <summary>Part of the largest number by which answers to different images have to differ.</summary>
    private const double Different = 1e-6;

    /// <summary>Looks at the outputs of the networks that answer, but for those that <see cref="PredictorWiring"/> looks at.</summary>
    /// <param name="sample">Images.</param>
    /// <param name="engine">Runs them.</param>
    /// <param name="cancellationToken">Stops between two runs.</param>
    public static IEnumerable<Finding> Run(WiringSample sample, IEngine engine, CancellationToken cancellationToken)
    {
        foreach (var role in new[] { BundleRole.Inner, BundleRole.Augmented }.Where(sample.Bundle.Has))
        {
            var spec = (PredictorSpec)sample.Bundle.Manifest.Models[role]!;
            int[] others = [.. Enumerable.Range(0, spec.Outputs.Count)
                .Where(i => i > 0 || !AnswerKinds.Of(spec.Outputs[i]).HasClasses)];
            if (others.Length == 0) continue;
            using var scope = torch.NewDisposeScope();
            using var network = InnerModel.Load(sample.Bundle, role, engine);
            var answers = network.Answers(sample.Images.narrow(0, 0, sample.Count / 2), cancellationToken);
            foreach (var i in others)
                yield return Of($"{BundleValidator.Title(role)} ({spec.File})", spec.Outputs[i], answers[i]);
        }
    }

    private static Finding Of(string subject, OutputSpec spec, torch.Tensor[] parts)
    {
        var what = $"its {AnswerKinds.Of(spec).Name} '{spec.Title}'";
        var bad = parts.Where(part => part.is_floating_point()).Sum(part => part.numel() - part.isfinite().count_nonzero().item<long>());
        if (bad > 0)
        {
            return new(FindingLevel.Problem, subject, $"{what}: {bad} numbers are not finite on undeformed images",
                "check the weights, and mean, std and range of its input in the manifest");
        }

        return parts.Any(Differs)
            ? new(FindingLevel.Note, subject, $"{what}: finite, of the shape that the manifest says, and not the same for all images; "
                + $"without truth images do not tell {Unseen(spec)}, nor whether the range of pixel values is the one trained on",
                "look at answers to images that you know: diffeonn run --naive --values")
            : new(FindingLevel.Warning, subject, $"{what}: the same for all images",
                "check the weights, mean and std of the manifest's image, and that the images show what it was trained on");
    }

    private static bool Differs(torch.Tensor part)
    {
        var values = part.to(torch.float64);
        var spread = (values.amax([0]) - values.amin([0])).max().item<double>();
        return spread > Different * values.abs().max().item<double>();
    }

    private static string Unseen(OutputSpec spec)
    {
        var fields = AnswerKinds.Of(spec).Fields;
        return fields.Contains("format") ? "the order, unit and format of coordinates"
            : fields.Contains("coordinates") ? "the order and unit of coordinates" : "what the numbers mean";
    }
}
