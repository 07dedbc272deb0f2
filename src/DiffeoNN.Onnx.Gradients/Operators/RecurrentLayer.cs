namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>What RNN, GRU and LSTM nodes have in common, direction by direction.
/// T steps, N sequences, I inputs, H hidden units, G gates.</summary>
internal sealed class RecurrentLayer
{
    private const int InitialState = 5;
    private readonly RuleContext _n;
    private readonly int _gates;
    private readonly Value? _mask;
    private Value? _y;

    public RecurrentLayer(RuleContext n, int gates)
    {
        (_n, _gates) = (n, gates);
        if (n.Node.GetInt("layout", 0) != 0)
            throw n.Refuse("its first axis is the batch (layout=1); it was to be rewritten.");
        Hidden = n.Node.GetInt("hidden_size", 0) is > 0 and var given ? given : n.Input(2).Shape is [_, _, { Size: { } size }] ? size
            : throw n.Refuse("hidden_size is not given.");
        var direction = n.Node.GetString("direction", "forward").ToLowerInvariant();
        Directions = direction == "bidirectional" ? 2 : 1;
        Reversed = direction == "reverse";
        _mask = n.Has(4) ? Mask(0) : null;
    }

    public long Hidden { get; }

    public int Directions { get; }

    private bool Reversed { get; }

    /// <summary>The steps that belong to each sequence, shape [T, N, 1]; null where all do.</summary>
    public Value? Active => _mask;

    /// <summary>Whether a direction runs from the last step to the first.</summary>
    public bool Backwards(int direction) => Reversed || direction == 1;

    /// <summary>An input that has the direction as first axis, without it.</summary>
    public Value Of(int input, int direction) => _n.Input(input).At(0, direction);

    /// <summary>Rows of an input for one gate or several, [count · H, ...].</summary>
    public Value Gates(int input, int direction, int first, int count = 1) =>
        first == 0 && count == _gates && input != 3
            ? Of(input, direction)
            : Of(input, direction).Slice(0, first * Hidden, (first + count) * Hidden);

    /// <summary>The bias of the input or the recurrent products; null where there is none.</summary>
    public Value? Bias(int direction, bool recurrent, int first, int count) =>
        _n.Has(3) ? Gates(3, direction, first + (recurrent ? _gates : 0), count) : null;

    /// <summary>X W^T + Wb, for all steps: [T, N, G · H].</summary>
    public Value FromInput(int direction) => Plus(Times(_n.X, Of(1, direction)), Bias(direction, false, 0, _gates));

    /// <summary>H R^T + Rb for some gates: [T, N, count · H].</summary>
    public Value FromState(Value state, int direction, int first, int count) =>
        Plus(Times(state, Gates(2, direction, first, count)), Bias(direction, true, first, count));

    /// <summary>Part of a value whose last axis goes through gates.</summary>
    public Value Part(Value value, int first, int count = 1) => value.Slice(2, first * Hidden, (first + count) * Hidden);

    /// <summary>All outputs of one direction, [T, N, H]. The node is given this output where it lacks it.</summary>
    public Value Output(int direction)
    {
        if (_n.Node.Outputs[0].Length == 0)
            _n.Node.Outputs[0] = _n.Builder.AddOutput("Y", ShapeInference.Recurrent(_n.Shapes)[0]).Name;
        _y ??= _n.Builder[_n.Node.Outputs[0]];
        return _y.At(1, direction);
    }

    /// <summary>A state before the first step, [N, H].</summary>
    public Value Initial(int direction, int input = InitialState) => _n.Has(input) ? Of(input, direction)
        : _n.Builder.Op("Expand", _n.X.Like(0), _n.Builder.Concat(0, _n.X.Size(1), _n.Builder.Integers(Hidden)));

    /// <summary>The state that each step started from, [T, N, H].</summary>
    public Value StatesBefore(int direction)
    {
        var (y, first) = (Output(direction), Initial(direction).Unsqueeze(0));
        if (!Backwards(direction))
            return _n.Builder.Concat(0, first, Cut(y, 0, -1));
        var later = _n.Builder.Concat(0, Cut(y, 1, long.MaxValue), first);
        // A sequence that ends early starts, read from its end, with the initial state.
        return _mask is null || !_n.Has(InitialState) ? later : _n.Builder.Op("Where", Mask(1), later, first);
    }

    /// <summary>The gradient of a final state, [N, H]. The runtime's final states of sequences without steps are zeros,
    /// not the initial ones.</summary>
    public Value FinalGradient(int output, int direction) => _n.HasGradient(output) ? Started(_n.Gradient(output).At(0, direction))
        : _n.Builder.Op("Expand", _n.X.Like(0), _n.Builder.Concat(0, _n.X.Size(1), _n.Builder.Integers(Hidden)));

