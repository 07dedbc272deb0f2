using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Training.Fitting;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Tests;

/// <summary>What an inner network is to answer where maps are known: answers of formulas, carried by formulas.</summary>
public sealed class TargetTests
{
    private const int Height = 32;
    private const int Width = 44;
    private static readonly SamplingGrid Image = new(Height, Width);

    // In units that span [-1, 1] along each axis: the known map is q + u(q) with u = A q + b, the proposed one r + c.
    private static readonly (double X, double Y) A = (0.08, -0.06), B = (0.05, -0.04), C = (-0.07, 0.09);

    /// <summary>Pixels of planes at a quarter of the resolution lie at their centres, not at the image's corners.</summary>
    [TestCase(Height, Width)]
    [TestCase(Height / 4, Width / 4)]
    [TestCase(11, 15)]
    public void Planes_AreWhereBothMapsLead(int height, int width)
    {
        using var scope = torch.NewDisposeScope();
        double Value(double x, double y) => 0.3 + (0.5 * x) - (0.4 * y);
        double X(double column) => (2 * ((((column + 0.5) * Width / width) - 0.5) / (Width - 1))) - 1;
        double Y(double row) => (2 * ((((row + 0.5) * Height / height) - 0.5) / (Height - 1))) - 1;
        float[] values = [.. Each(height, width, (row, column) => Value(X(column), Y(row)))];
        using var target = new PlaneTarget(
            InnerAnswer.Values, 1, [1], new PlaneCentres(height, width, Height, Width), Image);
        var carried = target.Carry(torch.tensor(values).view(1, 1, height, width), Known());
        Assert.That(carried.shape, Is.EqualTo(new long[] { 1, 2, height, width }));

        var builder = new ObjectiveBuilder("target");
        var map = Proposed(builder);
        var planes = builder.Input("planes", "N", 2, height, width);
        builder.Writer.Output("moved",
            map.WarpPlanes(planes, 2, new SamplingGrid(height, width), new PlaneCentres(height, width, Height, Width)));
        var moved = Run(builder, "moved", ("velocity", Velocity()), ("planes", carried)).cpu();
        var found = moved.data<float>().ToArray();
        var inside = 0;
        for (var i = 0; i < height * width; i++)
        {
            if (found[(height * width) + i] < 0.9999f)
                continue;
            inside++;
            var (x, y) = (X(i % width) + C.X, Y(i / width) + C.Y);
            Assert.That(found[i], Is.EqualTo(Value(x + (A.X * x) + B.X, y + (A.Y * y) + B.Y)).Within(2e-3), $"at {i}");
        }

        Assert.That(inside, Is.GreaterThan(0.5 * height * width));
    }

    [Test]
    public void Points_AreWhereBothInverseMapsLead()
    {
        using var scope = torch.NewDisposeScope();
        (double X, double Y)[] points = [(0.1, -0.3), (-0.5, 0.6), (0.7, 0.2), (0.9, -0.95)];
        var target = new PlaceTarget(InnerAnswer.Points, points.Length, Image);
        var carried = target.Carry(Numbers(points).view(1, -1, 2), Known());
        var (builder, difference) = Differing(target, points.Length, 2);
        var expected = points.Select(Back).ToArray();
        double Loss(double byX) => Run(builder, difference, ("velocity", Velocity()), ("answer", carried),
            ("output", Numbers([.. expected.Select(p => (p.X + byX, p.Y))]).view(1, -1, 2))).item<float>();
        // The last one comes to lie outside.
        Assert.That(expected[^1].Y, Is.LessThan(-1));
        Assert.That(Loss(0), Is.LessThan(1e-7));
        Assert.That(Loss(0.1), Is.EqualTo(0.01 * Image.HalfWidth * Image.HalfWidth * 3 / 4).Within(1e-5));
    }

