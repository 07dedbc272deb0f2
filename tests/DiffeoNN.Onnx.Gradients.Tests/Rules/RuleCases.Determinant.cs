using static DiffeoNN.Onnx.Gradients.Tests.Rules.Operand;

namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <content>Determinants.</content>
internal static partial class RuleCases
{
    private static IEnumerable<RuleCase> Determinants()
    {
        foreach (var size in new[] { 1, 2, 3, 4, 8 })
            yield return new("Det", [11, 22], [Any(size, size)]);
        yield return new("Det", [11], [Any(3, 2, 2)]);
        yield return new("Det", [22], [Any(2, 1, 3, 3)]);
        yield return new("Det", [22], [Any(9, 9)]);
        yield return new("Det", [11, 22], [Any(2, 12, 12)]);
        // Rank n - 1 has cofactors still; from rank n - 2 on they are zero, and so are the differences.
        foreach (var size in new[] { 2, 3, 5, 8, 9, 10 })
        {
            foreach (var missing in new[] { 1, 2 })
                yield return new("Det", [22], [Singular(size, missing)]);
        }

        yield return new("Det", [22], [Values([2, 2, 2], 0, 0, 0, 0, 0, 1, 0, 0)]);
        yield return new("Det", [22], [Values([3, 3], 0, 2, 0, 0, 0, -1, 3, 0, 0)]);
        // Of all sizes of numbers.
        yield return new("Det", [22],
            [Values([9, 9], [.. Enumerable.Range(0, 81).Select(i => Math.Pow(10, (i % 9) - 4) * (i % 10 == 0 ? 2 : Math.Sin(i)))])]);
    }

    /// <summary>A square matrix whose last rows are combinations of the first ones, exactly so in every type.</summary>
    private static Operand Singular(int size, int missing) => new([size, size], random =>
    {
        var rank = Math.Max(0, size - missing);
        var rows = Enumerable.Range(0, rank)
            .Select(_ => Enumerable.Range(0, size).Select(_ => random.Next(-8, 9) / 8.0).ToArray()).ToList();
        for (var i = rank; i < size; i++)
            rows.Add([.. Enumerable.Range(0, size).Select(
                c => rank == 0 ? 0 : rows[i % rank][c] - (rank > 1 ? 0.5 * rows[(i + 1) % rank][c] : 0))]);
        return [.. rows.SelectMany(r => r)];
    }, null, true);
}
