using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Canonicalisation.Graphs;
using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Inference;

/// <summary>The maps of a batch's proposals on the device, each judged, and which of them count for which image.</summary>
/// <param name="fields">Computes them.</param>
/// <param name="options">Squarings, padding and acceptance.</param>
/// <param name="batch">The images on the device.</param>
/// <param name="grid">The images' grid.</param>
/// <param name="count">How many images there are.</param>
internal sealed class PipelineMaps(GraphFields fields, SearchSpec options, GraphBatch batch, SamplingGrid grid, int count)
    : IDisposable
{
    private readonly Acceptance _acceptance = new(options);
    private readonly EnergyReading _reading = new(fields.Energy.TermNames, options);
    private readonly StageClock _clock = new();
    private readonly List<GraphMaps> _all = [];
    private readonly List<GraphMaps> _answered = [];
    private readonly List<PipelineMap> _judged = [];

    /// <summary>The images that the last velocity leads to, accepted or not.</summary>
    public DeviceTensor LastCanonical => _all[^1].Canonical;

    /// <summary>The images that networks answer for, map by map.</summary>
    public IEnumerable<DeviceTensor> Answered => _judged.Select(map => map.Canonical);

    /// <summary>How many maps count for each image.</summary>
    public int[] Accepted => [.. Enumerable.Range(0, count).Select(row => _judged.Count(map => map.Images[row].Accepted))];

    /// <summary>What stands for each image, and the record of how it was found.</summary>
    public IReadOnlyList<ImageCanonicalisation> Images => [.. Enumerable.Range(0, count).Select(row => _judged[FinalOf(row)].Images[row])];

    /// <summary>Where the time went so far.</summary>
    public StageTimes Times => _clock.Times();

    /// <summary>Whether a network's answers lie on the images' pixels.</summary>
    public bool AreOnPixels(DeviceTensor output) =>
        output.Shape is [_, _, var height, var width] && (height, width) == (grid.Height, grid.Width);

    /// <summary>Makes the maps of velocities on a lattice.</summary>
    public void Add(DeviceTensor lattice, bool isAnswered, CancellationToken cancellationToken)
    {
        _clock.Measure(Stage.Diagnostics, () =>
        {
            var (velocity, squarings) = batch.Full(lattice, cancellationToken);
            _all.Add(batch.Maps(velocity, squarings, cancellationToken));
            return true;
        });
        if (isAnswered)
            _answered.Add(_all[^1]);
    }

    /// <summary>Decides for each map and image whether it is used.</summary>
    public void Judge(CancellationToken cancellationToken)
    {
        var input = _clock.Measure(Stage.EnergyGradient, () => batch.Energies(batch.Images, cancellationToken));
        foreach (var maps in _answered)
        {
            var found = _clock.Measure(Stage.EnergyGradient, () => batch.Energies(maps.Canonical, cancellationToken));
            var states = new ImageState[count];
            for (var row = 0; row < count; row++)
            {
                states[row] = new ImageState(options);
                states[row].SetInputEnergy(_reading.Energy(input[row]));
                var iterate = _reading.Iterate(found[row], 0, maps.Orientation(row));
                states[row].Add(0, maps.IsAlive(row) ? iterate : iterate with { Total = double.NaN }, false);
                if (_acceptance.IsCanonical(_reading.Energy(input[row])))
                    states[row].LeaveAlone();
            }

            var repaired = _clock.Measure(Stage.Diagnostics, () => maps.Repair(_acceptance, count, cancellationToken));
            if (repaired.Count > 0)
                found = _clock.Measure(Stage.EnergyGradient, () => batch.Energies(maps.Canonical, cancellationToken));
            foreach (var row in repaired)
                states[row].Repair(_reading.Iterate(found[row], 0, maps.Orientation(row)));
            _judged.Add(new PipelineMap(fields, options, batch, maps, states));
        }
    }

    /// <summary>Carries the network's outputs back and takes their mean, image by image over the maps that count for it.</summary>
    /// <param name="outputs">Map by map.</param>
    /// <param name="alone">For the images as they are, where these count, too.</param>
    /// <param name="activation">What turns outputs into answers.</param>
    /// <param name="cancellationToken">Ends it within one run of a graph.</param>
    /// <returns>Answers on the images, in the CPU's memory, and on the canonical images, on the device; the caller's.</returns>
    public (DeviceTensor Mapped, DeviceTensor Final) CarryBack(
        DeviceTensor[] outputs, DeviceTensor? alone, OutputActivation activation, CancellationToken cancellationToken)
    {
        var channels = (int)outputs[0].Shape[1];
        var graph = fields.Graph(
            ("answers", grid, channels, outputs.Length, activation, alone is not null), "answers",
            () => AnswerComposer.Answers(grid, channels, outputs.Length, activation, fields.OnGpu, alone is not null));
        var inputs = new Dictionary<string, DeviceTensor>(StringComparer.Ordinal);
        List<DeviceTensor> numbers = [];
        for (var map = 0; map < outputs.Length; map++)
        {
            (inputs[AnswerComposer.Output(map)], inputs[AnswerComposer.Inverse(map)]) = (outputs[map], _judged[map].Inverse);
            inputs[AnswerComposer.Weight(map)] = Rows(Weights(map));
            inputs[AnswerComposer.IsFinal(map)] = Rows(Finals(map));
        }

        if (alone is not null)
            (inputs[AnswerComposer.AloneOutput], inputs[AnswerComposer.AloneWeight]) = (alone, Rows(AloneWeights));

        try
        {
            var results = graph.Run(inputs, [AnswerComposer.Final], [AnswerComposer.Mapped], cancellationToken);
            return (results[AnswerComposer.Mapped], results[AnswerComposer.Final]);
        }
        finally
        {
            numbers.ForEach(number => number.Dispose());
        }

        DeviceTensor Rows(float[] values)
        {
            numbers.Add(DeviceTensor.Of([.. values, .. new float[batch.Size - count]], batch.Size, 1, 1));
            return numbers[^1];
        }
    }

    /// <summary>The mean of answers on whole images, over the maps that count for each.</summary>
    /// <returns>Of the images and of what stands for them, (N, K), in the CPU's memory; the caller's.</returns>
    public (DeviceTensor Mean, DeviceTensor Final) Mean(DeviceTensor[] outputs, DeviceTensor? alone, OutputActivation activation)
    {
        using var scope = torch.NewDisposeScope();
        torch.Tensor[] answers = [.. outputs.Select(Answer)];
        torch.Tensor Answer(DeviceTensor output) => ClassScores.Activate(Rows(batch.Download(output)), activation);
        static torch.Tensor Rows(torch.Tensor output) => output.reshape(output.size(0), -1);
        torch.Tensor Sum(Func<int, float[]> parts) => answers
            .Select((answer, map) => answer * torch.tensor(parts(map)).view(-1, 1)).Aggregate((sum, next) => sum.Plus(next));
        var mean = Sum(Weights);
        if (alone is not null) mean = mean.Plus(Answer(alone) * torch.tensor(AloneWeights).view(-1, 1));
        return (DeviceTensor.Of(mean), DeviceTensor.Of(Sum(Finals)));
    }

    /// <summary>The canonical images that stand for the images.</summary>
    public ImageBuffer[] Canonical()
    {
        var canonical = new ImageBuffer[count];
        foreach (var rows in Enumerable.Range(0, count).GroupBy(FinalOf))
        {
            var images = batch.ToImages(_judged[rows.Key].Canonical);
            foreach (var row in rows)
                canonical[row] = images[row];
        }

        return canonical;
    }

    /// <summary>What stands for each image: the last map that is used, else the last, which tells why.</summary>
    public CanonicalisationResult Gather()
    {
        using var scope = torch.NewDisposeScope();
        var times = Times;
        var finals = Enumerable.Range(0, count).Select(FinalOf).ToArray();
        var results = finals.Distinct().ToDictionary(map => map, map => _judged[map].ToResult(times));
        if (results.Count == 1)
            return results.Values.Single();
        try
        {
            ResultRow[] rows = [.. finals.Select((map, row) => new ResultRow(results[map], row))];
            return ResultRow.Gather(rows, [.. rows.Select(row => row.Image)], times);
        }
        finally
        {
            foreach (var result in results.Values)
                result.Dispose();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _judged.ForEach(map => map.Dispose());
        _all.ForEach(maps => maps.Dispose());
    }

    private float[] Weights(int map)
    {
        var accepted = Accepted;
        return [.. Enumerable.Range(0, count).Select(row =>
            accepted[row] == 0 ? Finals(map)[row] : _judged[map].Images[row].Accepted ? 1 / WholeOf(accepted[row]) : 0)];
    }

    private float[] AloneWeights =>
        [.. Accepted.Select(maps => maps == 0 ? 0 : (float)options.IdentityWeight / WholeOf(maps))];

    private float WholeOf(int maps) => (float)(maps + options.IdentityWeight);

    private float[] Finals(int map) => [.. Enumerable.Range(0, count).Select(row => FinalOf(row) == map ? 1f : 0f)];

    private int FinalOf(int row)
    {
        var last = _judged.FindLastIndex(map => map.Images[row].Accepted);
        return last >= 0 ? last : _judged.Count - 1;
    }
}
