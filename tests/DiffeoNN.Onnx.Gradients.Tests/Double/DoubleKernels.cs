namespace DiffeoNN.Onnx.Gradients.Tests;

/// <summary>
/// Replaces operators for which the runtime has no float64 kernel by equivalents of operators that have one, so that whole
/// networks can run in float64. Each replacement is compared with the runtime's float32 kernel by <see cref="DoubleKernelTests"/>.
/// </summary>
internal static partial class DoubleKernels
{
    /// <summary>Erf is 1 in float64 from here on.</summary>
    private const double ErfLimit = 6;

    private static readonly Dictionary<string, ExpansionFunction> Table = new(StringComparer.Ordinal)
    {
        ["AveragePool"] = AveragePool,
        ["Conv"] = Conv,
        ["ConvTranspose"] = ConvTranspose,
        ["Elu"] = n => [Where(n.X > 0, n.X, (Min(n.X, 0).Apply("Exp") - 1) * n.Node.GetFloat("alpha", 1))],
        ["Erf"] = n => [Erf(n.X)],
        ["Gelu"] = n => [n.Node.GetString("approximate", "none") == "none" ? n.X * (Erf(n.X * Math.Sqrt(0.5)) + 1) * 0.5
            : n.X * (((n.X + (n.X * n.X * n.X * 0.044715)) * Math.Sqrt(2 / Math.PI)).Apply("Tanh") + 1) * 0.5],
        ["GlobalAveragePool"] = n => [n.X.Mean(Spatial(n.X))],
        ["GlobalMaxPool"] = n => [n.Builder.Op("ReduceMax", n.X, n.Builder.Integers(Spatial(n.X)))],
        ["HardSigmoid"] = n => [HardSigmoid(n.X, n.Node.GetFloat("alpha", 0.2f), n.Node.GetFloat("beta", 0.5f))],
        ["HardSwish"] = n => [n.X * HardSigmoid(n.X, 1.0 / 6, 0.5)],
        ["InstanceNormalization"] = InstanceNormalization,
        ["LRN"] = LocalResponseNormalization,
        ["LeakyRelu"] = n => [Where(n.X < 0, n.X * n.Node.GetFloat("alpha", 0.01f), n.X)],
        ["MaxUnpool"] = MaxUnpool,
        ["PRelu"] = n => [Where(n.X < 0, n.X * n.Input(1), n.X)],
        ["Resize"] = Resize,
        ["Softplus"] = n => [Softplus(n.X)],
        ["Softsign"] = n => [n.X / (n.X.Apply("Abs") + 1)],
    };

    /// <summary>Operators that are replaced.</summary>
    public static IEnumerable<string> Operators => Table.Keys;

    /// <summary>A copy of a float64 model of fixed sizes, in operators that have float64 kernels as far as there are
    /// replacements.</summary>
    /// <param name="model">The model, operator set 18 or later, since the replacements are written in it.</param>
    public static OnnxModel Replace(OnnxModel model)
    {
        var graphs = 0;
        var result = new OnnxModel
        {
            IrVersion = model.IrVersion,
            Graph = Replace(model.Graph, model.Opset, new Dictionary<string, ValueFacts>(), ref graphs),
        };
        foreach (var (domain, version) in model.OpsetImports)
            result.OpsetImports[domain] = version;
        return result;
    }

    /// <param name="graph">A graph.</param>
    /// <param name="opset">Operator set version.</param>
    /// <param name="outer">What is known about the values of the graphs around it.</param>
    /// <param name="graphs">Number of graphs so far, for names that do not meet.</param>
    private static OnnxGraph Replace(OnnxGraph graph, int opset, IReadOnlyDictionary<string, ValueFacts> outer, ref int graphs)
    {
        var builder = new GraphBuilder(opset) { Prefix = $"float64_{graphs++}/" };
        var known = new Dictionary<string, ValueFacts>(outer, StringComparer.Ordinal);
        var replaced = new Dictionary<string, string>(StringComparer.Ordinal);
        string Name(string name) => replaced.GetValueOrDefault(name, name);
        void Add(string name, ValueFacts facts) => builder.Add(name, known[name] = facts);
        foreach (var (name, facts) in outer)
            builder.Add(name, facts);
        foreach (var input in graph.Inputs)
            Add(input.Name, ValueFacts.Of(input));
        foreach (var tensor in graph.Initializers.Values)
        {
            builder.Graph.AddInitializer(tensor);
            if (!builder.Contains(tensor.Name))
                Add(tensor.Name, ValueFacts.Of(tensor));
        }

        var declared = ShapeInference.Declared(graph);
        foreach (var original in graph.Nodes)
        {
            var node = original.Copy(Name);
            foreach (var attribute in node.Attributes.Values.Where(a => a.Kind == OnnxAttributeKind.Graph).ToList())
                node.With(OnnxAttribute.Of(attribute.Name, Replace(attribute.Graph, opset, known, ref graphs)));
            if (node.Domain.Length > 0 || !Table.TryGetValue(node.OpType, out var body)
                || builder[node.Inputs[0]].ElementType != OnnxElementType.Double)
            {
                builder.Import(node, declared);
            }
            else
            {
                // Replacements may ask for the shape of what they replace.
                foreach (var (name, facts) in ShapeInference.Infer(
                    node, name => builder.Contains(name) ? builder[name].Facts : ValueFacts.None, declared).ToList())
                    builder.Add(name, facts);
                var values = body(new RuleContext(node, builder, [], []));
                for (var i = 0; i < node.Outputs.Count; i++)
                    replaced[original.Outputs[i]] = values[i]!.Name;
            }

            foreach (var name in original.Outputs.Where(o => o.Length > 0).Select(Name))
                known[name] = builder[name].Facts;
        }

        foreach (var output in graph.Outputs.Where(o => replaced.ContainsKey(o.Name)))
            builder.Graph.AddNode("Identity", [replaced[output.Name]], output.Name);
        builder.Graph.Inputs.AddRange(graph.Inputs);
        builder.Graph.Outputs.AddRange(graph.Outputs);
        DeadCode.Remove(builder.Graph);
        return builder.Graph;
    }

