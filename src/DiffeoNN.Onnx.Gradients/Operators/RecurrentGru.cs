namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>
/// H_t = (1 - z) * h + z * H_t-1 with z = f(az), r = f(ar), and h = g(Xh + (r * H_t-1) Rh^T) or, with linear_before_reset,
/// h = g(Xh + r * (H_t-1 Rh^T + Rbh)). Gates in the order z, r, h.
/// </summary>
internal static class RecurrentGru
{
    private sealed record Pass(Value dA, Value Recurrent, Value dH, Value Before, Value Reset);

    public static IReadOnlyList<Func<Value>?> Gradients(RuleContext n)
    {
        var layer = new RecurrentLayer(n, gates: 3);
        var functions = RecurrentActivation.Read(n, layer.Directions, "sigmoid", "tanh");
        var linear = n.Node.GetInt("linear_before_reset", 0) != 0;
        var passes = Enumerable.Range(0, layer.Directions).Select(d =>
            new Lazy<Pass>(() => linear ? LinearFirst(layer, functions, d) : ResetFirst(layer, functions, d))).ToArray();
        Value Weights(int d)
        {
            var pass = passes[d].Value;
            return linear ? layer.Transposed(pass.Recurrent, pass.Before) : n.Builder.Concat(0,
                layer.Transposed(layer.Part(pass.dA, 0, 2), pass.Before),
                layer.Transposed(layer.Part(pass.dA, 2), pass.Reset * pass.Before));
        }

        return layer.Gradients(d => passes[d].Value.dA, d => passes[d].Value.Recurrent, Weights, (d, _) => passes[d].Value.dH);
    }

    /// <summary>dz = dH * (H_t-1 - h) * f', dh = dH * (1 - z) * g', dr = (dh Rh) * H_t-1 * f',
    /// dH_t-1 = dH * z + (dh Rh) * r + [dz dr] R.</summary>
    private static Pass ResetFirst(RecurrentLayer layer, RecurrentActivation[] functions, int d)
    {
        var (f, g) = (functions[2 * d], functions[(2 * d) + 1]);
        var before = layer.StatesBefore(d);
        var input = layer.FromInput(d);
        var gates = layer.Part(input, 0, 2) + layer.FromState(before, d, 0, 2);
        var (az, ar) = (layer.Part(gates, 0), layer.Part(gates, 1));
        var (z, r) = (f.Apply(az), f.Apply(ar));
        var ah = layer.Part(input, 2) + layer.FromState(r * before, d, 2, 1);
        var h = g.Apply(ah);
        var (kz, kr, kh) = Factors(layer, before - h, f.Derivative(() => az, z), before * f.Derivative(() => ar, r), 1 - z,
            g.Derivative(() => ah, h));
        var (weights, candidate) = (layer.Gates(2, d, 0, 2), layer.Gates(2, d, 2));
        var (first, outputs) = layer.Back(d, [layer.FinalGradient(1, d)], [kz, kr, kh, z, r], (after, at) =>
        {
            var (dz, dh) = (after[0] * at[0], after[0] * at[2]);
            var reset = dh.Builder.Op("MatMul", dh, candidate);
            var gates = dz.Builder.Concat(1, dz, reset * at[1]);
            return ([(after[0] * at[3]) + (reset * at[4]) + gates.Builder.Op("MatMul", gates, weights)],
                [gates.Builder.Concat(1, gates, dh)]);
        });
        return new Pass(outputs[0], outputs[0], first[0], before, r);
    }

    /// <summary>dz and dh as above, dr = dh * (H_t-1 Rh^T + Rbh) * f', dH_t-1 = dH * z + [dz dr dh*r] R:
    /// all of them multiples of dH.</summary>
    private static Pass LinearFirst(RecurrentLayer layer, RecurrentActivation[] functions, int d)
    {
        var (f, g) = (functions[2 * d], functions[(2 * d) + 1]);
        var before = layer.StatesBefore(d);
        var (input, state) = (layer.FromInput(d), layer.FromState(before, d, 0, 3));
        var gates = layer.Part(input, 0, 2) + layer.Part(state, 0, 2);
        var (az, ar) = (layer.Part(gates, 0), layer.Part(gates, 1));
        var (z, r) = (f.Apply(az), f.Apply(ar));
        var linear = layer.Part(state, 2);
        var ah = layer.Part(input, 2) + (r * linear);
        var h = g.Apply(ah);
        var (kz, kr, kh) = Factors(layer, before - h, f.Derivative(() => az, z), linear * f.Derivative(() => ar, r), 1 - z,
            g.Derivative(() => ah, h));
        kr = kh * kr;
        var factors = kz.Builder.Concat(2, kz, kr, kh * r);
        var weights = layer.Of(2, d);
        var (first, outputs) = layer.Back(d, [layer.FinalGradient(1, d)], [factors, z], (after, at) =>
        {
            var recurrent = at[0].Builder.Concat(1, after[0], after[0], after[0]) * at[0];
            return ([(after[0] * at[1]) + recurrent.Builder.Op("MatMul", recurrent, weights)], [recurrent, after[0]]);
        });
        var dA = factors.Builder.Concat(2, layer.Part(outputs[0], 0, 2), outputs[1] * kh);
        return new Pass(dA, outputs[0], first[0], before, r);
    }

    private static (Value Z, Value R, Value H) Factors(
        RecurrentLayer layer, Value difference, Value slopeZ, Value slopeR, Value share, Value slopeH) =>
            (layer.Masked(difference * slopeZ), layer.Masked(slopeR), layer.Masked(share * slopeH));
}
