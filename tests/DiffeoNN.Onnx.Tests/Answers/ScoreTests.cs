using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Evaluation;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Tests.Answers;

/// <summary>Truths of numbers, points and boxes, how they are deformed, and scores against them.</summary>
[TestFixture]
internal sealed class ScoreTests
{
    private static readonly EquivariantOptions Options = new()
    {
        Execution = new ExecutionOptions { Device = ExecutionDevice.Cpu }, Start = StartPoint.Identity, Steps = 0,
    };

    [Test]
    public void PlaceOf_IsWhereTheDeformedImageShowsAPlace()
    {
        var grid = new SamplingGrid(AnswerBundle.Height, AnswerBundle.Width);
        foreach (var index in new[] { 0, 1, 2, 3 })
        {
            var map = new ThinPlateDeformation().Draw(grid, 5, index);
            var deformed = map.Apply(KnownMap.SpotImage());
            // The brightest pixel, refined by its neighbours.
            double sum = 0, columns = 0, rows = 0;
            for (var row = 0; row < grid.Height; row++)
                for (var column = 0; column < grid.Width; column++)
                {
                    var weight = Math.Pow(deformed[0, row, column], 8);
                    (sum, columns, rows) = (sum + weight, columns + (weight * column), rows + (weight * row));
                }

            var place = map.PlaceOf(KnownMap.Spot);
            Assert.That((place.Column, place.Row), Is.EqualTo((columns / sum, rows / sum)).Using<(double, double)>((a, b) =>
                Math.Abs(a.Item1 - b.Item1) < 0.5 && Math.Abs(a.Item2 - b.Item2) < 0.5), $"map {index}");
            Assert.That(Math.Abs(place.Column - KnownMap.Spot.Column) + Math.Abs(place.Row - KnownMap.Spot.Row), Is.GreaterThan(0.5));
        }
    }

    [Test]
    public void AveragePrecision_IsThatOfAPrecisionRecallCurveByHand()
    {
        AnswerBox[] truth = [new(0, 0, 10, 10) { Class = 1 }, new(20, 0, 30, 10) { Class = 1 }, new(0, 20, 10, 30) { Class = 2 }];
        AnswerBox[] found =
        [
            new(0, 0, 10, 9) { Class = 1, Score = 0.9f }, // right
            new(0, 1, 10, 10) { Class = 1, Score = 0.8f }, // a second answer for the same box
            new(20, 1, 30, 10) { Class = 1, Score = 0.7f }, // right
            new(0, 20, 10, 30) { Class = 1, Score = 0.6f }, // of another class
        ];
        // Right are the first and the third of four: precision 1 up to recall 1/3, 2/3 up to 2/3, nothing beyond.
        Assert.That(BoxScore.AveragePrecision(found, truth), Is.EqualTo((1.0 / 3) + (2.0 / 9)).Within(1e-12));
        Assert.That(BoxScore.Iou(found, truth), Is.EqualTo((0.9 + 0.9 + 0) / 3).Within(1e-12));
        Assert.That((BoxScore.AveragePrecision([], truth), BoxScore.Iou([], truth)), Is.EqualTo((0.0, 0.0)));
        Assert.That((BoxScore.AveragePrecision([], []), BoxScore.Iou([], [])), Is.EqualTo((1.0, 1.0)));
        Assert.That((BoxScore.AveragePrecision(found, []), BoxScore.Iou(found, [])), Is.EqualTo((0.0, 0.0)));
        Assert.That(new AnswerBox(0, 0, 2, 2).Iou(new AnswerBox(1, 1, 3, 3)), Is.EqualTo(1 / 7.0).Within(1e-12));
        Assert.That(new AnswerBox(0, 0, 0, 0).Iou(new AnswerBox(0, 0, 0, 0)), Is.Zero);
    }

