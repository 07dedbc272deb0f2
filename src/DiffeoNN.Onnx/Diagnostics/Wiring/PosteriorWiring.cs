using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Diagnostics.Wiring;

/// <summary>Whether the posterior's mean and log-variance are which the manifest says.
/// With noise at its mean the reconstruction depends on the mean alone; where the graph does not tell, the divergence does.</summary>
internal static class PosteriorWiring
{
    /// <summary>A trained posterior whose parts are confused has a multiple of its divergence.</summary>
    private const double Multiple = 2;

    public static IEnumerable<Finding> Run(WiringSample sample, Network network, string subject, CancellationToken cancellationToken)
    {
        var spec = sample.Bundle.Manifest.Models.Vae!;
        var model = sample.Bundle.LoadModel(BundleRole.Vae).Graph;
        var read = Ancestors(model, spec.Reconstruction);
        bool readsMean = read.Contains(Origin(model, spec.Mean)), readsLogVariance = read.Contains(Origin(model, spec.LogVariance));
        var names = $"'{spec.Mean}' as mean and '{spec.LogVariance}' as logVariance";
        const string Advice = "give the two names in the manifest the other way round";
        if (readsLogVariance && !readsMean)
        {
            yield return new(FindingLevel.Problem, subject,
                $"mean and log-variance are swapped: the manifest has {names}, and the reconstruction is made from '{spec.LogVariance}' "
                + "alone",
                Advice);
        }

        if (readsMean != readsLogVariance) yield break;
        var (wired, swapped) = Divergences();
        if (wired > Multiple * swapped && double.IsFinite(swapped))
        {
            yield return new(FindingLevel.Warning, subject,
                $"mean and log-variance may be swapped: with {names} the divergence is {WiringDiagnosis.Text(wired)}, "
                + $"the other way round {WiringDiagnosis.Text(swapped)}",
                Advice + ", if the network's training says so");
        }

        (double Wired, double Swapped) Divergences()
        {
            using var scope = torch.NewDisposeScope();
            var images = NetworkInput.All(sample.Bundle.Image, network.Format)[0].Of(sample.Images.narrow(0, 0, sample.Count / 2));
            var mean = network.Run(images, spec.Mean, cancellationToken).cpu().to(torch.float64);
            var logVariance = network.Run(images, spec.LogVariance, cancellationToken).cpu().to(torch.float64);
            return (Divergence(mean, logVariance, sample.Count / 2), Divergence(logVariance, mean, sample.Count / 2));
        }
    }

    /// <summary>From the standard normal distribution, of an average image.</summary>
    private static double Divergence(torch.Tensor mean, torch.Tensor logVariance, int images)
    {
        using var scope = torch.NewDisposeScope();
        var twice = mean.Squared().Plus(logVariance.exp()).Minus(logVariance).Plus(-1).sum().item<double>();
        return 0.5 * twice / images;
    }

    /// <summary>The value that a value is but another name of.</summary>
    private static string Origin(OnnxGraph graph, string value)
    {
        while (graph.Nodes.Find(node => node.Outputs.Contains(value)) is { OpType: "Identity" } copy) value = copy.Inputs[0];
        return value;
    }

    /// <summary>All values that a value is computed from.</summary>
    private static HashSet<string> Ancestors(OnnxGraph graph, string value)
    {
        var makers = graph.Nodes.SelectMany(node => node.Outputs.Select(output => (output, node)))
            .Where(pair => pair.output.Length > 0).ToDictionary(pair => pair.output, pair => pair.node, StringComparer.Ordinal);
        var found = new HashSet<string>(StringComparer.Ordinal);
        var open = new Stack<string>([value]);
        while (open.TryPop(out var next))
        {
            if (!found.Add(next) || !makers.TryGetValue(next, out var maker)) continue;
            foreach (var input in ModelDiagnosis.WithInner(maker).SelectMany(node => node.Inputs)) open.Push(input);
        }

        return found;
    }
}
