using System.Diagnostics;
using System.Globalization;
using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Canonicalisation.Graphs;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Search;
using TorchSharp;

namespace DiffeoNN.Onnx.Inference;

/// <summary>
/// A pretrained network made equivariant (invariant, for classifications) to diffeomorphisms: each image is canonicalised, the network
/// runs on the canonical image, and its answer is mapped back.
/// </summary>
/// <remarks>Images may have any size; the search happens at the bundle's, and the answer comes back at the image's own.
/// One call at a time; <see cref="RunAsync"/> and its like queue the calls of many.</remarks>
public sealed partial class EquivariantModel : IDisposable
{
    private readonly ModelNetworks _networks;
    private readonly bool _ownsNetworks;
    private readonly OnnxEnergy _energy;
    private readonly OnnxEnergy? _refining;
    private readonly Network? _proposer;
    private readonly ProposalPasses? _proposals;
    private readonly Canonicaliser _canonicaliser;
    private readonly Canonicaliser _refiner;
    private readonly Canonicaliser _asProposed;
    private readonly ISearchFields _fields;
    private readonly IReadOnlyList<OutputSpec> _outputs;
    private readonly SamplingGrid _grid;
    private readonly EquivariantOptions _options;
    private readonly GraphFields? _graphFields;
    private readonly GraphPipeline? _pipeline;
    private IReadOnlyList<string>? _warnings;