    private static Value Where(Value condition, Value a, Value b) => condition.Builder.Op("Where", condition, a, b);

    private static Value Min(Value x, double limit) => x.Builder.Op("Min", x, x.Like(limit));

    private static Value Max(Value x, double limit) => x.Builder.Op("Max", x, x.Like(limit));

    private static Value HardSigmoid(Value x, double alpha, double beta) => Min(Max((x * alpha) + beta, 0), 1);

    private static Value Softplus(Value x) => Max(x, 0) + ((-x.Apply("Abs")).Apply("Exp") + 1).Apply("Log");

    /// <summary>erf(x) = 2/sqrt(pi) x * integral of exp(-x^2 t^2) over t from 0 to 1, by Gauss's rule with 40 points.</summary>
    private static Value Erf(Value x)
    {
        var (points, weights) = GaussLegendre(40);
        var limited = Max(Min(x, ErfLimit), -ErfLimit);
        var squares =
            x.Builder.Constant(OnnxTensor.FromDoubles("", OnnxElementType.Double, [1, points.Length], [.. points.Select(t => -t * t)]));
        var column = x.Builder.Constant(
            OnnxTensor.FromDoubles("", OnnxElementType.Double, [points.Length, 1], [.. weights.Select(w => w * 2 / Math.Sqrt(Math.PI))]));
        var integrand = ((limited * limited).Reshape(-1, 1) * squares).Apply("Exp");
        return limited * x.Builder.Op("MatMul", integrand, column).ReshapeLike(x);
    }

    /// <summary>Points and weights on [0, 1]: zeros of the Legendre polynomial by Newton's method.</summary>
    private static (double[] Points, double[] Weights) GaussLegendre(int count)
    {
        var (points, weights) = (new double[count], new double[count]);
        for (var i = 0; i < count; i++)
        {
            var x = Math.Cos(Math.PI * (i + 0.75) / (count + 0.5));
            var slope = 0.0;
            for (var step = 0; step < 20; step++)
            {
                var (before, value) = (0.0, 1.0);
                for (var n = 1; n <= count; n++)
                    (before, value) = (value, ((((2 * n) - 1) * x * value) - ((n - 1) * before)) / n);
                slope = count * ((x * value) - before) / ((x * x) - 1);
                x -= value / slope;
            }

            (points[i], weights[i]) = ((x + 1) / 2, 1 / ((1 - (x * x)) * slope * slope));
        }

        return (points, weights);
    }

    private static long[] Spatial(Value x) => [.. Enumerable.Range(2, x.Rank - 2).Select(a => (long)a)];

    /// <summary>One number per channel in a shape that broadcasts against (N, C, ...).</summary>
    private static Value PerChannel(Value values, int rank) => values.Reshape([1, -1, .. Enumerable.Repeat(1L, rank - 2)]);

    private static Value[] InstanceNormalization(RuleContext n)
    {
        var centred = n.X - n.X.Mean(Spatial(n.X));
        var variance = (centred * centred).Mean(Spatial(n.X)) + n.Node.GetFloat("epsilon", 1e-5f);
        return [(centred / variance.Apply("Sqrt") * PerChannel(n.Input(1), n.X.Rank)) + PerChannel(n.Input(2), n.X.Rank)];
    }

    /// <summary>x / (bias + alpha/size * sum of x^2 over neighbouring channels)^beta.</summary>
    private static Value[] LocalResponseNormalization(RuleContext n)
    {
        var (size, channels) = (n.Node.GetInt("size", 1), n.X.Shape![1].Constant);
        var (before, after) = ((size - 1) / 2, size / 2);
        var rest = new long[n.X.Rank - 2];
        var squares = (n.X * n.X).Pad([0, before, .. rest, 0, after, .. rest]);
        var sum = Enumerable.Range(0, (int)size).Select(i => squares.Slice(1, i, i + channels)).Aggregate((a, b) => a + b);
        var basis = (sum * (n.Node.GetFloat("alpha", 1e-4f) / size)) + n.Node.GetFloat("bias", 1);
        return [n.X / n.Builder.Op("Pow", basis, n.X.Like(n.Node.GetFloat("beta", 0.75f)))];
    }
}