    /// <summary>Goes back through time.</summary>
    /// <param name="direction">The direction.</param>
    /// <param name="states">Gradients of the final states, that of H first.</param>
    /// <param name="sequences">What a step needs.</param>
    /// <param name="step">From the gradients after a step (that of H complete) to those before it, and what is kept of each step.</param>
    public (Value[] States, Value[] Outputs) Back(int direction, Value[] states, Value[] sequences, Recurrence.Step step)
    {
        var dY = _n.HasGradient(0) ? _n.Gradient(0).At(1, direction) : null;
        if (dY is not null && _mask is not null)
            dY = Masked(dY);
        List<Value> all = [.. sequences];
        if (dY is not null)
            all.Add(dY);
        return Run(!Backwards(direction), states, all, (before, elements) =>
        {
            var complete = dY is null ? before : [before[0] + elements[sequences.Length], .. before[1..]];
            return step(complete, elements);
        });
    }

    /// <summary>Runs steps; where a sequence has ended its states stay as they are.</summary>
    public (Value[] States, Value[] Outputs) Run(bool backwards, Value[] states, IReadOnlyList<Value> sequences, Recurrence.Step step) =>
        Recurrence.Run(_n.Builder, backwards, states, _mask is null ? [.. sequences] : [.. sequences, _mask], (before, elements) =>
        {
            var (after, outputs) = step(before, elements);
            if (_mask is not null)
                after = [.. after.Zip(before, (a, b) => a.Builder.Op("Where", elements[^1], a, b))];
            return (after, outputs);
        });

    /// <summary>Zero where a sequence has ended.</summary>
    public Value Masked(Value value) => _mask is null ? value : _n.Builder.Op("Where", _mask, value, value.Like(0));

    /// <summary>
    /// From the gradients dA of the gates' arguments, direction by direction: dX = dA W, dW = dA^T X, dB = sum dA. The gradient of
    /// the recurrent arguments differs from dA only where a reset gate lies between.
    /// </summary>
    public IReadOnlyList<Func<Value>?> Gradients(
        Func<int, Value> dA, Func<int, Value> recurrent, Func<int, Value> recurrentWeights, Func<int, int, Value> initial)
    {
        var builder = _n.Builder;
        Value Joined(Func<int, Value> part) => builder.Concat(2, [.. Enumerable.Range(0, Directions).Select(part)]);
        Value Stacked(Func<int, Value> part) => builder.Concat(0, [.. Enumerable.Range(0, Directions).Select(d => part(d).Unsqueeze(0))]);
        Value Sums(Value all) => all.Sum([0, 1], keep: false).Reshape(Directions, _gates * Hidden);
        return
        [
            () => builder.Op("MatMul", Joined(dA), Directions == 1 ? Of(1, 0) : _n.Input(1).Reshape(Directions * _gates * Hidden, -1)),
            () => Transposed(Joined(dA), _n.X).ReshapeLike(_n.Input(1)),
            () => Stacked(recurrentWeights),
            () => builder.Concat(1, Sums(Joined(dA)), Sums(Joined(recurrent))),
            null,
            () => Stacked(d => initial(d, 0)),
            () => Stacked(d => initial(d, 1)),
        ];
    }

    /// <summary>a^T b over all steps of all sequences.</summary>
    public Value Transposed(Value a, Value b)
    {
        Value Rows(Value value) => value.Shape is [.., { Size: { } size }] ? value.Reshape(-1, size)
            : value.Reshape(_n.Builder.Concat(0, _n.Builder.Integers(-1), value.Size(2)));
        return _n.Builder.Node("Gemm", [Rows(a), Rows(b)], OnnxAttribute.Of("transA", 1))[0];
    }

    private static Value Times(Value value, Value weights) => value.Builder.Op("MatMul", value, weights.Transpose(1, 0));

    private static Value Plus(Value value, Value? bias) => bias is null ? value : value + bias;

    /// <summary>Steps, of which there may be only one.</summary>
    private static Value Cut(Value value, long start, long end) =>
        value.Builder.Op("Slice", value, value.Builder.Integers(start), value.Builder.Integers(end), value.Builder.Integers(0));

    /// <summary>Zero for sequences without steps.</summary>
    private Value Started(Value value) =>
        _mask is null || (_n.Input(4).Facts.Integers is { } lengths && Array.TrueForAll(lengths, l => l > 0)) ? value
            : _n.Builder.Op("Where", _mask.Slice(0, 0, 1).Squeeze(0), value, value.Like(0));

    private Value Mask(int ahead)
    {
        var builder = _n.Builder;
        Value Scalar(long number) => builder.Constant(OnnxTensor.Scalar("", number));
        var steps = builder.Op("Range", Scalar(ahead), _n.X.Size(0).Reshape([]) + ahead, Scalar(1)).Unsqueeze(1, 2);
        return steps < _n.Input(4).Cast(OnnxElementType.Int64).Unsqueeze(0, 2);
    }
}
