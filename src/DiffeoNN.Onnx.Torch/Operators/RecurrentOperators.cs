using DiffeoNN.Onnx.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Torch.Operators;

/// <summary>RNN, GRU and LSTM, step by step. T steps, N sequences, D directions, I inputs, H hidden units, G gates.</summary>
internal static class RecurrentOperators
{
    public static IReadOnlyList<TorchOperator> All { get; } =
    [
        new("RNN", 16, n => Run(n, 1, 1, Simple, "tanh")),
        new("GRU", 16, n => Run(n, 3, 1, Gru, "sigmoid", "tanh")),
        new("LSTM", 16, n => Run(n, 4, 2, Lstm, "sigmoid", "tanh", "tanh")),
    ];

    /// <summary>The states after a step, H first.</summary>
    /// <param name="state">The states before, each (N, H).</param>
    /// <param name="input">X W^T + Wb, (N, G * H).</param>
    private delegate Tensor[] Step(Tensor[] state, Tensor input);

    /// <summary>Runs every direction.</summary>
    /// <param name="n">The node.</param>
    /// <param name="gates">G.</param>
    /// <param name="states">1, or 2 with a cell state.</param>
    /// <param name="cell">Makes the step of a direction.</param>
    /// <param name="functions">Names of a direction's activations where the node gives none.</param>
    private static IReadOnlyList<Tensor?> Run(
        TorchNode n, int gates, int states, Func<TorchNode, int, RecurrentFunction[], Step> cell, params string[] functions)
    {
        var direction = n.Text("direction", "forward").ToLowerInvariant();
        var isBatchFirst = n.Int("layout", 0) != 0;
        var x = isBatchFirst ? n.X.transpose(0, 1) : n.X;
        var directions = direction == "bidirectional" ? 2 : 1;
        var activations = RecurrentFunction.Read(n, directions, functions);
        var lengths = n.Optional(4)?.to(ScalarType.Int64).unsqueeze(1);
        var hidden = n.Input(2).shape[2];
        var outputs = new List<Tensor>();
        var finals = Enumerable.Range(0, states).Select(_ => new List<Tensor>()).ToArray();
        for (var d = 0; d < directions; d++)
        {
            var inputs = x.MatrixProduct(n.Input(1).select(0, d).transpose(0, 1));
            if (n.Optional(3) is { } bias) inputs = inputs.Plus(bias.select(0, d).narrow(0, 0, gates * hidden));
            var step = cell(n, d, activations[(d * functions.Length)..((d + 1) * functions.Length)]);
            Tensor[] state = [.. Enumerable.Range(5, states).Select(input => Initial(n, input, d, isBatchFirst, x, hidden))];
            var made = new Tensor[x.shape[0]];
            var isReversed = direction == "reverse" || d == 1;
            for (var k = 0; k < made.Length; k++)
            {
                var t = isReversed ? made.Length - 1 - k : k;
                var after = step(state, inputs.select(0, t));
                // Where a sequence has ended its states stay as they are, and its outputs are 0.
                var isActive = lengths?.gt(tensor((long)t, device: n.Device));
                state = isActive is null ? after : [.. after.Zip(state, (a, b) => where(isActive, a, b))];
                made[t] = isActive is null ? after[0] : where(isActive, after[0], zeros_like(after[0]));
            }

            outputs.Add(made.Length > 0 ? stack(made) : zeros([0, x.shape[1], hidden], dtype: x.dtype, device: n.Device));
            // The final states of sequences without steps are zeros, not the initial ones, as ONNX Runtime has it.
            var hasSteps = lengths?.gt(zeros_like(lengths));
            for (var s = 0; s < states; s++) finals[s].Add(hasSteps is null ? state[s] : where(hasSteps, state[s], zeros_like(state[s])));
        }

        var (all, direct) = isBatchFirst ? (2, 1) : (1, 0);
        return [isBatchFirst ? stack(outputs, 2).transpose(0, 1) : stack(outputs, all), .. finals.Select(final => stack(final, direct))];
    }