    [Test]
    public void Boxes_AreAroundWhereBothInverseMapsLead()
    {
        using var scope = torch.NewDisposeScope();
        (double X, double Y)[] corners = [(-0.4, -0.5), (0.2, 0.1), (0.3, -0.1), (0.5, 0.4)];
        var expected = corners.Select(Back).ToArray();
        var target = new PlaceTarget(InnerAnswer.Boxes, 2, Image);
        // The second box does not count.
        torch.Tensor Boxes((double X, double Y)[] places) =>
            torch.cat([Numbers(places).view(1, 2, 4), torch.tensor(new[] { 0.7f, 0 }).view(1, 2, 1)], 2);
        var carried = target.Carry(Boxes(corners), Known());
        var (builder, difference) = Differing(target, 2, 5);
        double Loss(int corner, double byX) => Run(builder, difference, ("velocity", Velocity()), ("answer", carried),
            ("output", Boxes([.. expected.Select((p, i) => i == corner ? (p.X + byX, p.Y) : p)]))).item<float>();
        Assert.That(Loss(0, 0), Is.LessThan(1e-7));
        Assert.That(Loss(1, 0.2), Is.EqualTo(0.04 * Image.HalfWidth * Image.HalfWidth / 2).Within(1e-4));
        Assert.That(Loss(2, 0.2), Is.LessThan(1e-7));
    }

    /// <summary>Places go with the map: a network that is equivariant already leaves the proposal nothing to gain.</summary>
    [TestCase(InnerAnswer.Points)]
    [TestCase(InnerAnswer.Boxes)]
    public void GradientOfTheMap_GoesThroughWherePlacesComeToLie(InnerAnswer answer)
    {
        using var scope = torch.NewDisposeScope();
        (double X, double Y)[] places = [(-0.4, -0.5), (0.2, 0.1), (0.3, -0.1), (0.5, 0.4)];
        var (count, numbers) = answer == InnerAnswer.Points ? (4, 2) : (2, 5);
        torch.Tensor Answers((double X, double Y)[] at) => answer == InnerAnswer.Points
            ? Numbers(at).view(1, 4, 2)
            : torch.cat([Numbers(at).view(1, 2, 4), torch.tensor(new[] { 0.7f, 0.4f }).view(1, 2, 1)], 2);
        using var target = new PlaceTarget(answer, count, Image);
        var (builder, difference) = Differing(target, count, numbers);
        // Of corners that lie exactly above each other each could be the outermost: the velocity is no constant.
        using var random = new torch.Generator(4);
        var given = new Dictionary<string, torch.Tensor>
        {
            ["velocity"] = Velocity() + (0.02 * torch.randn([1, 2, 6, 8], generator: random)),
            ["answer"] = target.Carry(Answers(places), Known()),
            ["output"] = Answers([.. places.Select(Back).Select((p, i) => (p.X + (0.03 * (i + 1)), p.Y - 0.05))]),
        };
        var compiled = GradientCompiler.Compile(builder.Writer.Model.Copy(), new GradientOptions
        {
            Inputs = ["velocity"], Outputs = [difference], Seed = GradientSeed.Ones,
        });
        using var graph = TestSetup.Engine.Load(compiled, "gradient");
        var gradient = graph.Run(given.ToDictionary(pair => pair.Key, pair => pair.Value.contiguous()))["velocity_grad"];
        var direction = torch.randn([1, 2, 6, 8], generator: random);
        double At(double part) => Run(builder, difference,
            [.. given.Select(pair => (pair.Key, pair.Key == "velocity" ? pair.Value + (direction * part) : pair.Value))]).item<float>();
        const double Step = 2e-3;
        var expected = (At(Step) - At(-Step)) / (2 * Step);
        Assert.That((gradient * direction).sum().item<float>(), Is.EqualTo(expected).Within(2).Percent);
        Assert.That(Math.Abs(expected), Is.GreaterThan(1e-3));
    }