    /// <summary>Half of the union has to be common.</summary>
    [TestCase(20, 10, 1)]
    [TestCase(20, 9, 0)]
    public void AveragePrecision_CountsBoxesThatMatchByHalf(double truth, double found, double expected) => Assert.That(
        BoxScore.AveragePrecision([new(0, 0, found, 10) { Score = 1 }], [new(0, 0, truth, 10)]), Is.EqualTo(expected));

    [Test]
    public void Evaluation_OfNumbers_TakesTheMeanError()
    {
        using var folder = Folder("name,split,source,numbers\nspot.png,test,x,38.3 24\n");
        using var bundle = new AnswerBundle(
            graph => graph.Output("numbers", graph.Concat(graph.Column, graph.Row), OnnxElementType.Float, "N", 2),
            KnownMap.Output("numbers", "regression"));

        var result = Evaluate(bundle, folder, new NoDeformation());

        var score = result.Samples.Single().Diffeonn;
        Assert.That(score["error"], Is.EqualTo((24 - KnownMap.Spot.Row) / 2).Within(0.05));
        Assert.That((score.Metric, score.Rank), Is.EqualTo((-score["error"], -score["error"])));
        Assert.That(result.Summary.ToJson(), Does.Contain("\"clean\": {\n      \"error\": {\n        \"mean\": 1."));
        Assert.That(SampleTable.ToCsv(result.Samples), Does.StartWith("index,name,cleanError,naiveError,diffeonnError,inputEnergy"));
        Assert.That(result.Summary.Columns.Select(column => column.Heading),
            Is.EqualTo(new[] { "mean absolute error", "std", "median absolute error" }));
    }

    [Test]
    public void Evaluation_OfPointsAndBoxes_DeformsTheTruth([Values("points", "boxes")] string kind)
    {
        var ((column, row), half) = (KnownMap.Spot, 4.0);
        FormattableString points = $"name,column,row\nspot.png,{column},{row}\n";
        FormattableString boxes = $"name,left,top,right,bottom\nspot.png,{column - half},{row - half},{column + half},{row + half}\n";
        using var folder = Folder("name,split,source\nspot.png,test,x\n");
        File.WriteAllText(folder[$"{kind}.csv"], FormattableString.Invariant(kind == "points" ? points : boxes));
        using var bundle = new AnswerBundle(graph =>
        {
            string x = graph.Column, y = graph.Row;
            if (kind == "points") graph.Output("out", graph.Concat(x, y), OnnxElementType.Float, "N", 2);
            else graph.Output("out", graph.Reshape(graph.Concat(graph.Plus(x, -half), graph.Plus(y, -half), graph.Plus(x, half),
                graph.Plus(y, half)), -1, 1, 4), OnnxElementType.Float, "N", 1, 4);
        }, KnownMap.Output("out", kind, ("coordinates", "pixels")));

        // The network finds the spot wherever it is, so it agrees with a truth that was deformed rightly and with no other.
        var score = Evaluate(bundle, folder, new ThinPlateDeformation()).Samples.Single();

        if (kind == "points")
        {
            Assert.That(score.Clean["distance"], Is.LessThan(0.05));
            Assert.That(score.Naive["distance"], Is.LessThan(1));
        }
        else
        {
            Assert.That(score.Clean["iou"], Is.EqualTo(1).Within(0.02));
            Assert.That(score.Clean["precision"], Is.EqualTo(1));
            Assert.That(score.Naive["iou"], Is.EqualTo(HullIou(bundle, half)).Within(1e-3));
        }

        if (kind == "points") Assert.That(score.EquivarianceError, Is.LessThan(1));
        else Assert.That(score.EquivarianceError, Is.EqualTo(1 - HullIou(bundle, half)).Within(0.02));
    }

