using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Metrics;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Diagnostics.Wiring;

/// <summary>Whether a network that answers with classes sees what it was trained on. Without truth that shows in two ways only: it answers more
/// than one class, and its answer moves with the image.</summary>
internal static class PredictorWiring
{
    private const double OneClass = 0.999, Fair = 0.5, Gain = 0.25;

    public static IEnumerable<Finding> Run(WiringSample sample, BundleRole role, IEngine engine, CancellationToken cancellationToken)
    {
        var bundle = sample.Bundle;
        var spec = (PredictorSpec)bundle.Manifest.Models[role]!;
        if (spec.Output.Kind is not (OutputKind.Segmentation or OutputKind.Classification)) yield break;
        string subject = $"{BundleValidator.Title(role)} ({spec.File})";
        var inputs = NetworkInput.All(bundle.Image);
        using var graph = bundle.LoadGraph(role, engine);
        var wired = Ask(inputs[0]);
        // Other inputs are asked for only where the answers to the one that is wired make little sense.
        Answers[] found = wired.Score < Fair ? [wired, .. inputs.Skip(1).Select(Ask)] : [wired];
        int best = Enumerable.Range(0, found.Length).MaxBy(i => found[i].Score);
        if (best > 0 && found[best].Score > wired.Score + Gain)
            yield return WiringDiagnosis.OtherInput(subject, inputs[best], $"{wired} as wired; it {found[best]} from {inputs[best].Name}");
        else if (wired.Largest > OneClass)
            yield return new(FindingLevel.Warning, subject, wired.ToString(),
                "check mean and std of the manifest's image, and that the images show what it was trained on");
        else
            yield return new(FindingLevel.Good, subject, wired.ToString());

        Answers Ask(NetworkInput input)
        {
            using var scope = torch.NewDisposeScope();
            return Answers.Of(Classes(sample.Images), Classes(sample.Deformed), sample);

            torch.Tensor Classes(torch.Tensor images)
            {
                var output = graph.RunSingle(spec.Input, input.Of(images), spec.Output.Name, cancellationToken);
                double from = spec.Output.Activation == OutputActivation.Sigmoid ? 0 : 0.5;
                return output.size(1) > 1 ? output.argmax(1) : output.Below(from).logical_not().to(torch.int64).squeeze(1);
            }
        }
    }

    /// <param name="Largest">Share of the most frequent class.</param>
    /// <param name="Follows">How far answers on deformed images are the deformed answers: mean IoU of the classes but 0, or share of equal
    /// classes.</param>
    private sealed record Answers(double Largest, double Follows)
    {
        public double Score => Largest > OneClass ? 0 : Follows;

        public static Answers Of(torch.Tensor undeformed, torch.Tensor deformed, WiringSample sample)
        {
            byte[] own = Labels(undeformed), moved = Labels(deformed);
            double largest = own.CountBy(label => label).Max(pair => pair.Value) / (double)own.Length;
            if (undeformed.dim() == 1)
                return new Answers(largest, own.Zip(moved).Count(pair => pair.First == pair.Second) / (double)own.Length);
            var (height, width) = ((int)undeformed.size(1), (int)undeformed.size(2));
            int classes = Math.Max(2, Math.Max(own.Max(), moved.Max()) + 1);
            if (sample.Maps[0].Grid.Height != height || sample.Maps[0].Grid.Width != width) return new Answers(largest, 1);
            return new Answers(largest, Enumerable.Range(0, sample.Count).Average(i =>
                SegmentationScore.Of(Part(moved, i), sample.Maps[i].Apply(Part(own, i)), classes).Iou));

            static byte[] Labels(torch.Tensor classes) => [.. classes.cpu().flatten().data<long>().Select(label => (byte)label)];
            LabelMap Part(byte[] labels, int index) => new(height, width, labels[(index * height * width)..((index + 1) * height * width)]);
        }

        public override string ToString() => Largest > OneClass
            ? "answers with one class throughout"
            : FormattableString.Invariant($"gives answers that follow the deformed images with an agreement of {Follows:0.00}");
    }
}
