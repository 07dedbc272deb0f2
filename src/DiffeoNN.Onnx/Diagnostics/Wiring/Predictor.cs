using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Metrics;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Diagnostics.Wiring;

/// <summary>A network that answers with classes, asked once for each range of values.</summary>
internal sealed class Predictor(
    WiringSample sample,
    BundleRole role,
    PredictorSpec spec,
    IEngine engine,
    CancellationToken cancellationToken) : IDisposable
{
    /// <summary>How much larger than the least output another may be.</summary>
    private const double Larger = 8;

    private readonly Network _network = Network.OnValues(sample.Bundle, role, engine);
    private OutputReader? _outputs;
    private readonly Dictionary<int, PredictorAnswers> _answers = [];
    private IReadOnlyList<NetworkInput>? _inputs;

    /// <summary>What the manifest says that it is given, then what else it might have been trained on.</summary>
    public IReadOnlyList<NetworkInput> Inputs => _inputs ??= NetworkInput.All(sample.Bundle.Image, _network.Format);

    /// <summary>What the manifest says of it.</summary>
    public PredictorSpec Spec => spec;

    /// <summary>As a finding names it.</summary>
    public string Subject { get; } = $"{BundleValidator.Title(role)} ({spec.File})";

    /// <summary>Its answers to a range of values.</summary>
    public PredictorAnswers Ask(int input) => _answers.TryGetValue(input, out var known) ? known : _answers[input] = Run(Inputs[input]);

    /// <summary>Whether a range of values can be meant: one of a far larger range than was trained on makes outputs far larger,
    /// and answers that follow the image as any threshold does.</summary>
    public bool IsPlausible(int input) =>
        Ask(input).Magnitude <= Larger * Enumerable.Range(0, Inputs.Count).Min(i => Ask(i).Magnitude);

    /// <summary>How far the answers of two networks to the undeformed images agree; 0 where one has nothing to say.</summary>
    public double Agreement(int input, Predictor other, int otherInput)
    {
        var (own, others) = (Ask(input), other.Ask(otherInput));
        return own.IsOneClass || others.IsOneClass || own.Undeformed.Length != others.Undeformed.Length
            ? 0
            : own.Agreement(own.Undeformed, others.Undeformed);
    }

    /// <inheritdoc/>
    public void Dispose() => _network.Dispose();

    private static OutputGrids Grids(Bundle bundle, Network network)
    {
        var (image, own) = (bundle.Image, network.Format);
        return new OutputGrids(new SamplingGrid(own.Height, own.Width), new SamplingGrid(image.Height, image.Width));
    }

    private PredictorAnswers Run(NetworkInput input)
    {
        using var scope = torch.NewDisposeScope();
        double magnitude = 0;
        var (undeformed, deformed) = (Classes(sample.Images), Classes(sample.Deformed));
        var isMap = undeformed.dim() == 3;
        var (height, width) = isMap ? ((int)undeformed.size(1), (int)undeformed.size(2)) : (1, 1);
        var grid = sample.Maps[0].Grid;
        byte[] own = Labels(undeformed), moved = Labels(deformed);
        return new PredictorAnswers(own, isMap ? (height, width) : null)
        {
            Follows = !isMap || (grid.Height == height && grid.Width == width) ? Follow() : 1,
            Magnitude = magnitude,
        };

        double Follow()
        {
            var answers = new PredictorAnswers(own, isMap ? (height, width) : null);
            if (!isMap) return answers.Agreement(moved, own);
            var size = height * width;
            return answers.Agreement(moved, [.. Enumerable.Range(0, sample.Count)
                .SelectMany(i => sample.Maps[i].Apply(new LabelMap(height, width, own[(i * size)..((i + 1) * size)])).Labels.ToArray())]);
        }

        torch.Tensor Classes(torch.Tensor images)
        {
            _outputs ??= new OutputReader(spec.File, [spec.Output], Grids(sample.Bundle, _network));
            var outputs = _network.Run(input.Of(images), _outputs.Tensors, cancellationToken);
            var parts = _outputs.Read(outputs, activated: false)[0];
            magnitude = parts[0].abs().mean().item<float>();
            return AnswerKinds.Of(spec.Output).Classes(parts, spec.Output)!;
        }

        static byte[] Labels(torch.Tensor classes) => [.. classes.cpu().flatten().data<long>().Select(label => (byte)label)];
    }
}
