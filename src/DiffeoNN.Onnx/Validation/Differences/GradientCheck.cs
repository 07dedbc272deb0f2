using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Validation.Sources;
using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Validation.Differences;

/// <summary>Compares an emitted gradient with finite differences of the model it belongs to, both run by ONNX Runtime on the CPU.</summary>
/// <remarks>
/// The differences are taken on a copy of the model in float64 where ONNX Runtime has the kernels. Of every input some elements are
/// moved one by one (a quarter of them those with the largest derivatives), and all together along random directions, so that no
/// element escapes.
/// </remarks>
public static class GradientCheck
{
    /// <summary>Compares.</summary>
    /// <param name="model">The original model.</param>
    /// <param name="gradient">What <see cref="GradientCompiler.Compile"/> made of it, best read back from its file.</param>
    /// <param name="options">What it was compiled with, values and shapes; defaults if null.</param>
    /// <param name="cancellationToken">Stops between two runs.</param>
    /// <returns>The comparison of each input; it does not throw for a wrong gradient.</returns>
    /// <exception cref="GraphException">A model does not load or run on these inputs, its outputs are not finite,
    /// or a shape does not fit.</exception>
    /// <exception cref="TensorDataException">A value that is given does not fit its input.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static GradientCheckResult Run(
        OnnxModel model, OnnxModel gradient, GradientCheckOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(gradient);
        options ??= new GradientCheckOptions();
        var suffix = options.Gradient.Suffix;
        var inputs = Differentiated(model, gradient, suffix);
        var seeded = model.Graph.Outputs.Select(output => output.Name)
            .Where(name => GradientCompiler.UpstreamOf(gradient, name, suffix) is not null).Distinct().ToList();
        var outputs = seeded.Count > 0 ? seeded
            : options.Gradient.Outputs
                ?? [.. model.Graph.Outputs.Where(output => output.ElementType.IsFloat()).Select(output => output.Name)];
        if (inputs.Count == 0 || outputs.Count == 0)
            throw new GraphException($"The second model has no output NAME{suffix} for an input of the first; expected its gradient.");

        var random = new Random(options.Seed);
        var drawn = new CheckInputs(options, random);
        var values = drawn.Draw(model);
        foreach (var name in inputs.Where(model.Graph.Initializers.ContainsKey)) values.TryAdd(name, model.Graph.Initializers[name]);
        using var emitted = new TensorGraph(gradient, "gradient", GraphOptimizationLevel.ORT_ENABLE_ALL, options.Threads);
        cancellationToken.ThrowIfCancellationRequested();
        using var forward = OpenForward(model, inputs, values, outputs, drawn.Assumptions, options.Threads, out var precision);

        // Shapes and types of the outputs are known after a run.
        foreach (var (name, value) in values) emitted.Set(name, value);
        var found = forward.Run(outputs);
        foreach (var name in outputs.Where(name => found[name].ToDoubleArray().Any(value => !double.IsFinite(value))))
            throw new GraphException(
                $"Output '{name}' is not finite for these inputs, so it has no derivative there; give values inside the model's domain.");
        var upstream = outputs.ToDictionary(name => name, name => Upstream(name));
        foreach (var (name, tensor) in upstream) emitted.Set(GradientCompiler.UpstreamOf(gradient, name, suffix) ?? name + suffix, tensor);
        var results = emitted.Run([.. outputs, .. inputs.Select(name => name + suffix)]);

        var differences = new FiniteDifferences(
            forward, precision, upstream.ToDictionary(pair => pair.Key, pair => pair.Value.ToDoubleArray()));
        found = differences.Start();
        var tolerance = options.Tolerance ?? Tolerance(inputs.Select(name => results[name + suffix].ElementType), precision);
        var compared = inputs.Select(name => Compare(
            FloatPrecision.Convert(values[name], precision), results[name + suffix].ToDoubleArray(), differences, tolerance, options,
            random, cancellationToken)).ToList();
        var error = outputs.Max(name => OutputError(results[name], found[name]));
        return new GradientCheckResult(compared, error, precision, tolerance, drawn.Assumptions) { Values = values, Upstream = upstream };

