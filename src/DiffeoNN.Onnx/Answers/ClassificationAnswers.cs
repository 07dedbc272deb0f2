using System.Globalization;
using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using TorchSharp;

namespace DiffeoNN.Onnx.Answers;

/// <summary>Scores of the whole image (N, K), the same for the image and the canonical image.</summary>
internal sealed class ClassificationAnswers : NumberAnswers
{
    /// <inheritdoc/>
    public override OutputKind Kind => OutputKind.Classification;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Fields => ["activation", "classes"];

    /// <inheritdoc/>
    public override bool HasClasses => true;

    /// <inheritdoc/>
    protected override string Expected => "a classification (N,K) or (N,K,1,1)";

    /// <inheritdoc/>
    protected override string? CountProblem(long? count, OutputSpec spec) => ClassScores.Problem(count, spec);

    /// <inheritdoc/>
    public override torch.Tensor[] Read(IReadOnlyDictionary<string, torch.Tensor> tensors, OutputSpec spec, OutputGrids grids) =>
        [ClassScores.Activate(Arrange(tensors, spec, grids)[0], spec.Activation)];

    /// <inheritdoc/>
    public override ModelOutput OfNumbers(float[] numbers, OutputSpec spec, int height, int width) =>
        new() { Kind = Kind, Height = height, Width = width, Scores = numbers };

    /// <inheritdoc/>
    public override string? WriteEntropy(OnnxGraph graph, string output, long? channels, OutputSpec spec) =>
        ClassScores.WriteEntropy(graph, output, channels, 1, spec);

    /// <inheritdoc/>
    public override torch.Tensor? Classes(torch.Tensor[] parts, OutputSpec spec) => ClassScores.Classes(parts[0], spec);

    /// <inheritdoc/>
    public override AnswerDifference Differ(ModelOutput first, ModelOutput second) => new(null, first.Class == second.Class ? 0.0 : 1.0);

    /// <inheritdoc/>
    public override float[]? Values(ModelOutput answer) => answer.Scores;

    /// <inheritdoc/>
    public override TruthForm Truth => TruthForm.Label;

    /// <inheritdoc/>
    public override Truth TruthOf(ModelOutput answer) =>
        new() { Label = answer.Class, Reference = AnswerReference.Agreement };

    /// <inheritdoc/>
    public override int ClassesOf(ModelOutput answer) => Math.Max(2, answer.Scores!.Length);

    /// <inheritdoc/>
    public override AnswerScore Score(ModelOutput answer, Truth truth, int classes)
    {
        double right = answer.Class == truth.Label ? 1 : 0, probability = ProbabilityOf(answer.Scores!, truth.Label!.Value);
        return new AnswerScore(
            [new("class", answer.Class!.Value), new("accuracy", right), new("probability", probability)], right, probability,
            answer.NameOf(answer.Class.Value));
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Summarised => ["accuracy"];

    /// <inheritdoc/>
    public override IReadOnlyList<ScoreColumn> Columns => [new("accuracy", "accuracy")];

    /// <inheritdoc/>
    public override string RankTitle => "probability of the true class";

    /// <inheritdoc/>
    public override string AgreementTitle => "probability of the network's own class";

    /// <inheritdoc/>
    public override string Heading(Truth truth, ModelOutput answer, AnswerScore found, AnswerScore alone, AnswerScore undeformed) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{truth.Title} {answer.NameOf(truth.Label!.Value)}, given {found["probability"]:F3} (alone {alone["probability"]:F3})");

    /// <summary>1 where the classes differ.</summary>
    public override double Disagreement(ModelOutput deformed, ModelOutput undeformed, DeformationMap map) =>
        deformed.Class == undeformed.Class ? 0 : 1;

    /// <inheritdoc/>
    public override JsonObject? Record(ModelOutput answer)
    {
        var record = new JsonObject { ["class"] = answer.Class, ["scores"] = Json.Array(answer.Scores!) };
        if (answer.ClassNames is { } names && answer.Class < names.Count) record["className"] = names[answer.Class.Value];
        return record;
    }

    /// <inheritdoc/>
    public override KindTally? Tally() => new ClassesTally();

    /// <inheritdoc/>
    public override IEnumerable<AnswerArray> Arrays(MappedOutput answer)
    {
        var scores = answer.ToOutput().Scores!;
        return [new AnswerArray("scores", [scores.Length], [scores])];
    }

    /// <inheritdoc/>
    public override AnswerSketch Sketch(ModelOutput answer) =>
        new() { Caption = answer.Class is { } label ? answer.NameOf(label) : null };

    /// <summary>The score itself where scores are probabilities, else their softmax; a single score is that of class 1.</summary>
    private static double ProbabilityOf(float[] scores, int label)
    {
        if (scores.Length == 1) return label == 1 ? scores[0] : 1 - scores[0];
        if (scores.All(score => score is >= 0 and <= 1) && Math.Abs(scores.Sum() - 1) < 1e-3) return scores[label];
        double largest = scores.Max();
        return Math.Exp(scores[label] - largest) / scores.Sum(score => Math.Exp(score - largest));
    }

    /// <summary>How many images have each class.</summary>
    private sealed class ClassesTally : KindTally
    {
        private readonly SortedDictionary<int, (string Name, int Images)> _classes = [];
        private int _changed;

        public override string Text => string.Join(", ", _classes.Values.OrderByDescending(one => one.Images)
                .Select(one => $"{one.Name} {one.Images}"))
            + (Asked > 0 ? $"; {_changed} of {Asked} otherwise than by the network alone" : "");

        protected override void Count(ModelOutput answer)
        {
            var label = answer.Class!.Value;
            _classes[label] = (answer.NameOf(label), _classes.GetValueOrDefault(label).Images + 1);
        }

        protected override void Compare(ModelOutput answer, ModelOutput alone) => _changed += answer.Class == alone.Class ? 0 : 1;
    }
}