    private EquivariantModel(Bundle bundle, EquivariantOptions options, ModelNetworks? networks = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.QueueCapacity, 1, nameof(EquivariantOptions.QueueCapacity));
        Bundle = bundle;
        _options = options;
        _grid = new SamplingGrid(bundle.Image.Height, bundle.Image.Width);
        _outputs = bundle.Manifest.Models.Inner.Outputs;
        Plan = bundle.Plan(options, options.Preset);
        _ownsNetworks = networks is null;
        _networks = networks ?? new ModelNetworks(bundle, options.Execution);
        try
        {
            var energy = _networks.EnergyOf(Plan.WeighsEntropy);
            Plan = Plan.WithFields(FieldsOf(Plan.FromIdentity.Fields, _networks.Engine, energy.Batch));
            // Graphs of a search hold the energy, and searches that take more steps join them.
            var withEntropy = Plan.WeighsEntropy || (Plan.FromIdentity.Fields == FieldEngine.Onnx && Plan.MayWeighEntropy);
            energy = _networks.EnergyOf(withEntropy);
            _energy = energy.WithWeights(Plan.FromIdentity);
            if (Plan.AsksProposer) _proposer = _networks.Proposer;
            _fields = Plan.FromIdentity.Fields == FieldEngine.Onnx
                ? _graphFields = new GraphFields(
                    (OnnxRuntimeEngine)_networks.Engine, _energy, EnergyComposer.ComposeValues(bundle, withEntropy))
                : new TorchFields(
                    _energy, _refining = Plan.FromProposal.Judge is null ? null : energy.WithWeights(Plan.FromProposal));
            _canonicaliser = new Canonicaliser(_energy, Plan.FromIdentity, _fields);
            _refiner = new Canonicaliser(_energy, Plan.FromProposal, _fields);
            _asProposed = new Canonicaliser(_energy, Plan.FromProposal with { Steps = 0 }, _fields);
            if (_proposer is not null) _proposals = new ProposalPasses(bundle, _proposer, _fields, Plan.Passes);
            if (_graphFields is not null && TakesProposalsAsTheyAre && GraphPipeline.Takes(_networks.Inner))
                _pipeline = GraphPipeline.Load(
                    bundle, _graphFields, (OnnxRuntimeEngine)_networks.Engine, Plan.FromProposal, Plan.Passes, Plan.Average);
        }
        catch
        {
            Release();
            throw;
        }
    }

    /// <summary>The bundle that was loaded.</summary>
    public Bundle Bundle { get; }

    /// <summary>Where it runs, and why there.</summary>
    public DeviceSelection Device => _networks.Engine.Device;

    /// <summary>What runs its networks.</summary>
    public EngineKind Engine => _options.Execution.Engine;

    /// <summary>Cores it uses.</summary>
    public int Cores => _networks.Engine.Budget.Cores;

    /// <summary>How it searches, after options and bundle; its fields are never <see cref="FieldEngine.Auto"/>.</summary>
    public SearchPlan Plan { get; }

    /// <summary>What those should know who use it: networks of a fixed batch whose images may change each other's results. Empty for
    /// nothing.</summary>
    /// <exception cref="BundleException">A file changed since the bundle was loaded.</exception>
    public IReadOnlyList<string> Warnings => _warnings ??=
    [
        .. Formats().Where(network => network.Format.BatchWarning is not null).Select(network =>
            $"Network {BundleValidator.Title(network.Role)} {network.Format.BatchWarning}. Export it with a free first dimension "
            + "(dynamic_axes or dynamic_shapes)."),
    ];

    /// <summary>How the networks in use take images; of those of the energy only where one binds it to a batch.</summary>
    private IEnumerable<(BundleRole Role, InputFormat Format)> Formats()
    {
        yield return (BundleRole.Inner, _networks.Inner.Input);
        if (_proposer is not null) yield return (BundleRole.Proposer, _proposer.Format);
        if (_energy.Batch is null or 1) yield break;
        foreach (var role in new[] { BundleRole.Vae, BundleRole.Critic, BundleRole.Energy }.Where(Bundle.Has))
            yield return (role, Bundle.InputOf(role));
    }

    /// <summary>Loads a bundle.</summary>
    /// <param name="folder">The folder that holds <c>diffeonn.json</c>.</param>
    /// <param name="options">Defaults if null.</param>
    /// <returns>The caller disposes it.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An option is outside its range.</exception>
    /// <exception cref="BundleException">The bundle is missing, malformed or inconsistent.</exception>
    /// <exception cref="SearchException">The bundle lacks what is asked for.</exception>
    /// <exception cref="Gradients.UnsupportedOperatorException">An energy network holds operators without gradient rule.</exception>
    /// <exception cref="GraphException">The engine cannot load a network.</exception>
    /// <exception cref="DeviceUnavailableException">CUDA was asked for and is missing.</exception>
    /// <exception cref="NativeLibraryException">libtorch does not load.</exception>
    public static EquivariantModel Load(string folder, EquivariantOptions? options = null) =>
        ModelTelemetry.Load(() => new(Bundle.Load(folder), options ?? new()));

    /// <summary>As <see cref="Load(string, EquivariantOptions?)"/>, of a bundle that is loaded already.</summary>
    internal static EquivariantModel Load(Bundle bundle, EquivariantOptions options) => new(bundle, options);

    /// <summary>The same networks under other settings.</summary>
    /// <param name="manifest">What it says of searches counts; its networks must be those of the bundle.</param>
    /// <param name="change">What else is different; device and cores stay.</param>
    /// <returns>The caller disposes it before this one, which keeps the networks.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    internal EquivariantModel WithSettings(BundleManifest manifest, Func<EquivariantOptions, EquivariantOptions>? change = null) =>
        new(new Bundle(Bundle.Folder, manifest), change?.Invoke(_options) ?? _options, _networks);

    /// <summary>Energies of images as they are, by this model's weights.</summary>
    /// <param name="images">At least one, of any sizes.</param>
    /// <param name="cancellationToken">Stops the run.</param>
    internal float[] Energies(IReadOnlyList<ImageBuffer> images, CancellationToken cancellationToken)
    {
        using var scope = torch.NewDisposeScope();
        using var evaluation = _energy.Evaluate(ToBatch([.. images.Select(PrepareShared)]), false, cancellationToken);
        return [.. evaluation.Energy.cpu().data<float>()];
    }

    /// <summary>Canonicalises a batch, runs the network, and maps its answers back.</summary>
    /// <param name="images">At least one, of any sizes; grey and RGB are converted to what the bundle wants.</param>
    /// <param name="progress">Told after each step.</param>
    /// <param name="cancellationToken">Ends the run within one step.</param>
    /// <returns>The caller disposes it.</returns>
    /// <remarks>All answers are in memory at once; <see cref="Canonicalise"/> leaves them to be asked for one by one.</remarks>
    /// <exception cref="ImageException">An image cannot be converted to the bundle's channels, is smaller than 2x2 pixels,
    /// or has values that are not in [0, 1].</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public EquivariantResult Run(
        IReadOnlyList<ImageBuffer> images,
        IProgress<CanonicalisationProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        return ModelTelemetry.Run(this, "equivariant", images.Count, () =>
        {
            ScaledImage[] prepared = [.. images.Select(Prepare)];
            return InTurn(() =>
            {
                using var batch = Search(prepared, progress, cancellationToken);
                return batch.ToResult();
            });
        }, result => Outcome(result.Images.Select(image => image.Canonicalisation)));
    }

    /// <summary>Canonicalises a batch and runs the network; answers are mapped back when they are asked for, so that memory is bounded by
    /// one image and not by the batch.</summary>
    /// <param name="images">At least one, as <see cref="Prepare"/> or <see cref="ImageFile.ReadScaled"/> make them for the bundle's size
    /// and channels.</param>
    /// <param name="progress">Told after each step.</param>
    /// <param name="cancellationToken">Ends the run within one step.</param>
    /// <returns>The caller disposes it. Where fields are graphs on a GPU, what is not asked for does not leave it.</returns>
    /// <remarks>Calls of several threads wait for each other; answers of a batch may be asked for on another thread while the next batch
    /// runs.</remarks>
    /// <exception cref="ArgumentException">An image has another size or other channels than the bundle.</exception>
    /// <exception cref="ImageException">An image has values that are not in [0, 1].</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public EquivariantBatch Canonicalise(
        IReadOnlyList<ScaledImage> images,
        IProgress<CanonicalisationProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        return ModelTelemetry.Run(this, "equivariant", images.Count, () => InTurn(() => Search(images, progress, cancellationToken)),
            batch => Outcome(Enumerable.Range(0, batch.Count).Select(batch.Canonicalisation)));
    }

    private EquivariantBatch Search(
        IReadOnlyList<ScaledImage> images, IProgress<CanonicalisationProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfZero(images.Count, nameof(images));
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var batch = ToBatch(images);
        if (_pipeline is not null && images.All(TakesPipeline) && _pipeline.Run(batch, cancellationToken) is { } answers)
        {
            return Of(answers, images);
        }

        using var passes = new PassResults();
        var (start, proposing) = Propose(batch, passes, cancellationToken);
        using (torch.enable_grad())
        {
            passes.Add(Plan.Start == StartPoint.Multi
                ? _canonicaliser.Run(batch, Starts(start), Plan.MultiStart.Refined, progress, cancellationToken)
                : (start is null ? _canonicaliser : _refiner).Run(batch, start, progress, cancellationToken));
        }

        return Answered(images, passes, proposing, cancellationToken);
    }

    /// <summary>Asks the proposer, and takes the maps of proposals that answers are averaged over.</summary>
    /// <param name="batch">(N, C, H, W).</param>
    /// <param name="passes">Gets the maps.</param>
    /// <param name="cancellationToken">Ends it within one pass.</param>
    /// <returns>Where searches start, (N, 2, h, w) in the caller's scope, null for the identity; the time of the network.</returns>
    private (torch.Tensor? Start, TimeSpan Time) Propose(torch.Tensor batch, PassResults passes, CancellationToken cancellationToken)
    {
        if (_proposals is null) return (null, TimeSpan.Zero);
        var begun = Stopwatch.GetTimestamp();
        var proposals = _proposals.Run(batch, Plan.FromProposal, cancellationToken);
        var time = Stopwatch.GetElapsedTime(begun);
        using var gradients = torch.enable_grad();
        foreach (var proposal in Averaged(proposals))
            passes.Add(_asProposed.Run(batch, proposal, null, cancellationToken));
        // What follows the proposals is a search's.
        if (!TakesProposalsAsTheyAre) passes.LastWeight = Plan.FromIdentity.SearchWeight;
        return (proposals[^1], time);
    }

    /// <summary>Runs the network on the canonical images.</summary>
    /// <param name="images">That were searched for.</param>
    /// <param name="passes">Their maps.</param>
    /// <param name="proposing">Time of the proposer.</param>
    /// <param name="cancellationToken">Ends it within one run of a network.</param>
    private EquivariantBatch Answered(
        IReadOnlyList<ScaledImage> images, PassResults passes, TimeSpan proposing, CancellationToken cancellationToken)
    {
        var begun = Stopwatch.GetTimestamp();
        IReadOnlyList<torch.Tensor[]>[] outputs =
            [.. Canonical(images, passes).Select(canonical => _networks.Inner.Answers(canonical, cancellationToken))];
        var alone = Plan.FromIdentity.IdentityWeight > 0
            ? _networks.Inner.Answers(ToNetworkBatch(images, _networks.Inner.Input), cancellationToken)
            : null;
        var inference = proposing + Stopwatch.GetElapsedTime(begun);
        var fields = passes.Gather();
        try
        {
            var canonical = ImageTensor.FromTensor(fields.Canonical);
            ModelOutput[] final = [.. images.Select((_, i) => OnCanonical(outputs[passes.Final(i)], i))];
            return new EquivariantBatch(() => fields, fields.Times, inference, [.. images.Select((image, i) => new PendingImage(
                Pending(outputs, alone, passes, i, image),
                image.Pixels,
                () => canonical[i],
                () => final[i],
                fields.Images[i],
                passes.Accepted(i).Length))]);
        }
        catch
        {
            fields.Dispose();
            throw;
        }
    }

    /// <summary>The network alone, on the images as they are.</summary>
    /// <param name="images">At least one, of any sizes.</param>
    /// <param name="cancellationToken">Stops the run.</param>
    /// <returns>One answer an image, at its size.</returns>
    /// <exception cref="ImageException">An image cannot be converted to the bundle's channels, is smaller than 2x2 pixels,
    /// or has values that are not in [0, 1].</exception>
    public IReadOnlyList<ModelOutput> RunNaive(IReadOnlyList<ImageBuffer> images, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        return [.. RunNaive([.. images.Select(PrepareShared)], cancellationToken).Select(answer =>
        {
            using (answer) return answer.ToOutput();
        })];
    }

    /// <summary>The network alone, on the images as they are; answers are enlarged when they are asked for.</summary>
    /// <param name="images">At least one, as for <see cref="Canonicalise"/>.</param>
    /// <param name="cancellationToken">Stops the run.</param>
    /// <returns>One answer an image, at its size; the caller disposes each.</returns>
    /// <exception cref="ArgumentException">An image has another size or other channels than the bundle.</exception>
    /// <exception cref="ImageException">An image has values that are not in [0, 1].</exception>
    public IReadOnlyList<MappedOutput> RunNaive(IReadOnlyList<ScaledImage> images, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentOutOfRangeException.ThrowIfZero(images.Count, nameof(images));
        return ModelTelemetry.Run(this, "naive", images.Count, () => InTurn<IReadOnlyList<MappedOutput>>(() =>
        {
            using var scope = torch.NewDisposeScope();
            var outputs = _networks.Inner.Answers(ToNetworkBatch(images, _networks.Inner.Input), cancellationToken);
            return [.. images.Select((image, i) => Unwarped(_outputs, outputs, i, image.Height, image.Width))];
        }), _ => (0, 0));
    }

    private void Release()
    {
        if (Interlocked.Exchange(ref _isReleased, 1) != 0) return;
        _pipeline?.Dispose();
        _graphFields?.Dispose();
        _energy?.Dispose();
        _refining?.Dispose();
        if (_ownsNetworks) _networks.Dispose();
    }

    private static FieldEngine FieldsOf(FieldEngine asked, IEngine engine, int? fixedBatch) => (asked, engine) switch
    {
        (FieldEngine.Torch, _) => FieldEngine.Torch,
        (FieldEngine.Onnx, not OnnxRuntimeEngine) =>
            throw new GraphException("Fields 'onnx' are graphs of ONNX Runtime; with the engine 'torch' take fields 'torch'."),
        (FieldEngine.Onnx, _) when fixedBatch is { } batch =>
            throw new GraphException(
                $"Fields 'onnx' are one graph with the energy, a network of which takes batches of {batch} alone: take fields 'torch', or "
                + "export it with a free first dimension (dynamic_axes or dynamic_shapes)."),
        (FieldEngine.Onnx, _) => FieldEngine.Onnx,
        (_, OnnxRuntimeEngine { Device: { Device: ExecutionDevice.Cuda, TensorsOnGpu: false } }) when fixedBatch is null =>
            FieldEngine.Onnx,
        _ => FieldEngine.Torch,
    };

    private EquivariantBatch Of(PipelineResult answers, IReadOnlyList<ScaledImage> images) => new(
        answers.Fields,
        answers.Times,
        answers.InferenceTime,
        [.. images.Select((image, i) => new PendingImage(
            new MappedOutput(_outputs[0], () => Output(answers, i, false), _grid),
            image.Pixels,
            () => answers.Canonical(i),
            () => Output(answers, i, true) with { Name = _outputs[0].Title, ClassNames = _outputs[0].Classes },
            answers.Images[i],
            answers.Maps[i]))],
        answers);

    private ModelOutput Output(PipelineResult answers, int image, bool isFinal)
    {
        var (spec, kind) = (_outputs[0], AnswerKinds.Of(_outputs[0]));
        if (!answers.IsWhole)
            return Counted(kind.OfPlanes(isFinal ? answers.FinalPlanes(image) : answers.Planes(image), spec));
        var scores = isFinal ? answers.Final : answers.Mapped;
        var columns = (int)scores.Shape[1];
        var numbers = scores.ToArray<float>().AsSpan(image * columns, columns).ToArray();
        return Counted(kind.OfNumbers(numbers, spec, _grid.Height, _grid.Width));

        static ModelOutput Counted(ModelOutput answer) => answer with { NotFinite = MappedOutput.CountNotFinite(answer) };
    }

    private bool TakesProposalsAsTheyAre => Plan.Start == StartPoint.Proposer && Plan.FromProposal.Steps == 0;

    // The last proposal is not counted twice where it is what the search returns.
    private IEnumerable<torch.Tensor> Averaged(List<torch.Tensor> proposals) =>
        Plan.Average ? proposals.SkipLast(TakesProposalsAsTheyAre ? 1 : 0) : [];

    // Turned and scaled or not, a proposal is near the end already and goes on as one.
    private SearchStart[] Starts(torch.Tensor? proposal) =>
    [
        .. MultiStarts.Of(Plan.MultiStart, _grid, null).Select(velocity => new SearchStart(velocity, Plan.FromIdentity)),
        .. proposal is null
            ? []
            : MultiStarts.Of(Plan.MultiStart, _grid, proposal).Select(velocity => new SearchStart(velocity, Plan.FromProposal)),
    ];
}
