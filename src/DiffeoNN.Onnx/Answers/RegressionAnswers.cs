using System.Globalization;
using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Deformations;

namespace DiffeoNN.Onnx.Answers;

/// <summary>Numbers of the whole image (N, K), the same for the image and the canonical image; several maps give their mean.</summary>
internal sealed class RegressionAnswers : NumberAnswers
{
    /// <summary>Numbers that a caption shows.</summary>
    private const int Shown = 3;

    /// <inheritdoc/>
    public override OutputKind Kind => OutputKind.Regression;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Fields => [];

    /// <inheritdoc/>
    protected override string Expected => "a regression (N,K), (N) or (N,K,1,1)";

    /// <inheritdoc/>
    protected override string? CountProblem(long? count, OutputSpec spec) => null;

    /// <inheritdoc/>
    public override ModelOutput OfNumbers(float[] numbers, OutputSpec spec, int height, int width) =>
        new() { Kind = Kind, Height = height, Width = width, Numbers = numbers };

    /// <inheritdoc/>
    public override float[]? Values(ModelOutput answer) => answer.Numbers;

    /// <inheritdoc/>
    public override TruthForm Truth => TruthForm.Numbers;

    /// <inheritdoc/>
    public override Truth TruthOf(ModelOutput answer) =>
        new() { Numbers = [.. answer.Numbers!.Select(number => (double)number)], Reference = AnswerReference.Agreement };

    /// <inheritdoc/>
    public override int ClassesOf(ModelOutput answer) => answer.Numbers!.Length;

    /// <summary>The mean absolute error.</summary>
    public override AnswerScore Score(ModelOutput answer, Truth truth, int classes)
    {
        var error = answer.Numbers!.Zip(truth.Numbers!, (found, wanted) => Math.Abs(found - wanted)).Average();
        return new AnswerScore([new("error", error)], -error, -error, Text(answer.Numbers!));
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Summarised => ["error"];

    /// <inheritdoc/>
    public override IReadOnlyList<ScoreColumn> Columns =>
    [
        new("mean absolute error", "error"), new("std", "error", ScoreStatistic.Std),
        new("median absolute error", "error", ScoreStatistic.Median),
    ];

    /// <inheritdoc/>
    public override string RankTitle => "negative absolute error";

    /// <inheritdoc/>
    public override string Heading(Truth truth, ModelOutput answer, AnswerScore found, AnswerScore alone, AnswerScore undeformed) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{truth.Title} {Text([.. truth.Numbers!.Select(number => (float)number)])}, "
            + $"error {found["error"]:G4} (alone {alone["error"]:G4})");

    /// <summary>The mean absolute difference.</summary>
    public override double Disagreement(ModelOutput deformed, ModelOutput undeformed, DeformationMap map) =>
        deformed.Numbers!.Zip(undeformed.Numbers!, (a, b) => (double)Math.Abs(a - b)).Average();

    /// <inheritdoc/>
    public override JsonObject? Record(ModelOutput answer) => new() { ["numbers"] = Json.Array(answer.Numbers!) };

    /// <inheritdoc/>
    public override KindTally? Tally() => new NumbersTally();

    /// <inheritdoc/>
    public override IEnumerable<AnswerArray> Arrays(MappedOutput answer)
    {
        var numbers = answer.ToOutput().Numbers!;
        return [new AnswerArray("numbers", [numbers.Length], [numbers])];
    }

    /// <inheritdoc/>
    public override AnswerSketch Sketch(ModelOutput answer) => new() { Caption = Text(answer.Numbers!) };

    private static string Text(float[] numbers) =>
        string.Join(", ", numbers.Take(Shown).Select(number => number.ToString("G4", CultureInfo.InvariantCulture)))
        + (numbers.Length > Shown ? ", …" : "");

    /// <summary>Mean and range of each number.</summary>
    private sealed class NumbersTally : KindTally
    {
        private (double Sum, float Least, float Most)[] _numbers = [];
        private double _moved;

        public override string Text => "mean and range "
            + string.Join(", ", _numbers.Take(Shown).Select(one => $"{Number(one.Sum / Images)} [{Number(one.Least)}, {Number(one.Most)}]"))
            + (_numbers.Length > Shown ? $" and {_numbers.Length - Shown} more" : "")
            + (Asked > 0 ? $"; off those of the network alone by {Number(_moved / Asked)} on average" : "");

        protected override void Count(ModelOutput answer)
        {
            if (_numbers.Length == 0)
                _numbers = [.. answer.Numbers!.Select(_ => (0.0, float.PositiveInfinity, float.NegativeInfinity))];
            for (var i = 0; i < _numbers.Length; i++)
            {
                var (number, (sum, least, most)) = (answer.Numbers![i], _numbers[i]);
                _numbers[i] = (sum + number, Math.Min(least, number), Math.Max(most, number));
            }
        }

        protected override void Compare(ModelOutput answer, ModelOutput alone) =>
            _moved += answer.Numbers!.Zip(alone.Numbers!, (a, b) => (double)Math.Abs(a - b)).Average();
    }
}
