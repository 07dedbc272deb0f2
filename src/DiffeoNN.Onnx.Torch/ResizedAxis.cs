using DiffeoNN.Onnx.Execution;

namespace DiffeoNN.Onnx.Torch;

/// <summary>How Resize treats one axis.</summary>
/// <param name="Axis">The axis.</param>
/// <param name="Input">Its size before.</param>
/// <param name="Output">Its size after.</param>
/// <param name="Scale">Output size by input size, as given or derived.</param>
/// <param name="RoiStart">Start of the region of interest, by the input's size.</param>
/// <param name="RoiEnd">End of the region of interest.</param>
internal sealed record ResizedAxis(int Axis, int Input, int Output, float Scale, float RoiStart, float RoiEnd)
{
    private const string Crop = "tf_crop_and_resize";

    /// <summary>Whether the axis stays as it is.</summary>
    public bool IsUntouched(TorchNode n) => Scale == 1 && Input == Output && Transformation(n) != Crop;

    /// <summary>The axes of a node, with their sizes and scales.</summary>
    /// <exception cref="GraphException">Scales, sizes or the region do not fit the axes.</exception>
    public static ResizedAxis[] Read(TorchNode n)
    {
        int[] axes = [.. (n.Ints("axes") ?? [.. Enumerable.Range(0, (int)n.X.dim()).Select(axis => (long)axis)])
            .Select(axis => n.Axis(axis, n.X.dim()))];
        var region = Transformation(n) == Crop ? n.Numbers(1) : null;
        var sizes = n.Has(3) && n.Input(3).NumberOfElements > 0 ? n.Integers(3) : null;
        var given = sizes is null ? n.Numbers(2) : null;
        if ((sizes?.Length ?? given!.Length) != axes.Length || region?.Length is { } length && length != 2 * axes.Length)
            throw n.Refuse($"has sizes, scales or a region of interest that do not fit its {axes.Length} axes");
        float[] scales = given is not null
            ? [.. given.Select(scale => (float)scale)]
            : [.. sizes!.Select((size, i) => (float)size / n.X.shape[axes[i]])];
        if (sizes is not null && n.Text("keep_aspect_ratio_policy", "stretch") is var policy and not "stretch")
        {
            var common = policy == "not_larger" ? scales.Min() : scales.Max();
            scales = [.. axes.Select(_ => common)];
            sizes = [.. axes.Select(axis => (long)MathF.Floor((common * n.X.shape[axis]) + 0.5f))];
        }

        return [.. axes.Select(
            (axis, i) => new ResizedAxis(axis, (int)n.X.shape[axis], (int)(sizes?[i] ?? (long)MathF.Floor(n.X.shape[axis] * scales[i])),
                scales[i], (float)(region?[i] ?? 0), (float)(region?[i + axes.Length] ?? 1)))];
    }

    /// <summary>Which elements of the input every element of the output reads, and the parts they have in it.</summary>
    /// <returns>Lists by output element; a place may occur twice. None where the output lies outside the input and gets the extrapolation
    /// value.</returns>
    public (int Place, double Weight)[][] Taps(TorchNode n)
    {
        var (mode, transformation) = (n.Text("mode", "nearest"), Transformation(n));
        var result = new (int, double)[Output][];
        for (var o = 0; o < Output; o++)
        {
            var x = Source(o, transformation);
            result[o] = transformation == Crop && (x < 0 || x > Input - 1) ? []
                : mode == "nearest" ? [(Math.Clamp(Nearest(x, n.Text("nearest_mode", "round_prefer_floor")), 0, Input - 1), 1)]
                : n.Int("antialias", 0) != 0 ? Filtered(n, x, mode)
                : mode == "linear" ? Linear(x)
                : Cubic(n, x);
        }

        return result;
    }

    private static string Transformation(TorchNode n) => n.Text("coordinate_transformation_mode", "half_pixel");

    /// <summary>Where an element of the output lies in the input; in float32 as ONNX Runtime has it,
    /// since rounding to the nearest element depends on it.</summary>
    private float Source(int o, string transformation) => transformation switch
    {
        "asymmetric" => o / Scale,
        "align_corners" => Output == 1 ? 0 : o * (float)(Input - 1) / (Output - 1),
        "pytorch_half_pixel" => Output > 1 ? ((o + 0.5f) / Scale) - 0.5f : 0,
        "tf_half_pixel_for_nn" => (o + 0.5f) / Scale,
        "half_pixel_symmetric" => (Input / 2f * (1 - (Output / (Scale * Input)))) + ((o + 0.5f) / Scale) - 0.5f,
        Crop => Output > 1
            ? (RoiStart * (Input - 1)) + (o * (RoiEnd - RoiStart) * (Input - 1) / (Output - 1))
            : 0.5f * (RoiStart + RoiEnd) * (Input - 1),
        _ => ((o + 0.5f) / Scale) - 0.5f,
    };

    private static int Nearest(float x, string mode) => (int)(mode switch
    {
        "round_prefer_ceil" => MathF.Floor(x + 0.5f),
        "floor" => MathF.Floor(x),
        "ceil" => MathF.Ceiling(x),
        _ => MathF.Ceiling(x - 0.5f),
    });

    private (int Place, double Weight)[] Linear(float x)
    {
        x = Math.Clamp(x, 0, Input - 1);
        var low = (int)MathF.Floor(x);
        double part = x - low;
        return part == 0 ? [(low, 1)] : [(low, 1 - part), (low + 1, part)];
    }

    private (int Place, double Weight)[] Cubic(TorchNode n, float x)
    {
        var low = (int)MathF.Floor(x);
        var a = n.Float("cubic_coeff_a", -0.75f);
        return Weighted(n, [.. Enumerable.Range(low - 1, 4).Select(place => (place, CubicFilter(x - place, a)))], sumsToOne: true);
    }

    /// <summary>When shrinking, the filter widens with the step, so that every element counts.</summary>
    private (int Place, double Weight)[] Filtered(TorchNode n, float x, string mode)
    {
        var stretch = Math.Max(1, 1 / (double)Scale);
        var support = (mode == "linear" ? 1 : 2) * stretch;
        var a = n.Float("cubic_coeff_a", -0.75f);
        var first = (int)Math.Floor(x + 1 - support);
        var count = (int)Math.Floor(x + 1 + support) - first;
        return Weighted(n, [.. Enumerable.Range(first, count).Select(place => (place, (place - x) / stretch))
            .Select(tap => (tap.place, mode == "linear" ? Math.Max(0, 1 - Math.Abs(tap.Item2)) : CubicFilter(tap.Item2, a)))],
            sumsToOne: false);
    }

    /// <summary>What lies outside is left out, or counts as the element at the edge.</summary>
    private (int Place, double Weight)[] Weighted(TorchNode n, (int Place, double Weight)[] taps, bool sumsToOne)
    {
        var excludes = n.Int("exclude_outside", 0) != 0;
        var kept = excludes ? [.. taps.Where(tap => tap.Place >= 0 && tap.Place < Input)] : taps;
        var sum = sumsToOne && !excludes ? 1 : kept.Sum(tap => tap.Weight);
        return [.. kept.Where(tap => tap.Weight != 0).Select(tap => (Math.Clamp(tap.Place, 0, Input - 1), tap.Weight / sum))];
    }

    private static double CubicFilter(double x, double a)
    {
        x = Math.Abs(x);
        return x <= 1 ? ((((a + 2) * x) - (a + 3)) * x * x) + 1 : x < 2 ? (((((a * x) - (5 * a)) * x) + (8 * a)) * x) - (4 * a) : 0;
    }
}