    [Test]
    public void Truth_ThatIsMissingOrMalformed_IsRefused()
    {
        using var folder = Folder("name,split,source,numbers\nspot.png,test,x,1 b\n");
        EvaluationTask numbers = new(OutputKind.Regression, 2), boxes = new(OutputKind.Boxes, 0), points = new(OutputKind.Points, 2);
        var image = Path.Combine(folder["images"], "spot.png");
        Assert.That(() => EvaluationData.Open(folder.Path, numbers).Read(0), Throws.TypeOf<DataException>().With.Message.EqualTo(
            $"'{image}' has the numbers '1 b' in split.csv; expected 2, separated by blanks."));
        Assert.That(() => EvaluationData.Open(folder.Path, boxes), Throws.TypeOf<DataException>().With.Message.EqualTo(
            $"'{folder["boxes.csv"]}' is missing; answers are compared with its columns name,left,top,right,bottom."));
        File.WriteAllText(folder["boxes.csv"], "name,left,top,right,bottom,class\nspot.png,1,2,0,4,\n");
        Assert.That(() => EvaluationData.Open(folder.Path, boxes).Read(0), Throws.TypeOf<DataException>().With.Message.EqualTo(
            $"'{folder["boxes.csv"]}' has a box of 'spot.png' whose right or bottom is before its left or top."));
        File.WriteAllText(folder["boxes.csv"], "name,left,top,right,bottom,class\nspot.png,1,2,3,4,1\nother.png,1,2,3,4,\n");
        Assert.That(EvaluationData.Open(folder.Path, boxes).Read(0).Boxes, Is.EqualTo(new[] { new AnswerBox(1, 2, 3, 4) { Class = 1 } }));
        File.WriteAllText(folder["points.csv"], "name,column,row\nspot.png,1,x\n");
        Assert.That(() => EvaluationData.Open(folder.Path, points), Throws.TypeOf<DataException>().With.Message.EqualTo(
            $"'{folder["points.csv"]}' line 2 has 'x' in column row; expected a number."));
        File.WriteAllText(folder["points.csv"], "name,column,row\nspot.png,1,2\n");
        Assert.That(() => EvaluationData.Open(folder.Path, points).Read(0), Throws.TypeOf<DataException>().With.Message.EqualTo(
            $"'{folder["points.csv"]}' has 1 points of 'spot.png'; the bundle answers with 2."));
        File.WriteAllText(folder["points.csv"], "name,x,y\n");
        Assert.That(() => EvaluationData.Open(folder.Path, points), Throws.TypeOf<DataException>().With.Message.EqualTo(
            $"'{folder["points.csv"]}' starts with 'name,x,y'; expected the columns name,column,row."));
    }

    private static TemporaryFolder Folder(string split)
    {
        var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["images"]);
        ImageFile.WritePng(Path.Combine(folder["images"], "spot.png"), KnownMap.SpotImage());
        File.WriteAllText(folder["split.csv"], split);
        return folder;
    }

    /// <summary>The IoU of the network's box on the deformed image with the hull of where the edges of the true one went.</summary>
    private static double HullIou(AnswerBundle bundle, double half)
    {
        var map = new ThinPlateDeformation().Draw(new SamplingGrid(AnswerBundle.Height, AnswerBundle.Width), 5, 0);
        double[] sides = [-half, 0, half];
        var places = sides.SelectMany(x => sides.Select(y => map.PlaceOf((KnownMap.Spot.Column + x, KnownMap.Spot.Row + y)))).ToList();
        var truth = new AnswerBox(
            places.Min(place => place.Column), places.Min(place => place.Row), places.Max(place => place.Column),
            places.Max(place => place.Row));
        // What is read back from a PNG is rounded to 8 bits.
        var image = KnownMap.SpotImage();
        foreach (ref var value in image.Data) value = MathF.Round(value * 255) / 255;
        return KnownMap.Alone(bundle, map.Apply(image)).Boxes!.Single().Iou(truth);
    }

    private static EvaluationResult Evaluate(AnswerBundle bundle, TemporaryFolder folder, Deformation deformation)
    {
        using var model = EquivariantModel.Load(bundle.Path, Options);
        var evaluator = new Evaluator(model, new EvaluationOptions { Deformation = deformation, Seed = 5 });
        return evaluator.Run(EvaluationData.Open(folder.Path, evaluator.Task));
    }
}
