using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Validation.Blame;
using DiffeoNN.Onnx.Validation.Comparing;
using DiffeoNN.Onnx.Validation.Differences;
using DiffeoNN.Onnx.Validation.Sources;

namespace DiffeoNN.Onnx.Validation;

/// <content>Gradients: PyTorch's, the compiled ones, libtorch's, and finite differences.</content>
internal sealed partial class GraphValidation
{
    private void CompareGradients(SetState state)
    {
        var inputs = _case.DifferentiatedInputs
            ?? [.. Model.Graph.RequiredInputs.Where(input => input.ElementType.IsFloat()).Select(input => input.Name)];
        var outputs = state.Outputs.First().Value;
        state.Upstream = Upstream(state.Set, outputs);
        if (inputs.Count == 0 || state.Upstream.Count == 0)
        {
            Skip(ComparedQuantity.Gradient, ValidationSources.Compiled, "the graph has no float inputs and outputs to differentiate");
            return;
        }

        if (state.Set.Gradients.Count > 0) state.Gradients[ValidationSources.PyTorch] = state.Set.Gradients;
        else if (state.Set.Outputs.Count > 0)
            Skip(ComparedQuantity.Gradient, ValidationSources.PyTorch, "the reference tensors hold no gradients (NAME_grad.pb)");
        var backward = Compiled(state, inputs);
        // What does not load there has said so already.
        if (_engines.Automatic is { } automatic && !_skipped.Exists(skipped => skipped.Source == automatic.Name))
            Try(automatic.Name, () => state.Gradients[automatic.Name] = automatic.Run(Model, _case.Name, state.Set.Inputs, state.Upstream,
                inputs, _cancellationToken));
        var baseline = new[] { ValidationSources.PyTorch, ValidationSources.Torch }.FirstOrDefault(state.Gradients.ContainsKey);
        foreach (var (source, gradients) in state.Gradients.Where(pair => baseline is not null && pair.Key != baseline))
        {
            foreach (var (name, expected) in state.Gradients[baseline!])
            {
                // An input without influence has the gradient zero, which compilers leave out.
                var actual = gradients.GetValueOrDefault(name) ?? Zeros(expected);
                _comparisons.Add(new(ComparedQuantity.Gradient, source, baseline!,
                    TensorComparison.Of(expected, actual, GradientTolerance(expected, actual))) { Set = state.Number });
            }
        }

        if (backward is not null && _options.Directions > 0 && state.Number == 0) CompareDifferences(state, backward);
        ForgiveRounding(state, inputs, backward);
    }

    /// <summary>Where gradients disagree, finds out how much of it rounding alone explains, and leaves room for that.</summary>
    /// <remarks>Not for a compiled graph that disagrees in float64, too: that is no rounding.</remarks>
    private void ForgiveRounding(SetState state, IReadOnlyList<string> inputs, OnnxModel? backward)
    {
        var isWrong = _comparisons.Exists(
            comparison => comparison.Quantity == ComparedQuantity.Gradient && comparison.Set == state.Number && !comparison.Tensor.Agrees)
            || (state.Number == 0 && _differences.Exists(difference => !difference.Agrees));
        if (!isWrong || _engines.Automatic is not { } automatic || !state.Gradients.TryGetValue(automatic.Name, out var rounded)) return;
        if (GradientRounding.InDouble(automatic, Model, _case.Name, state.Set.Inputs, state.Upstream, inputs, _cancellationToken)
            is not { } exact)
            return;
        var wrongInDouble = backward is null
            ? new HashSet<string>()
            : GradientRounding.WrongInDouble(_engines, backward, _case.Name, state.Set.Inputs, state.Upstream, exact, rounded,
                _cancellationToken);
        foreach (var (name, tensor) in exact.Where(pair => rounded.ContainsKey(pair.Key)))
        {
            var rounding = GradientRounding.Of(tensor, rounded[name]);
            for (var i = 0; i < _comparisons.Count; i++)
            {
                var (comparison, compared) = (_comparisons[i], _comparisons[i].Tensor);
                if (comparison.Quantity != ComparedQuantity.Gradient || comparison.Set != state.Number || compared.Name != name
                    || compared.Agrees)
                    continue;
                if (wrongInDouble.Contains(name) && ValidationSources.Compiled == comparison.Source) continue;
                var widened = compared with { Tolerance = GradientRounding.Widen(compared.Tolerance, rounding) };
                if (widened.Agrees) Note(comparison with { Tensor = widened }, i);
            }

            for (var i = 0; i < _differences.Count && state.Number == 0; i++)
            {
                var difference = _differences[i];
                var room = GradientRounding.Widen(difference.Tolerance, rounding);
                if (!difference.Agrees && difference.Input == name && !wrongInDouble.Contains(name) && difference.LargestError <= room)
                    _differences[i] = difference with { Tolerance = room, Agrees = true };
            }

            void Note(SourceComparison comparison, int place)
            {
                _comparisons[place] = comparison;
                var note = $"rounding alone moves the gradient by '{name}' by {Reports.ReportText.Number(100 * rounding)} % of its length "
                    + "(libtorch in float32 beside float64), so that more than three times as much is asked for before it counts as wrong";
                if (!_notes.Contains(note)) _notes.Add(note);
            }
        }
    }