    private static Tensor Initial(TorchNode n, int input, int direction, bool isBatchFirst, Tensor x, long hidden) =>
        n.Optional(input)?.select(isBatchFirst ? 1 : 0, direction) ?? zeros([x.shape[1], hidden], dtype: x.dtype, device: n.Device);

    /// <summary>The recurrent weights transposed, (H, G * H), and their bias or null.</summary>
    private static (Tensor Weights, Tensor? Bias) Recurrent(TorchNode n, int direction)
    {
        var weights = n.Input(2).select(0, direction).transpose(0, 1);
        return (weights, n.Optional(3)?.select(0, direction).narrow(0, weights.shape[1], weights.shape[1]));
    }

    private static Tensor Plus(Tensor value, Tensor? bias) => bias is null ? value : value.Plus(bias);

    /// <summary>H_t = f(X_t W^T + H_t-1 R^T + b).</summary>
    private static Step Simple(TorchNode n, int direction, RecurrentFunction[] f)
    {
        var (weights, bias) = Recurrent(n, direction);
        return (state, input) => [f[0].Apply(input.Plus(Plus(state[0].MatrixProduct(weights), bias)))];
    }

    /// <summary>
    /// H_t = (1 - z) * h + z * H_t-1 with z = f(az), r = f(ar), and h = g(Xh + (r * H_t-1) Rh^T + Rbh) or, with linear_before_reset,
    /// h = g(Xh + r * (H_t-1 Rh^T + Rbh)). Gates in the order z, r, h.
    /// </summary>
    private static Step Gru(TorchNode n, int direction, RecurrentFunction[] f)
    {
        var (weights, bias) = Recurrent(n, direction);
        var size = weights.shape[0];
        var isLinearFirst = n.Int("linear_before_reset", 0) != 0;
        var (gateWeights, stateWeights) = (weights.narrow(1, 0, 2 * size), weights.narrow(1, 2 * size, size));
        var (gateBias, stateBias) = (bias?.narrow(0, 0, 2 * size), bias?.narrow(0, 2 * size, size));
        return (state, input) =>
        {
            var open = f[0].Apply(input.narrow(1, 0, 2 * size).Plus(Plus(state[0].MatrixProduct(gateWeights), gateBias)));
            var (z, r) = (open.narrow(1, 0, size), open.narrow(1, size, size));
            var recurrent = isLinearFirst
                ? Plus(state[0].MatrixProduct(stateWeights), stateBias).mul(r)
                : Plus(state[0].mul(r).MatrixProduct(stateWeights), stateBias);
            var h = f[1].Apply(input.narrow(1, 2 * size, size).Plus(recurrent));
            return [h.Plus(z.mul(state[0].Minus(h)))];
        };
    }

    /// <summary>
    /// C_t = f * C_t-1 + i * c, H_t = o * h(C_t); gates in the order i, o, f, c. Peepholes, in the order i, o, f, let o look at C_t and the
    /// others at C_t-1. ONNX Runtime bounds the arguments of the gates, not that of h.
    /// </summary>
    private static Step Lstm(TorchNode n, int direction, RecurrentFunction[] f)
    {
        var (weights, bias) = Recurrent(n, direction);
        var size = weights.shape[0];
        var isCoupled = n.Int("input_forget", 0) != 0;
        var peepholes = n.Optional(7)?.select(0, direction);
        var squash = f[2] with { Clip = null };
        Tensor Gate(Tensor all, int gate, Tensor cells)
        {
            var argument = all.narrow(1, gate * size, size);
            return f[0].Apply(peepholes is null ? argument : argument.Plus(cells.mul(peepholes.narrow(0, gate * size, size))));
        }

        return (state, input) =>
        {
            var all = input.Plus(Plus(state[0].MatrixProduct(weights), bias));
            var i = Gate(all, 0, state[1]);
            var forget = isCoupled ? i.neg().Plus(1) : Gate(all, 2, state[1]);
            var cells = forget.mul(state[1]).Plus(i.mul(f[1].Apply(all.narrow(1, 3 * size, size))));
            return [Gate(all, 1, cells).mul(squash.Apply(cells)), cells];
        };
    }
}
