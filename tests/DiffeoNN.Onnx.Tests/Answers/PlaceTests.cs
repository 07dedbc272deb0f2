using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Tests.Answers;

/// <summary>Points and boxes as networks export them: a spot that is found on the canonical image comes back to where it is.</summary>
[TestFixture]
internal sealed class PlaceTests
{
    /// <summary>Half of the bar of half a pixel: what resampling the spot and the map cost.</summary>
    private const double Tolerance = 0.25;

    private static readonly string[] Coordinates = ["centred", "pixels", "edges", "unit"];

    [Test]
    public void Points_InAllCoordinates_ComeBackAsTheExactMapSays(
        [ValueSource(nameof(Coordinates))] string coordinates, [Values("xy", "yx")] string order, [Values] bool isFlat)
    {
        using var bundle = new AnswerBundle(graph =>
        {
            // The spot, and a place beside it on the canonical image.
            string[] places = [.. Place(graph, coordinates, order, 0, 0), .. Place(graph, coordinates, order, 5, -3)];
            var points = graph.Concat(places);
            if (isFlat) graph.Output("points", points, OnnxElementType.Float, "N", 4);
            else graph.Output("points", graph.Reshape(points, -1, 2, 2), OnnxElementType.Float, "N", 2, 2);
        }, KnownMap.Output("points", "points", ("coordinates", coordinates), ("order", order)), KnownMap.Turn, KnownMap.Growth);

        var found = KnownMap.Run(bundle).Points!;

        var (column, row) = bundle.Back(KnownMap.Spot.Column, KnownMap.Spot.Row);
        Assert.That(Distance(found[0], KnownMap.Spot), Is.LessThan(Tolerance));
        Assert.That(Distance(found[1], bundle.Map(column + 5, row - 3)), Is.LessThan(Tolerance));
        Assert.That(Distance(KnownMap.Alone(bundle).Points![0], KnownMap.Spot), Is.LessThan(1e-2), "the network alone, exactly");
    }

    [Test]
    public void Boxes_InAllFormats_BecomeTheHullThatTheExactMapSays(
        [ValueSource(nameof(Coordinates))] string coordinates, [Values("xy", "yx")] string order, [Values("xyxy", "cxcywh")] string format)
    {
        const double halfWidth = 6, halfHeight = 3;
        using var bundle = new AnswerBundle(graph =>
        {
            string[] numbers;
            if (format == "xyxy")
            {
                numbers =
                [
                    .. Place(graph, coordinates, order, -halfWidth, -halfHeight),
                    .. Place(graph, coordinates, order, halfWidth, halfHeight),
                ];
            }
            else
            {
                var (width, height) = Size(coordinates, 2 * halfWidth, 2 * halfHeight);
                string[] size = [graph.Constant([1, 1], (float)width), graph.Constant([1, 1], (float)height)];
                numbers = [.. Place(graph, coordinates, order, 0, 0), .. order == "yx" ? size.Reverse() : size];
            }

            graph.Output("boxes", graph.Reshape(graph.Concat(numbers), -1, 1, 4), OnnxElementType.Float, "N", 1, 4);
        }, KnownMap.Output("boxes", "boxes", ("coordinates", coordinates), ("order", order), ("format", format)),
            KnownMap.Turn, KnownMap.Growth);

        var box = KnownMap.Run(bundle).Boxes!.Single();
        var alone = KnownMap.Alone(bundle).Boxes!.Single();

        var (column, row) = bundle.Back(KnownMap.Spot.Column, KnownMap.Spot.Row);
        var exact = new List<(double Column, double Row)>();
        foreach (var x in new[] { -halfWidth, 0, halfWidth })
            foreach (var y in new[] { -halfHeight, 0, halfHeight })
                exact.Add(bundle.Map(column + x, row + y));
        Assert.That(box.Left, Is.EqualTo(exact.Min(place => place.Column)).Within(Tolerance));
        Assert.That(box.Right, Is.EqualTo(exact.Max(place => place.Column)).Within(Tolerance));
        Assert.That(box.Top, Is.EqualTo(exact.Min(place => place.Row)).Within(Tolerance));
        Assert.That(box.Bottom, Is.EqualTo(exact.Max(place => place.Row)).Within(Tolerance));
        Assert.That((box.Score, box.Class), Is.EqualTo(((float?)null, (int?)null)));
        Assert.That(alone.Left, Is.EqualTo(KnownMap.Spot.Column - halfWidth).Within(1e-2));
        Assert.That(alone.Bottom, Is.EqualTo(KnownMap.Spot.Row + halfHeight).Within(1e-2));
    }

