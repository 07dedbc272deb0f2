namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>
/// C_t = f * C_t-1 + i * c, H_t = o * h(C_t), with i, f and o activations of X W^T + H_t-1 R^T + b + P * C, where o looks at C_t and
/// the others at C_t-1. Gates in the order i, o, f, c; peepholes in the order i, o, f.
/// </summary>
internal static class RecurrentLstm
{
    private const int InitialCell = 6;
    private const int Peepholes = 7;

    private sealed record Pass(Value dA, Value dH, Value dC, Value Before, Value CellsBefore, Value Cells);

    public static IReadOnlyList<Func<Value>?> Gradients(RuleContext n)
    {
        var layer = new RecurrentLayer(n, gates: 4);
        var functions = RecurrentActivation.Read(n, layer.Directions, "sigmoid", "tanh", "tanh");
        var passes = Enumerable.Range(0, layer.Directions)
            .Select(d => new Lazy<Pass>(() => Back(n, layer, functions[(3 * d)..((3 * d) + 3)], d))).ToArray();
        Value PeepholeSums(int d)
        {
            var pass = passes[d].Value;
            Value Sum(int gate, Value cells) => (layer.Part(pass.dA, gate) * cells).Sum([0, 1], keep: false);
            return n.Builder.Concat(0, Sum(0, pass.CellsBefore), Sum(1, pass.Cells), Sum(2, pass.CellsBefore));
        }

        return
        [
            .. layer.Gradients(d => passes[d].Value.dA, d => passes[d].Value.dA,
                d => layer.Transposed(passes[d].Value.dA, passes[d].Value.Before),
                (d, s) => s == 0 ? passes[d].Value.dH : passes[d].Value.dC),
            () => n.Builder.Concat(0, [.. Enumerable.Range(0, layer.Directions).Select(d => PeepholeSums(d).Unsqueeze(0))]),
        ];
    }

    /// <summary>
    /// do = dH * h(C) * o', dC += dH * o * h'(C) + do * Po, di = dC * c * i', df = dC * C_t-1 * f', dc = dC * i * c',
    /// dC_t-1 = dC * f + di * Pi + df * Pf, dH_t-1 = [di do df dc] R: every one a multiple of dH or dC, with factors known for all steps.
    /// </summary>
    private static Pass Back(RuleContext n, RecurrentLayer layer, RecurrentActivation[] functions, int d)
    {
        // The runtime bounds the arguments of the gates, not that of h.
        var (f, g, h) = (functions[0], functions[1], functions[2] with { Clip = null });
        var coupled = n.Node.GetInt("input_forget", 0) != 0;
        Value? Peephole(int gate) =>
            n.Has(Peepholes) ? layer.Of(Peepholes, d).Slice(0, gate * layer.Hidden, (gate + 1) * layer.Hidden) : null;
        var (pi, po, pf) = (Peephole(0), Peephole(1), coupled ? null : Peephole(2));
        static Value Looking(Value argument, Value cells, Value? peephole) => peephole is null ? argument : argument + (cells * peephole);

        var before = layer.StatesBefore(d);
        var arguments = layer.FromInput(d) + layer.FromState(before, d, 0, 4);
        var (ai, ao, af, ac) = (layer.Part(arguments, 0), layer.Part(arguments, 1), layer.Part(arguments, 2), layer.Part(arguments, 3));
        var c = g.Apply(ac);
        (Value I, Value F) Open(Value i, Value f1, Value cells)
        {
            var input = f.Apply(Looking(i, cells, pi));
            return (input, coupled ? 1 - input : f.Apply(Looking(f1, cells, pf)));
        }

        // The node gives the last cell state only: the others come from going through the steps again, products aside.
        Value[] sequences = [ai, af, c];
        var next = (Value[] at, Value cells) =>
        {
            var (open, keep) = Open(at[0], at[1], cells);
            return (keep * cells) + (open * at[2]);
        };
        if (pi is null)
        {
            // Without peepholes the gates are known beforehand.
            var (open, keep) = Open(ai, af, c);
            sequences = [keep, open * c];
            next = (at, cells) => (at[0] * cells) + at[1];
        }

        var cellsBefore = layer.Run(layer.Backwards(d), [layer.Initial(d, InitialCell)], sequences,
            (state, at) => ([next(at, state[0])], [state[0]])).Outputs[0];
        var (inputGate, forgetGate) = Open(ai, af, cellsBefore);
        var cells = (forgetGate * cellsBefore) + (inputGate * c);
        var outputArgument = Looking(ao, cells, po);
        var (o, squashed) = (f.Apply(outputArgument), h.Apply(cells));

        var ko = squashed * f.Derivative(() => outputArgument, o);
        var ki = (coupled ? c - cellsBefore : c) * f.Derivative(() => Looking(ai, cellsBefore, pi), inputGate);
        var kf = coupled ? null : cellsBefore * f.Derivative(() => Looking(af, cellsBefore, pf), forgetGate);
        var kc = inputGate * g.Derivative(() => ac, c);
        var toCell = Looking(o * h.Derivative(() => cells, squashed), ko, po);
        var kept = Looking(kf is null ? forgetGate : Looking(forgetGate, kf, pf), ki, pi);
        var factors = layer.Masked(n.Builder.Concat(2, ki, ko, kf ?? ki.Like(0).ExpandLike(ki), kc));
        var weights = layer.Of(2, d);
        var (first, outputs) = layer.Back(d, [layer.FinalGradient(1, d), layer.FinalGradient(2, d)], [factors, toCell, kept], (after, at) =>
        {
            var (dH, dC) = (after[0], after[1] + (after[0] * at[1]));
            var dA = at[0].Builder.Concat(1, dC, dH, dC, dC) * at[0];
            return ([dA.Builder.Op("MatMul", dA, weights), dC * at[2]], [dA]);
        });
        return new Pass(outputs[0], first[0], first[1], before, cellsBefore, cells);
    }
}