    [TestCase(InnerAnswer.Logits)]
    [TestCase(InnerAnswer.Probabilities)]
    [TestCase(InnerAnswer.BinaryLogits)]
    [TestCase(InnerAnswer.BinaryProbabilities)]
    [TestCase(InnerAnswer.Values)]
    public void Losses_AreThoseOfTheAnswersMeaning(InnerAnswer answer)
    {
        using var scope = torch.NewDisposeScope();
        using var generator = new torch.Generator(3);
        var scores = torch.randn([2, 3, 4, 5], generator: generator);
        var (inside, other) = (torch.rand([2, 1, 4, 5], generator: generator), torch.randn([2, 3, 4, 5], generator: generator));
        float[] deviations = [2, 0.5f, 0];
        var units = torch.tensor(new[] { 2f, 0.5f, 2e-3f }).view(1, 3, 1, 1);
        var yes = other.sigmoid();
        // Divergences: nothing where both are the same, whatever share lies inside.
        var share = other.softmax(1);
        var divergence = (share * (share.log() - scores.log_softmax(1))).sum(1).mean();
        var (output, target, expected) = answer switch
        {
            InnerAnswer.Logits => (scores, share, divergence),
            InnerAnswer.Probabilities => (scores.softmax(1), share, divergence),
            InnerAnswer.BinaryLogits or InnerAnswer.BinaryProbabilities => (
                answer == InnerAnswer.BinaryLogits ? scores : scores.sigmoid(), yes * inside,
                (inside * ((yes * (yes / scores.sigmoid()).log()) + ((1 - yes) * ((1 - yes) / (1 - scores.sigmoid())).log()))).mean()),
            _ => (scores, other * inside, ((scores - other) * inside / units).square().mean()),
        };
        var builder = new ObjectiveBuilder("losses");
        string Input(string name, long channels) => builder.Input(name, "N", channels, 4, 5);
        var (o, t) = (Input("output", 3), Input("target", 3));
        var isMasked = AnswerLoss.NeedsInside(answer);
        var loss = AnswerLoss.Write(builder, answer, o, t, isMasked ? Input("inside", 1) : null, [1, 3, 1, 1], deviations);
        builder.Writer.Output("loss", loss);
        (string, torch.Tensor)[] given = [("output", output), ("target", target), ("inside", inside)];
        var found = Run(builder, "loss", isMasked ? given : given[..2]).item<float>();
        Assert.That(found, Is.EqualTo(expected.item<float>()).Within(1e-4 * (1 + expected.item<float>())));
    }

    private static (double X, double Y) Back((double X, double Y) p) =>
        (((p.X - B.X) / (1 + A.X)) - C.X, ((p.Y - B.Y) / (1 + A.Y)) - C.Y);

    /// <summary>The known map on a lattice.</summary>
    private static torch.Tensor Known()
    {
        float[] x = [.. Each(17, 23, (_, column) => (A.X * ((column / 11.0) - 1)) + B.X)];
        float[] y = [.. Each(17, 23, (row, _) => (A.Y * ((row / 8.0) - 1)) + B.Y)];
        return torch.tensor((float[])[.. x, .. y]).view(1, 2, 17, 23);
    }

    /// <summary>The proposed map's velocity, in the library's unit.</summary>
    private static torch.Tensor Velocity() => torch.cat(
        [torch.full([1, 1, 6, 8], (float)(C.X * Image.HalfWidth)), torch.full([1, 1, 6, 8], (float)(C.Y * Image.HalfHeight))], 1);

    private static ProposedMap Proposed(ObjectiveBuilder builder) =>
        new(builder.Writer, Image, (6, 8), builder.Input("velocity", "N", 2, 6, 8), 7, SamplingForm.Gathers);

    private static (ObjectiveBuilder Builder, string Difference) Differing(PlaceTarget target, int count, int numbers)
    {
        var builder = new ObjectiveBuilder("target");
        var difference = target.Difference(builder, Proposed(builder), builder.Input("output", "N", count, numbers));
        builder.Writer.Output("difference", difference);
        return (builder, "difference");
    }

    private static torch.Tensor Run(ObjectiveBuilder builder, string output, params (string Name, torch.Tensor Tensor)[] data)
    {
        using var graph = TestSetup.Engine.Load(builder.Writer.Model, "target");
        return graph.Run(data.ToDictionary(d => d.Name, d => d.Tensor.contiguous()))[output];
    }

    private static torch.Tensor Numbers((double X, double Y)[] places) =>
        torch.tensor((float[])[.. places.SelectMany(p => new[] { (float)p.X, (float)p.Y })]);

    private static IEnumerable<float> Each(int height, int width, Func<int, int, double> value) =>
        Enumerable.Range(0, height * width).Select(i => (float)value(i / width, i % width));
}
