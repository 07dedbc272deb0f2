using DiffeoNN.Onnx.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>How an answer on an undeformed image becomes what the network is to answer on the image that a proposal gives, and how the two
/// are compared.</summary>
internal abstract class TaskTarget : IDisposable
{
    /// <summary>Name of the data.</summary>
    protected const string Data = "answer";

    /// <summary>The target of a kind of answer.</summary>
    /// <param name="answer">The kind, <see cref="InnerAnswer.Scores"/> being known as what they are.</param>
    /// <param name="shape">Of the answers, without the batch.</param>
    /// <param name="deviations">Of each of the K.</param>
    /// <param name="seen">The image that the network sees.</param>
    /// <param name="image">The training images.</param>
    public static TaskTarget Of(
        InnerAnswer answer, IReadOnlyList<long> shape, IReadOnlyList<float> deviations, SamplingGrid seen, SamplingGrid image) =>
        (answer, shape.Count) switch
        {
            (InnerAnswer.Points or InnerAnswer.Boxes, _) => new PlaceTarget(answer, (int)shape[0], image),
            (_, 1) => new NumberTarget(answer, shape[0], deviations),
            _ => new PlaneTarget(
                answer, (int)shape[0], deviations, new PlaneCentres((int)shape[1], (int)shape[2], seen.Height, seen.Width), image),
        };

    /// <summary>Answers on undeformed images, carried by the known maps: the data of a batch.</summary>
    /// <param name="answers">Of the batch; of planes perhaps with one more, the share of each place that counts, with which the others are
    /// multiplied.</param>
    /// <param name="nodes">The maps, (N, 2, h, w), in units that span [-1, 1] along each axis.</param>
    /// <returns>Contiguous; in the current dispose scope.</returns>
    public abstract torch.Tensor Carry(torch.Tensor answers, torch.Tensor nodes);

    /// <summary>Writes the difference of the network's answer from the data, carried by the proposed map.</summary>
    /// <param name="builder">Gets the data as an input.</param>
    /// <param name="map">The proposed map.</param>
    /// <param name="output">The network's answer on the image that it gives.</param>
    /// <returns>One number, the mean over the batch.</returns>
    public abstract string Difference(ObjectiveBuilder builder, ProposedMap map, string output);

    /// <inheritdoc/>
    public virtual void Dispose()
    {
    }
}
