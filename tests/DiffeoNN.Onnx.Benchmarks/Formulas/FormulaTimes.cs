using System.Diagnostics;
using System.Globalization;
using DiffeoNN.Onnx.Execution;
using TorchSharp;

namespace DiffeoNN.Onnx.Benchmarks.Formulas;

/// <summary>Median time of one way to compute a gradient.</summary>
/// <param name="Name">What is differentiated.</param>
/// <param name="Way">The way.</param>
/// <param name="Milliseconds">Median of its runs.</param>
/// <param name="Ratio">To the way that the compiler takes.</param>
internal sealed record FormulaTimes(string Name, string Way, double Milliseconds, double Ratio)
{
    /// <summary>Runs all ways of a formula alternately on the same random inputs.</summary>
    /// <exception cref="InvalidOperationException">Two ways give different results.</exception>
    public static IReadOnlyList<FormulaTimes> Of(OnnxRuntimeEngine engine, Formula formula, int repeats)
    {
        (string Name, Gradients.OnnxModel Model)[] ways = [(formula.Chosen, formula.Model), .. formula.Others];
        var graphs = ways.Select(w => engine.Load(w.Model, w.Name)).ToList();
        using var scope = torch.NewDisposeScope();
        torch.manual_seed(3);
        var inputs = graphs[0].Inputs.ToDictionary(i => i.Name, i => torch.randn([.. i.Dimensions.Select(d => d!.Value)]));
        var times = ways.Select(_ => new List<double>()).ToArray();
        var first = graphs[0].Run(inputs)["result"];
        for (var i = -3; i < repeats; i++)
        {
            for (var w = 0; w < graphs.Count; w++)
            {
                var start = Stopwatch.GetTimestamp();
                using var result = graphs[w].Run(inputs)["result"];
                if (i >= 0)
                    times[w].Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                else if (!torch.allclose(first, result, 1e-4, 1e-4))
                    throw new InvalidOperationException($"{formula.Name}: '{ways[w].Name}' differs from '{formula.Chosen}'.");
            }
        }

        graphs.ForEach(g => g.Dispose());
        var medians = times.Select(t => t.Order().ElementAt(t.Count / 2)).ToArray();
        return [.. ways.Select((w, i) => new FormulaTimes(formula.Name, w.Name, medians[i], medians[i] / medians[0]))];
    }

    public static void PrintHeader() => Console.WriteLine($"{"gradient of",-44}{"way",-40}{"ms",8}{"ratio",8}");

    public void Print() =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Name,-44}{Way,-40}{Milliseconds,8:f3}{Ratio,8:f2}"));
}
