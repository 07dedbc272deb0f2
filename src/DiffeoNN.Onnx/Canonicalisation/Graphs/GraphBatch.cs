using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation.Graphs;

/// <summary>Images on the device, and the maps of velocities over them.</summary>
internal sealed class GraphBatch : IDisposable
{
    private readonly GraphFields _fields;
    private readonly SearchSpec _options;
    private readonly SamplingGrid _grid;
    private readonly int _channels;
    private readonly int _count;

    /// <param name="fields">The graphs.</param>
    /// <param name="options">Squarings and padding.</param>
    /// <param name="images">(N, C, H, W) on the CPU; filled up with copies of the first one to a size that suits the device.</param>
    public GraphBatch(GraphFields fields, SearchSpec options, torch.Tensor images)
    {
        (_fields, _options, _grid, _channels, _count) =
            (fields, options, SamplingGrid.Of(images), (int)images.size(1), (int)images.size(0));
        Size = fields.BatchSizes.Above(_count);
        Images = Upload(images);
    }

    /// <summary>Rows on the device.</summary>
    public int Size { get; }

    /// <summary>The images, (rows, C, H, W).</summary>
    public DeviceTensor Images { get; }

    /// <summary>Brings a tensor of one row an image onto the device.</summary>
    public DeviceTensor Upload(torch.Tensor tensor)
    {
        using var scope = torch.NewDisposeScope();
        var filled = Size == _count ? tensor : torch.cat([tensor, tensor.narrow(0, 0, 1).expand([Size - _count, .. tensor.shape[1..]])], 0);
        using var host = DeviceTensor.Of(filled);
        return _fields.Copy.RunSingle(new Dictionary<string, DeviceTensor> { ["x"] = host }, "y");
    }

    /// <summary>A velocity on a lattice of any size at every pixel, and its squarings.</summary>
    public (DeviceTensor Velocity, Squarings Squarings) Full(DeviceTensor lattice, CancellationToken cancellationToken)
    {
        var (height, width) = ((int)lattice.Shape[2], (int)lattice.Shape[3]);
        var graph = _fields.Graph(("linear", _grid, height, width), "velocity", () => Composer.Linear(height, width));
        var outputs = graph.Run(
            new Dictionary<string, DeviceTensor> { ["lattice"] = lattice }, [SearchComposer.Velocity], [SearchComposer.Speed],
            cancellationToken);
        using var speed = outputs[SearchComposer.Speed];
        return (outputs[SearchComposer.Velocity],
            new Squarings(Array.ConvertAll(speed.ToArray<float>(), value => (double)value), _options));
    }

    /// <summary>The images that velocities lead to, on the host.</summary>
    public torch.Tensor Warp(torch.Tensor velocity, CancellationToken cancellationToken)
    {
        using var lattice = Upload(velocity);
        var (full, squarings) = Full(lattice, cancellationToken);
        using (full)
        using (squarings)
        {
            var graph = _fields.Graph(
                ("warp", _grid, _channels, _options.Padding, squarings.Most, squarings.Optional), "warp",
                () => Composer.Warp(squarings.Most, squarings.Optional));
            using var warped =
                graph.Run(Inputs(full, Images, squarings), [], [MapComposer.Canonical], cancellationToken)[MapComposer.Canonical];
            return Taken(warped);
        }
    }

    /// <summary>Maps of velocities at every pixel, all of it on the host but what is kept.</summary>
    /// <param name="velocity">On the device.</param>
    /// <param name="squarings">Of each row.</param>
    /// <param name="cancellationToken">Ends it within one run of a graph.</param>
    public GraphMaps Maps(DeviceTensor velocity, Squarings squarings, CancellationToken cancellationToken) =>
        Maps(velocity, Images, squarings, cancellationToken);

    /// <summary>Maps of velocities at every pixel over other images than the batch's.</summary>
    public GraphMaps Maps(DeviceTensor velocity, DeviceTensor images, Squarings squarings, CancellationToken cancellationToken)
    {
        var graph = _fields.Graph(
            ("maps", _grid, _channels, _options.Padding, squarings.Most, squarings.Optional), "maps",
            () => Composer.Maps(squarings.Most, squarings.Optional));
        var outputs = graph.Run(
            Inputs(velocity, images, squarings), [MapComposer.Displacement, MapComposer.Inverse, MapComposer.Canonical],
            [MapComposer.Diagnostics], cancellationToken);
        return new GraphMaps(_fields, this, velocity, outputs, squarings);
    }

    /// <summary>Energies of images on the device: the energy and its terms, row by row.</summary>
    public float[][] Energies(DeviceTensor images, CancellationToken cancellationToken)
    {
        var inputs = new Dictionary<string, DeviceTensor>(_fields.Weights) { [EnergyComposer.Input] = images };
        var outputs = _fields.EnergyValues.Run(inputs, [], [EnergyComposer.EnergyOutput, EnergyComposer.TermsOutput], cancellationToken);
        using var energy = outputs[EnergyComposer.EnergyOutput];
        using var terms = outputs[EnergyComposer.TermsOutput];
        var (values, columns) = (terms.ToArray<float>(), _fields.Energy.TermNames.Count);
        var totals = energy.ToArray<float>();
        return [.. Enumerable.Range(0, _count).Select(row => (float[])[totals[row], .. values.AsSpan(row * columns, columns)])];
    }

    /// <summary>A tensor of the device on the host, without the rows that filled up the batch.</summary>
    public torch.Tensor Download(DeviceTensor value)
    {
        using var host = ToHost(value);
        return Taken(host);
    }

    /// <summary>Planes of the device's memory as images on the host, without the rows that filled up the batch.</summary>
    public ImageBuffer[] ToImages(DeviceTensor value)
    {
        using var host = ToHost(value);
        var images = new ImageBuffer[_count];
        Parallel.For(0, _count, i => images[i] = host.ToImage(i));
        return images;
    }

    /// <inheritdoc/>
    public void Dispose() => Images.Dispose();

    private MapComposer Composer => new(_grid, _channels, _options.Padding, _fields.OnGpu);

    /// <summary>A value of the CPU's memory as a tensor, without the rows that filled up the batch.</summary>
    public torch.Tensor Taken(DeviceTensor host)
    {
        var tensor = host.ToTensor();
        if (Size == _count)
            return tensor;
        using (tensor)
            return tensor.narrow(0, 0, _count).clone();
    }

    private DeviceTensor ToHost(DeviceTensor value) =>
        _fields.Copy.Run(new Dictionary<string, DeviceTensor> { ["x"] = value }, [], ["y"])["y"];

    private static Dictionary<string, DeviceTensor> Inputs(DeviceTensor velocity, DeviceTensor images, Squarings squarings) =>
        new(squarings.Inputs) { [SearchComposer.Velocity] = velocity, [SearchComposer.Image] = images };
}
