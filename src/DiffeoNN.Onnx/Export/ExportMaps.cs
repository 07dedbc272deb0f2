using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Export;

/// <summary>Writes maps of velocities, each row with as many squarings as its own speed asks for, as <see cref="ScalingAndSquaring"/> has
/// it.</summary>
/// <param name="fields">The graph.</param>
/// <param name="grid">The image's grid.</param>
/// <param name="channels">Channels of the image.</param>
/// <param name="options">Least squarings, padding, certificate.</param>
/// <remarks>Velocities are (N, 2, P) in the library's unit, maps the same in the resampling kernel's.</remarks>
internal sealed class ExportMaps(FieldOperators fields, SamplingGrid grid, int channels, SearchSpec options)
{
    // Beyond, a velocity counts as diverged: 2^21 pixels are more.
    private const int MostSquarings = 21;

    private readonly GraphWriter _writer = fields.Writer;
    private readonly MapMeasures _measures = new(fields, grid);

    private int MostExtra => Math.Max(1, MostSquarings - options.Squarings);

    /// <summary>Velocities, whether each is finite, and its squarings beyond the least number, (N, 1, 1), bool and int64; one that diverged
    /// is held still.</summary>
    public sealed record Paced(string Velocity, string Alive, string Extra);

    /// <summary>Maps with their inverses.</summary>
    public sealed record Maps(string Forward, string Inverse);

    /// <summary>What velocities ask for.</summary>
    public Paced Pace(string velocity)
    {
        var speed = fields.FastestSpeed(velocity);
        var alive = _writer.Op("Less", [speed, _writer.Scalar(1e6)]);
        var held = _writer.Op("Where", [alive, velocity, _writer.Scalar(0)]);
        var steps = _writer.Floats(
            [1, 1, MostExtra], Powers(MostExtra, k => (float)Math.ScaleB(ScalingAndSquaring.LargestStep, options.Squarings + k)));
        // Nothing is at least as large as a number that is none.
        var more = _writer.Whole(_writer.Op("GreaterOrEqual", [speed, steps]));
        return new Paced(held, alive, _writer.Op(
            "Where", [alive, _writer.Reduce("ReduceSum", more, true, 2), _writer.Whole(0)]));
    }

    /// <summary>exp(v).</summary>
    public string Exp(string velocity, string extra)
    {
        var scales = _writer.Floats([MostExtra + 5], Powers(MostExtra + 5, k => (float)Math.ScaleB(1, -options.Squarings - k)));
        var u = _writer.Mul(fields.ToKernelUnits(velocity), _writer.Rows(scales, extra));
        var most = _writer.Reduce("ReduceMax", extra, false, 0, 1, 2);
        var rounds = _writer.Add(most, _writer.Whole(options.Squarings));
        // The squarings of a row are the last ones: rows that need fewer wait at their own, larger, first step.
        return _writer.Loop("squarings", rounds, null, [new(u, OnnxElementType.Float, 3)], (round, values) =>
        {
            var takes = _writer.Op("GreaterOrEqual", [extra, _writer.Sub(most, round)]);
            return (null, [_writer.Op("Where", [takes, fields.Squared(values[0]), values[0]])]);
        })[0];
    }

    /// <summary>exp(v) and exp(-v), in one call.</summary>
    public Maps Both(string velocity, string extra)
    {
        var both = Exp(_writer.Concat(0, velocity, _writer.Op("Neg", [velocity])), _writer.Concat(0, extra, extra));
        var pixels = grid.Height * grid.Width;
        var parts = _writer.Split(_writer.Reshape(both, 2, -1, 2, pixels), 0, 1, 1);
        return new Maps(_writer.Reshape(parts[0], -1, 2, pixels), _writer.Reshape(parts[1], -1, 2, pixels));
    }

    /// <summary>The images that maps lead to, (N, C, H, W).</summary>
    public string Warped(string image, string u) => MapComposer.Warped(fields, image, channels, u, options.Padding);

    /// <summary>Whether maps pass their certificate, (N), as <see cref="Acceptance"/> has it.</summary>
    /// <param name="maps">The maps.</param>
    /// <param name="alive">Whether their velocities are finite.</param>
    public string Certified(Maps maps, string alive)
    {
        string IsPositive(string u) => _writer.Op("Greater", [_measures.Least(_measures.Corners(u)), _writer.Scalar(0)]);
        var unfolded = _writer.And(IsPositive(maps.Forward), IsPositive(maps.Inverse));
        var residual = _measures.Largest(_measures.Residuals(maps.Forward, maps.Inverse).Residuals);
        var isExact = _writer.Op("LessOrEqual", [residual, _writer.Scalar(ExportNumbers.Below(options.InverseResidual))]);
        return _writer.And(_writer.And(unfolded, isExact), _writer.Reshape(alive, -1));
    }

    /// <summary>Maps that fail their certificate built again with more squarings and a smaller velocity, as <see cref="CertifiedMaps"/>
    /// does; mostly none does, and nothing is computed.</summary>
    /// <param name="images">(R, C, H, W).</param>
    /// <param name="paced">Velocities of one or several maps of these images, (M * R, 2, P), map by map.</param>
    /// <param name="maps">Their maps.</param>
    /// <param name="canonical">Where they lead.</param>
    /// <returns>The maps, where they lead, and which pass.</returns>
    public (Maps Maps, string Canonical, string Certified) Repaired(string images, Paced paced, Maps maps, string canonical)
    {
        var certified = Certified(maps, paced.Alive);
        var alive = _writer.Reshape(paced.Alive, -1);
        string Failing(string passed) => _writer.And(alive, _writer.Not(passed));
        var tries = CertifiedMaps.Repairs;
        var more = _writer.Constant(OnnxTensor.Int64s(_writer.Fresh("constant"), [.. tries.Select(one => (long)one.Squarings)]));
        var scales = _writer.Floats([tries.Count], [.. tries.Select(one => (float)one.Scale)]);
        var rows = _writer.Count(images);
        var repaired = _writer.Loop(
            "repairs", _writer.Whole(tries.Count), _writer.Any(Failing(certified)),
            [
                new(certified, OnnxElementType.Bool, 1), new(maps.Forward, OnnxElementType.Float, 3),
                new(maps.Inverse, OnnxElementType.Float, 3), new(canonical, OnnxElementType.Float, 4),
            ],
            (round, values) =>
            {
                var failing = _writer.Where(Failing(values[0]));
                var velocity = _writer.Mul(_writer.Rows(paced.Velocity, failing), _writer.Rows(scales, round));
                var extra = _writer.Add(_writer.Rows(paced.Extra, failing), _writer.Rows(more, round));
                var tried = Both(velocity, extra);
                var warped = Warped(_writer.Rows(images, _writer.Op("Mod", [failing, rows])), tried.Forward);
                var sound = Certified(tried, _writer.Rows(paced.Alive, failing));
                string Taken(string old, string found, params long[] shape) => _writer.Put(
                    old, failing, _writer.Op("Where", [_writer.Reshape(sound, shape), found, _writer.Rows(old, failing)]));
                var passed = _writer.Put(values[0], failing, sound);
                return (_writer.Any(Failing(passed)),
                [
                    passed, Taken(values[1], tried.Forward, -1, 1, 1), Taken(values[2], tried.Inverse, -1, 1, 1),
                    Taken(values[3], warped, -1, 1, 1, 1),
                ]);
            });
        return (new Maps(repaired[1], repaired[2]), repaired[3], repaired[0]);
    }

    private static float[] Powers(int count, Func<int, float> power) => [.. Enumerable.Range(0, count).Select(power)];
}