    /// <summary>Runs the backward graph in use, or compiles one.</summary>
    /// <returns>The backward graph; null where there is none.</returns>
    private OnnxModel? Compiled(SetState state, IReadOnlyList<string> inputs)
    {
        if (_engines.Compiled is not { } compiled) return null;
        OnnxModel? backward = null;
        Try(compiled.Name, () =>
        {
            backward = _case.Backward ?? CompileInfluencing(compiled, inputs, state.Upstream.Keys);
            var made = inputs.Where(input => backward.Graph.Outputs.Exists(output => output.Name == input + new GradientOptions().Suffix))
                .ToList();
            state.Gradients[compiled.Name] = compiled.RunCompiled(backward, $"gradient of {_case.Name}", state.Set.Inputs, state.Upstream,
                made, _cancellationToken);
        });
        return backward;
    }

    /// <summary>Compiles the derivative by all inputs, or, where one has no influence and the compiler refuses it,
    /// by those that it chooses.</summary>
    private OnnxModel CompileInfluencing(CompiledGradientSource compiled, IReadOnlyList<string> inputs, IEnumerable<string> outputs)
    {
        try
        {
            return compiled.Compile(Model, inputs, outputs);
        }
        catch (OnnxModelException)
        {
            return compiled.Compile(Model, null, null);
        }
    }

    private void Try(string source, Action action)
    {
        try
        {
            action();
        }
        catch (UnsupportedOperatorException error)
        {
            Skip(ComparedQuantity.Gradient, source, error.Message);
        }
        catch (OnnxModelException error)
        {
            Skip(ComparedQuantity.Gradient, source, error.Message);
        }
        catch (GradientException error)
        {
            Skip(ComparedQuantity.Gradient, source, error.Message, isFailure: true);
        }
        catch (GraphException error)
        {
            Skip(ComparedQuantity.Gradient, source, error.Message, isFailure: !IsUnsupported(error));
        }
    }

    private void CompareDifferences(SetState state, OnnxModel backward)
    {
        Try(ValidationSources.Differences, () =>
        {
            var suffix = new GradientOptions().Suffix;
            var data = new Dictionary<string, OnnxTensor>(state.Set.Inputs, StringComparer.Ordinal);
            foreach (var (name, tensor) in state.Upstream)
                if (GradientCompiler.UpstreamOf(backward, name, suffix) is { } taken) data[taken] = tensor;
            var result = GradientCheck.Run(Model, backward, new GradientCheckOptions
            {
                Gradient = new GradientOptions
                {
                    Outputs = [.. state.Upstream.Keys],
                    Seed = _case.SummedOutput is null ? GradientSeed.Input : GradientSeed.Ones,
                },
                Data = data,
                Seed = _options.Seed,
                Samples = 0,
                Directions = _options.Directions,
                Threads = _options.Execution.Threads,
            }, _cancellationToken);
            _differences.AddRange(result.Inputs.Select(input => new DirectionalComparison(
                ValidationSources.Compiled, input.Name, input.Directions, input.UnsteadyDirections, input.LargestDirectionalError,
                result.Tolerance, !input.IsWrong)));
        });
    }

    /// <summary>The reference's upstream gradients; ones for the output that is summed; else random normal numbers.</summary>
    private Dictionary<string, OnnxTensor> Upstream(ReferenceSet set, IReadOnlyDictionary<string, OnnxTensor> outputs)
    {
        if (_case.SummedOutput is { } summed)
            return new(StringComparer.Ordinal) { [summed] = OnnxTensor.FromDoubles(summed, outputs[summed].ElementType,
                outputs[summed].Dimensions, Ones(outputs[summed].Count)) };
        if (set.Upstream.Count > 0) return new(set.Upstream, StringComparer.Ordinal);
        var walk = new GraphWalk(Model.Graph);
        return outputs.Values.Where(output => output.ElementType.IsFloat() && !walk.IsConstant(output.Name)).ToDictionary(
            output => output.Name, output => _drawn.Normal(output.Name, output.ElementType, output.Dimensions), StringComparer.Ordinal);
    }

    private Tolerance GradientTolerance(OnnxTensor expected, OnnxTensor actual)
    {
        var tolerance = Tolerance.OfGradient(TensorComparison.LessPrecise(expected.ElementType, actual.ElementType));
        return _options.GradientCosine is { } own ? tolerance with { Cosine = own } : tolerance;
    }

    private static double[] Ones(long count) => [.. Enumerable.Repeat(1.0, checked((int)count))];

    private static OnnxTensor Zeros(OnnxTensor like) =>
        OnnxTensor.FromDoubles(like.Name, like.ElementType, like.Dimensions, new double[like.Count]);
}
