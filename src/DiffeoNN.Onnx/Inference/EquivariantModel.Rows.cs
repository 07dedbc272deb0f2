using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Search;
using TorchSharp;

namespace DiffeoNN.Onnx.Inference;

/// <content>For continuous batches: the parts of a run, before and after its steps.</content>
public sealed partial class EquivariantModel
{
    /// <summary>An empty batch that images join and leave between steps, each with settings, a deadline and a token of its own.</summary>
    /// <returns>The caller disposes it before the model.</returns>
    public ContinuousBatch OpenBatch() => OpenBatch(null);

    /// <summary>The same with another clock.</summary>
    internal ContinuousBatch OpenBatch(TimeProvider? time) => new(this, time ?? TimeProvider.System);

    /// <summary>Whether a search takes steps that can be shared; else it is a handful of networks, or several searches in turn.</summary>
    internal bool TakesSteps => Plan.Start != StartPoint.Multi && Plan.Usual.Steps > 0;

    /// <summary>How many images one run without steps takes at most. On the CPU more gain nothing, and an image is alone where it would not
    /// have the same bits with others.</summary>
    internal int RunsTogether => TakesSteps || Plan.Start == StartPoint.Multi ? 1
        : Device.Device == ExecutionDevice.Cpu ? _energy.KeepsImagesApart ? 8 : 1
        : 64;

    /// <summary>Whether an image stays on the GPU from its pixels to its answer, for which it has to be of the size that networks work at:
    /// one that does not keeps others of its batch from it.</summary>
    internal bool TakesPipeline(ScaledImage image) =>
        _pipeline is not null && image.Height == _grid.Height && image.Width == _grid.Width;

    /// <summary>The running batch of this model's searches.</summary>
    internal CanonicalisationBatch OpenSearches(TimeProvider time) => new(
        _energy, _fields, time, () => _networks.EnergyOf(withEntropy: true))
    {
        // Two rows of a core share runs of the energy, which takes a tenth off their time; more gain little and make short searches wait.
        RowsTogether = Device.Device == ExecutionDevice.Cpu ? 2 * new CoreBudget(_options.Execution.Threads).Cores : int.MaxValue,
    };

    /// <summary>The same networks under the options of a caller.</summary>
    /// <param name="options">Their device and cores are this model's.</param>
    internal EquivariantModel WithOptions(EquivariantOptions options) => new(
        Bundle, options with { Execution = _options.Execution, QueueCapacity = _options.QueueCapacity }, _networks);

    /// <summary>What comes before the steps of an image's search.</summary>
    /// <param name="image">The image.</param>
    /// <param name="passes">Gets the maps of proposals that count.</param>
    /// <param name="join">Told the pixels (1, C, H, W), the settings and the start, null for the identity; copies what it keeps.</param>
    /// <param name="cancellationToken">Ends it within one pass of the proposer.</param>
    /// <returns>Time of the proposer.</returns>
    internal TimeSpan BeginSteps(
        ScaledImage image, PassResults passes, Action<torch.Tensor, SearchSpec, torch.Tensor?> join, CancellationToken cancellationToken) =>
        InTurn(() =>
        {
            using var noGradient = torch.no_grad();
            using var scope = torch.NewDisposeScope();
            var pixels = ToBatch([image]);
            var (start, time) = Propose(pixels, passes, cancellationToken);
            join(pixels, start is null ? Plan.FromIdentity : Plan.FromProposal, start);
            return time;
        });

    /// <summary>Takes a step, with no run of the model beside it.</summary>
    internal int Step(CanonicalisationBatch searches, CancellationToken cancellationToken) =>
        InTurn(() => searches.Step(cancellationToken));

    /// <summary>What comes after the steps of an image's search.</summary>
    /// <param name="image">The image.</param>
    /// <param name="passes">The maps of proposals, and the search's.</param>
    /// <param name="proposing">Time of the proposer.</param>
    /// <param name="cancellationToken">Ends it within one run of a network.</param>
    /// <returns>A batch of one image; the caller disposes it.</returns>
    internal EquivariantBatch EndSteps(
        ScaledImage image, PassResults passes, TimeSpan proposing, CancellationToken cancellationToken) => InTurn(() =>
        {
            using var noGradient = torch.no_grad();
            using var scope = torch.NewDisposeScope();
            return Answered([image], passes, proposing, cancellationToken);
        });
}
