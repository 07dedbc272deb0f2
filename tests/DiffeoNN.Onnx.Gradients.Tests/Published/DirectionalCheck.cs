namespace DiffeoNN.Onnx.Gradients.Tests.Published;

/// <summary>Compares the gradient of a whole model with finite differences along random directions.</summary>
internal static class DirectionalCheck
{
    /// <summary>Moves floats a little off the kinks and ties that published data sits on.</summary>
    public static OnnxTensor Perturbed(OnnxTensor tensor, Random random, double amount)
    {
        var values = tensor.ToDoubleArray();
        for (var i = 0; i < values.Length; i++)
            values[i] += amount * ((2 * random.NextDouble()) - 1);
        return OnnxTensor.FromDoubles(tensor.Name, tensor.ElementType, tensor.Dimensions, values);
    }

    /// <summary>Largest disagreement over some random directions.</summary>
    /// <param name="forward">Runs the model.</param>
    /// <param name="inputs">All inputs.</param>
    /// <param name="upstream">Gradients with respect to the outputs.</param>
    /// <param name="gradients">Emitted gradients by input.</param>
    /// <param name="steps">Steps of the finite differences; the best one counts,
    /// since kinks ask for small and rounding for large ones.</param>
    /// <param name="random">Draws directions.</param>
    /// <param name="along">Whether directions lie partly along the gradient, so that rounding does not hide the derivative.</param>
    /// <returns>By the size of the directional derivative that is typical.</returns>
    public static double Error(
        Runner forward, IReadOnlyDictionary<string, OnnxTensor> inputs, IReadOnlyDictionary<string, OnnxTensor> upstream,
        IReadOnlyDictionary<string, OnnxTensor> gradients, double[] steps, Random random, bool along)
    {
        var worst = 0.0;
        var outputs = upstream.Keys.ToList();
        foreach (var (name, gradient) in gradients.Where(g => g.Value.Count > 0))
        {
            var g = gradient.ToDoubleArray();
            var x = inputs[name].ToDoubleArray();
            var size = Math.Sqrt(g.Where((_, i) => double.IsFinite(x[i])).Select(v => v * v).DefaultIfEmpty(0).Average()) + 1e-12;
            for (var k = 0; k < 2; k++)
            {
                // Infinite and undefined elements stay as they are.
                var d = g.Select((v, i) => double.IsFinite(x[i]) ? (along ? v / size : 0) + (random.Next(2) == 0 ? -1.0 : 1.0) : 0)
                    .ToArray();
                var derivative = g.Zip(d, (a, b) => b == 0 ? 0 : a * b).Sum();
                double At(double offset) => GradientCheck.Dot(forward.Run(new Dictionary<string, OnnxTensor>(inputs)
                {
                    [name] = OnnxTensor.FromDoubles(name, inputs[name].ElementType, inputs[name].Dimensions,
                        [.. x.Select((v, i) => d[i] == 0 ? v : v + (offset * d[i]))]),
                }, outputs), upstream);
                var error = steps.Min(step => Math.Abs(derivative - ((At(step) - At(-step)) / (2 * step)))) / Math.Max(
                    Math.Max(Math.Abs(derivative), size * Math.Sqrt(g.Length)), 1e-6);
                worst = double.IsNaN(error) ? double.PositiveInfinity : Math.Max(worst, error);
            }
        }

        return worst;
    }
}
