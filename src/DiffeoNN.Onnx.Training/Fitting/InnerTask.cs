using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>The frozen inner network, as the proposer's task loss takes it.</summary>
/// <param name="Model">A network with one input (N, C, H, W), float32 in [0, 1], of the training images' size; N free. What is in front of
/// a published network (normalisation, layout, type) is part of it; <see cref="Of"/> writes that.</param>
/// <param name="Answer">What its output means.</param>
/// <param name="Output">The output; the first if null.</param>
public sealed record InnerTask(OnnxModel Model, InnerAnswer Answer, string? Output = null)
{
    /// <summary>Why the network's answers cannot be learnt from; null if they can as far as its file tells.</summary>
    public string? Refusal { get; private init; }

    /// <summary>The size of the image that the network sees, to which the centres of its answer's pixels refer; null for the training
    /// images'.</summary>
    internal SamplingGrid? Seen { get; private init; }

    /// <summary>Whether it is the network's first output, which truth is about.</summary>
    internal bool IsFirst { get; private init; } = true;

    /// <summary>The inner network of a bundle as it is: sizes, channels, normalisation, layout and type are written in front of it, and
    /// what the manifest says of its answer behind.</summary>
    /// <param name="image">The manifest's image, of which the training images are.</param>
    /// <param name="predictor">What the manifest says of the network. The first output that can be learnt from is.</param>
    /// <param name="network">Its file; left untouched.</param>
    /// <returns>The task, or one that says in <see cref="Refusal"/> why there is none.</returns>
    /// <remarks>Of float16, float64 and uint8 the network computes in float32: the same up to rounding, which has no gradient.</remarks>
    /// <exception cref="OnnxModelException">The network lacks an input or output that is named.</exception>
    public static InnerTask Of(ImageSpec image, PredictorSpec predictor, OnnxModel network)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(predictor);
        ArgumentNullException.ThrowIfNull(network);
        var (input, name) = (predictor.Input.Name, network.Graph.Name);
        _ = network.Graph.Input(input);
        foreach (var tensor in predictor.Outputs)
            _ = network.Graph.Output(tensor.Name);
        var (prepared, pixels, format, refusal) = InnerNetwork.Prepare(image, predictor.Input, network);
        foreach (var spec in refusal is null ? predictor.Outputs : [])
        {
            var model = prepared.Copy();
            var grids = new OutputGrids(new SamplingGrid(format.Height, format.Width), new SamplingGrid(image.Height, image.Width));
            var (answer, output, why) = AnswerNodes.Write(model, spec, grids);
            why ??= InnerNetwork.WithoutGradient(model, pixels, output, $"no gradient of '{spec.Name}' reaches '{input}'");
            if (why is null)
                return new InnerTask(model, answer, output) { Seen = grids.Network, IsFirst = spec == predictor.Outputs[0] };
            refusal ??= why;
        }

        return new InnerTask(network, InnerAnswer.Values, predictor.Output.Name) { Refusal = InnerNetwork.Refused(name, refusal!) };
    }
}