    [Test]
    public void Boxes_TakeScoresAndClassesFromTheirTensors()
    {
        float[] logits = [2, 0, -1, 0, 0, 3];
        using var bundle = new AnswerBundle(graph =>
        {
            graph.Output("boxes", graph.Constant([1, 2, 4], 1, 2, 5, 6, 9, 8, 3, 4), OnnxElementType.Float, "N", 2, 4);
            graph.Output("scores", graph.Constant([1, 2, 3], logits), OnnxElementType.Float, "N", 2, 3);
            graph.Output("confidence", graph.Constant([1, 2], 0.25f, 0.75f), OnnxElementType.Float, "N", 2);
            graph.Output("labels", graph.Cast(graph.Constant([1, 2], 2, 1), OnnxElementType.Int64), OnnxElementType.Int64, "N", 2);
        }, new JsonArray(
            KnownMap.Output("boxes", "boxes", ("as", "scored"), ("coordinates", "pixels"), ("scores", "scores"), ("activation", "softmax"),
                ("classes", new JsonArray("a", "b", "c"))),
            KnownMap.Output(
                "boxes", "boxes", ("as", "labelled"), ("coordinates", "pixels"), ("scores", "confidence"), ("labels", "labels"))));

        var scored = KnownMap.Alone(bundle);
        var labelled = scored.Further.Single();

        var softmax = Math.Exp(2) / (Math.Exp(2) + 1 + Math.Exp(-1));
        Assert.That(scored.Boxes![0].Score, Is.EqualTo(softmax).Within(1e-6));
        Assert.That(scored.Boxes.Select(box => scored.NameOf(box.Class!.Value)), Is.EqualTo(new[] { "a", "c" }));
        Assert.That((scored.Boxes[1].Left, scored.Boxes[1].Top, scored.Boxes[1].Right, scored.Boxes[1].Bottom),
            Is.EqualTo((3.0, 4.0, 9.0, 8.0)).Using<(double, double, double, double)>(Near), "corners in any order");
        Assert.That(labelled.Boxes!.Select(box => (box.Score, box.Class)), Is.EqualTo(new[] { ((float?)0.25f, (int?)2), (0.75f, 1) }));
        Assert.That(scored.ToJson()!.ToJsonString(), Does.StartWith("{\"boxes\":[[")
            .And.EndsWith("\"classes\":[0,2],\"classNames\":[\"a\",\"c\"]}"));
    }

    /// <summary>The two coordinates of a place beside the spot, as a network counts them, first one first, (N, 1) each.</summary>
    private static string[] Place(AnswerGraph graph, string coordinates, string order, double right, double down)
    {
        string x = graph.Plus(graph.Column, right), y = graph.Plus(graph.Row, down);
        const double half = (AnswerBundle.Width - 1) / 2.0;
        (x, y) = coordinates switch
        {
            "pixels" => (x, y),
            "edges" => (graph.Plus(x, 0.5), graph.Plus(y, 0.5)),
            "unit" => (graph.Times(graph.Plus(x, 0.5), 1.0 / AnswerBundle.Width),
                graph.Times(graph.Plus(y, 0.5), 1.0 / AnswerBundle.Height)),
            _ => (graph.Times(graph.Plus(x, -half), 1 / half), graph.Times(graph.Plus(y, -(AnswerBundle.Height - 1) / 2.0), 1 / half)),
        };
        return order == "yx" ? [y, x] : [x, y];
    }

    private static (double Width, double Height) Size(string coordinates, double width, double height) => coordinates switch
    {
        "unit" => (width / AnswerBundle.Width, height / AnswerBundle.Height),
        "centred" => (width * 2 / (AnswerBundle.Width - 1), height * 2 / (AnswerBundle.Width - 1)),
        _ => (width, height),
    };

    private static double Distance((double Column, double Row) a, (double Column, double Row) b) =>
        Math.Sqrt(((a.Column - b.Column) * (a.Column - b.Column)) + ((a.Row - b.Row) * (a.Row - b.Row)));

    private static bool Near((double, double, double, double) a, (double, double, double, double) b) =>
        Math.Abs(a.Item1 - b.Item1) + Math.Abs(a.Item2 - b.Item2) + Math.Abs(a.Item3 - b.Item3) + Math.Abs(a.Item4 - b.Item4) < 1e-3;
}