        OnnxTensor Upstream(string name)
        {
            var type = gradient.Graph.Output(name).ElementType is var declared && declared.IsFloat() ? declared : OnnxElementType.Float;
            var shape = found[name].Dimensions;
            if (seeded.Count == 0) return OnnxTensor.FromDoubles(name, type, shape, [.. Enumerable.Repeat(1.0, (int)found[name].Count)]);
            var input = GradientCompiler.UpstreamOf(gradient, name, suffix)!;
            if (!options.Data.TryGetValue(input, out var given) && !options.Data.TryGetValue(name + suffix, out given))
                return drawn.Normal(name, type, shape);
            return given.Dimensions.SequenceEqual(shape) && given.ElementType == type ? given : throw new TensorDataException(
                $"'{input}' is given as {given.ElementType.ToString().ToLowerInvariant()} [{string.Join(",", given.Dimensions)}]; "
                + $"output '{name}' is {type.ToString().ToLowerInvariant()} [{string.Join(",", shape)}].");
        }
    }

    /// <summary>Inputs and weights of the model that the other model has a gradient for.</summary>
    private static List<string> Differentiated(OnnxModel model, OnnxModel gradient, string suffix) =>
        [.. gradient.Graph.Outputs.Select(output => output.Name)
            .Where(name => name.EndsWith(suffix, StringComparison.Ordinal) && !model.Graph.Outputs.Exists(output => output.Name == name))
            .Select(name => name[..^suffix.Length])
            .Where(name => model.Graph.Initializers.ContainsKey(name) || model.Graph.Inputs.Exists(input => input.Name == name))];

    /// <summary>The model in float64, else in float32; newer versions of an operator often have the kernel that an older one
    /// lacks.</summary>
    private static TensorGraph OpenForward(
        OnnxModel model, List<string> inputs, Dictionary<string, OnnxTensor> values, IReadOnlyList<string> outputs,
        List<string> assumptions, int threads, out OnnxElementType precision)
    {
        foreach (var opset in new[] { model.Opset, 18 }.Where(opset => opset >= model.Opset).Distinct())
        {
            try
            {
                precision = OnnxElementType.Double;
                return Open(OpsetConverter.Convert(model, opset), precision);
            }
            catch (Exception e) when (e is GraphException or GradientException)
            {
                // Some kernel is missing in float64.
            }
        }

        precision = OnnxElementType.Float;
        try
        {
            return Open(model, precision);
        }
        catch (GraphException e) when (assumptions.Count > 0)
        {
            throw new GraphException(
                $"{e.Message} Assumed: {string.Join(", ", assumptions)}; give the model shapes or values that suit it.", e);
        }

        TensorGraph Open(OnnxModel source, OnnxElementType type)
        {
            var copy = FloatPrecision.Convert(source, type);
            copy.IrVersion = Math.Max(copy.IrVersion, 4); // from which on weights can be overridden
            foreach (var name in inputs.Where(name => !copy.Graph.Inputs.Exists(input => input.Name == name)))
                copy.Graph.Inputs.Add(new OnnxValueInfo(name, type, [.. values[name].Dimensions.Select(OnnxDimension.Of)]));
            var graph = new TensorGraph(copy, "model", GraphOptimizationLevel.ORT_DISABLE_ALL, threads);
            try
            {
                foreach (var (name, value) in values) graph.Set(name, FloatPrecision.Convert(value, type));
                graph.Run(outputs);
                return graph;
            }
            catch
            {
                graph.Dispose();
                throw;
            }
        }
    }

    private static GradientCheckInput Compare(
        OnnxTensor input, double[] gradient, FiniteDifferences differences, double tolerance, GradientCheckOptions options, Random random,
        CancellationToken cancellationToken)
    {
        var x = input.ToDoubleArray();
        if (x.Length != gradient.Length)
            throw new GraphException($"The gradient of '{input.Name}' has {gradient.Length} elements; the input has {x.Length}.");
        var largest = gradient.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Max();
        var (elements, unsteady, wrong) = (Sample(gradient, options.Samples, random), 0, false);
        var worst = (Error: -1.0, Element: (GradientCheckElement?)null);
        foreach (var i in elements)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var (value, isRight, allowed) = differences.Compare(input, step => Moved(x, step, i), gradient[i], ref largest, tolerance);
            wrong |= isRight == false;
            if (isRight is null) unsteady++;
            else if (Error(gradient[i], value) is var error && error > worst.Error)
                worst = (error, new GradientCheckElement(Index(i, input.Dimensions), gradient[i], value) { Allowed = allowed });
        }

        var length = Math.Sqrt(gradient.Where(double.IsFinite).Sum(value => value * value));
        var (unsteadyDirections, directional) = (0, 0.0);
        var directions = x.Length > 1 ? options.Directions : 0;
        for (var k = 0; k < directions; k++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var direction = Direction(gradient, length, partlyAlong: k % 2 == 1, random);
            var claimed = gradient.Zip(direction, (a, b) => a * b).Sum();
            var scale = Math.Max(length, double.IsFinite(claimed) ? Math.Abs(claimed) : 0);
            var (value, isRight, _) = differences.Compare(input, step => [.. x.Zip(direction, (a, b) => a + (step * b))], claimed,
                ref scale, tolerance);
            wrong |= isRight == false;
            if (isRight is null) unsteadyDirections++;
            else directional = Math.Max(directional, Relative(Error(claimed, value), scale));
        }

        return new GradientCheckInput
        {
            Name = input.Name,
            Shape = input.Dimensions,
            Elements = elements.Count,
            UnsteadyElements = unsteady,
            Directions = directions,
            UnsteadyDirections = unsteadyDirections,
            LargestAbsoluteError = Math.Max(0, worst.Error),
            LargestRelativeError = Relative(Math.Max(0, worst.Error), largest),
            LargestDirectionalError = directional,
            Worst = worst.Element,
            IsWrong = wrong,
        };
    }

    private static double Error(double claimed, double value) =>
        double.IsFinite(claimed) ? Math.Abs(claimed - value) : double.PositiveInfinity;

    private static double Relative(double error, double scale) => error == 0 ? 0 : error / scale;

    /// <summary>All elements, or those that are not finite and the largest, filled up at random.</summary>
    private static List<int> Sample(double[] gradient, int count, Random random)
    {
        if (gradient.Length <= count) return [.. Enumerable.Range(0, gradient.Length)];
        var chosen = Enumerable.Range(0, gradient.Length).OrderByDescending(
            i => double.IsFinite(gradient[i]) ? Math.Abs(gradient[i]) : double.PositiveInfinity)
            .Take((count + 3) / 4).ToHashSet();
        while (chosen.Count < count) chosen.Add(random.Next(gradient.Length));
        return [.. chosen];
    }

    /// <summary>A sign for each element; partly along the gradient, so that rounding does not hide the derivative.</summary>
    private static double[] Direction(double[] gradient, double length, bool partlyAlong, Random random)
    {
        var typical = length / Math.Sqrt(gradient.Length);
        return Array.ConvertAll(gradient,
            value => (random.Next(2) == 0 ? -1.0 : 1.0) + (partlyAlong && typical > 0 && double.IsFinite(value) ? value / typical : 0));
    }

    private static double[] Moved(double[] x, double step, int index)
    {
        var moved = (double[])x.Clone();
        moved[index] += step;
        return moved;
    }

    private static long[] Index(long flat, IReadOnlyList<long> shape)
    {
        var index = new long[shape.Count];
        for (var axis = shape.Count - 1; axis >= 0; axis--) (flat, index[axis]) = Math.DivRem(flat, shape[axis]);
        return index;
    }

    private static double OutputError(OnnxTensor a, OnnxTensor b)
    {
        if (!a.Dimensions.SequenceEqual(b.Dimensions)) return double.PositiveInfinity;
        var (x, y) = (a.ToDoubleArray(), b.ToDoubleArray());
        return Relative(x.Zip(y, Error).DefaultIfEmpty(0).Max(), Math.Max(y.Select(Math.Abs).DefaultIfEmpty(0).Max(), 1e-30));
    }

    private static double Tolerance(IEnumerable<OnnxElementType> emitted, OnnxElementType precision) =>
        emitted.Any(type => type is OnnxElementType.Float16 or OnnxElementType.BFloat16)
            ? 5e-2
            : precision == OnnxElementType.Double ? 1e-3 : 5e-3;
}
