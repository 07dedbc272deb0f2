using System.Globalization;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Energies;

/// <summary>Compares a backward graph made elsewhere with finite differences of the energy graph it belongs to.</summary>
/// <remarks>
/// Derivatives along random directions: pixel noise, which no missing pixel escapes; smooth fields, in which a wrong sum shows; and the
/// claimed gradient itself, in which a wrong scale shows. Of several steps the best counts: too long a step suffers from curvature,
/// too short a one from float32, but a wrong gradient is wrong at all of them.
/// </remarks>
public static class BackwardGraphCheck
{
    /// <summary>Largest deviation that passes, relative to the derivatives of the same family of directions.</summary>
    internal const double Tolerance = 0.02;

    private const int Images = 2;
    private const int DirectionsPerFamily = 4;
    private static readonly double[] Steps = [0.03, 0.01, 0.003];

    /// <summary>Refuses a bundle whose own backward graph is wrong; does nothing where it has none.</summary>
    /// <param name="bundle">A bundle whose files and tensors are as the manifest says.</param>
    /// <param name="engine">Runs the graphs; one on the CPU if null.</param>
    /// <exception cref="BundleException">The backward graph is not the gradient of the energy graph.</exception>
    public static void Check(Bundle bundle, IEngine? engine = null)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        if (bundle.Manifest.Models.Energy is not { Gradient: { } gradient } energy) return;
        engine ??= new OnnxRuntimeEngine(new ExecutionOptions { Device = ExecutionDevice.Cpu });
        var place = new ModelPlace(bundle, gradient, BundleValidator.GradientTitle);
        double worst;
        try
        {
            using var forward = engine.Load(bundle.LoadModel(BundleRole.Energy), energy.File);
            using var backward = engine.Load(bundle.LoadBackwardGraph()!, gradient.File);
            worst = WorstDeviation(forward, energy.Output, backward, gradient.Output, bundle.Image);
        }
        catch (GraphException error)
        {
            throw place.Refuse($"cannot be compared with '{energy.File}': {error.Message}", error);
        }

        if (worst <= Tolerance) return;
        throw place.Refuse(
            $"deviates from finite differences of '{energy.File}' by {Percent(worst)} at worst; at most {Percent(Tolerance)} is accepted. "
            + $"'{gradient.Output}' must be the derivative of the mean of '{energy.Output}' over all but the batch by '{energy.Input}'.");
    }

    /// <summary>Worst relative deviation of the backward graph from finite differences; infinite where a value is not finite.</summary>
    /// <param name="forward">Image to energy (N, ...), reduced here by its mean over all but the batch.</param>
    /// <param name="output">Its output.</param>
    /// <param name="backward">Image to the derivative of that mean by the image.</param>
    /// <param name="gradientOutput">Its output.</param>
    /// <param name="image">What the images are like.</param>
    internal static double WorstDeviation(IGraph forward, string output, IGraph backward, string gradientOutput, ImageSpec image)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        using var random = new Generator(0x5EED);
        long[] shape = [Images, image.Channels, image.Height, image.Width];
        var std = tensor(image.Std.ToArray(), float64).view(1, -1, 1, 1);
        var mean = tensor(image.Mean.ToArray(), float64).view(1, -1, 1, 1);

        // Half noise, half smooth: an image of noise alone leaves many a network on one side of its kinks.
        var pixels =
            rand(shape, float64, generator: random).Plus(Unit(Smooth(shape, random)).Between(-2, 2).Plus(2).Times(0.25)).Times(0.5);
        var x = ((pixels - mean) / std).to(float32).contiguous();
        var gradient = Run(backward, x, gradientOutput).to(float64);
        if (!gradient.shape.SequenceEqual(shape)) return double.PositiveInfinity;

        var noise = Enumerable.Range(0, DirectionsPerFamily).Select(_ => randn(shape, float64, generator: random)).ToArray();
        var smooth = Enumerable.Range(0, DirectionsPerFamily).Select(_ => Smooth(shape, random)).ToArray();
        return new[] { noise, smooth, [gradient * std] }.Max(family => WorstOf(family));

        double WorstOf(Tensor[] family)
        {
            var deviations = new double[Images];
            var scales = new double[Images];
            foreach (var pixelDirection in family)
            {
                var direction = Unit(pixelDirection) / std;
                var claimed = (gradient * direction).sum([1L, 2, 3]).data<double>().ToArray();
                var closest = Enumerable.Repeat(double.PositiveInfinity, Images).ToArray();
                var slopes = new double[Images];
                CentralDifference[]? coarser = null;
                foreach (var step in Steps)
                {
                    var differences = CentralDifference.Of(distance => Energies(Moved(x, direction, distance)), step);
                    for (var n = 0; n < Images; n++)
                    {
                        Consider(n, (differences[n].Slope, differences[n].SingleRounding));
                        if (coarser is not null) Consider(n, differences[n].Extrapolated(coarser[n]));
                    }

                    coarser = differences;
                }

                void Consider(int n, (double Slope, double Rounding) found)
                {
                    var deviation = CentralDifference.Beyond(found.Slope, claimed[n], found.Rounding);
                    if (deviation < closest[n]) (closest[n], slopes[n]) = (deviation, found.Slope);
                }

                for (var n = 0; n < Images; n++)
                {
                    deviations[n] = Math.Max(deviations[n], closest[n]);
                    scales[n] = Math.Max(scales[n], Math.Max(Math.Abs(slopes[n]), Math.Abs(claimed[n])));
                }
            }

            return deviations.Zip(scales, (deviation, scale) => deviation == 0 ? 0 : deviation / scale).Max();
        }

        double[] Energies(Tensor at)
        {
            using var inner = NewDisposeScope();
            return Run(forward, at, output).to(float64).reshape(Images, -1).mean([1L]).data<double>().ToArray();
        }
    }

    private static string Percent(double fraction) =>
        double.IsFinite(fraction) ? string.Create(CultureInfo.InvariantCulture, $"{100 * fraction:0.#} %") : "more than can be told";

    /// <summary>The float32 neighbour of images at a distance along a direction; not exactly that far, which a short step would
    /// notice.</summary>
    private static Tensor Moved(Tensor x, Tensor direction, double distance) =>
        x.to(float64).Plus(direction.Times(distance)).to(float32).contiguous();

    private static Tensor Run(IGraph graph, Tensor x, string output) =>
        graph.Run(new Dictionary<string, Tensor> { [graph.Inputs[0].Name] = x }, [output])[output];

    /// <summary>Random fields of a few waves across the image.</summary>
    private static Tensor Smooth(long[] shape, Generator random) => nn.functional.interpolate(
        randn([shape[0], shape[1], 4, 4], float64, generator: random), size: [shape[2], shape[3]],
        mode: InterpolationMode.Bilinear, align_corners: true);

    /// <summary>Each image scaled to a root mean square of 1; zero stays zero.</summary>
    private static Tensor Unit(Tensor direction) =>
        direction / direction.Squared().mean([1L, 2, 3], keepdim: true).sqrt().Between(1e-30, double.MaxValue);
}
