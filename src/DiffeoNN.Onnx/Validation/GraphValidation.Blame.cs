using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Validation.Blame;
using DiffeoNN.Onnx.Validation.Comparing;
using DiffeoNN.Onnx.Validation.Reports;
using DiffeoNN.Onnx.Validation.Sources;

namespace DiffeoNN.Onnx.Validation;

/// <content>Blame: which engines to hold against each other.</content>
internal sealed partial class GraphValidation
{
    private List<BlameReport> FindBlames(List<SetState> states)
    {
        var blames = new List<BlameReport>();
        var folder = new BlameFolder(_options.BlameFolder);
        // The first set that disagrees: the others would name the same nodes again.
        if ((Failing(ComparedQuantity.Output) ?? Failing(ComparedQuantity.Module)) is { } set) BlameOutputs(states[set], folder, blames);
        if (FailingGradients() is { } gradients)
            blames.Add(BlameGradient(states[gradients.Set], gradients.Source, gradients.Baseline, folder));
        return blames;
    }

    private int? Failing(ComparedQuantity quantity) =>
        _comparisons.Where(comparison => comparison.Quantity == quantity && !comparison.Tensor.Agrees)
            .Select(comparison => (int?)comparison.Set).Min();

    private void BlameOutputs(SetState state, BlameFolder folder, List<BlameReport> blames)
    {
        var wrong = _comparisons.Where(
            comparison => comparison.Quantity == ComparedQuantity.Output && comparison.Set == state.Number && !comparison.Tensor.Agrees)
            .ToLookup(comparison => comparison.Source);
        var ran = _engines.Values.Where(engine => state.Outputs.ContainsKey(engine.Name)).ToList();
        // The engine that agrees with the reference is the one to hold the others against; where none does, the first.
        var baseline = ran.Find(engine => !wrong.Contains(engine.Name)) ?? ran[0];
        foreach (var engine in ran.Where(engine => engine != baseline))
        {
            var outputs = state.Outputs[baseline.Name].Values.Where(expected =>
                state.Outputs[engine.Name].TryGetValue(expected.Name, out var found)
                    && !TensorComparison.Of(expected, found, OutputTolerance(expected, found)).Agrees)
                .Select(output => output.Name).ToList();
            if (outputs.Count > 0)
                blames.Add(new EngineBlame(baseline, engine, OutputTolerance, folder).Find(
                    _case.Name, Model, state.Set.Inputs, outputs, _cancellationToken));
        }

        if (wrong.Contains(baseline.Name) || Failing(ComparedQuantity.Module) == state.Number)
        {
            var outputs = wrong[baseline.Name].Select(comparison => comparison.Tensor.Name).ToList();
            blames.Add(new ReferenceBlame(baseline, OutputTolerance, folder).Find(
                _case.Name, Model, state.Set, outputs, _cancellationToken));
        }
    }

    private (int Set, string Source, string Baseline)? FailingGradients()
    {
        if (_comparisons.Find(comparison => comparison.Quantity == ComparedQuantity.Gradient && !comparison.Tensor.Agrees) is { } wrong)
            return (wrong.Set, wrong.Source, wrong.Baseline);
        return _differences.Exists(difference => !difference.Agrees)
            ? (0, ValidationSources.Compiled, ValidationSources.Differences)
            : null;
    }

    private BlameReport BlameGradient(SetState state, string source, string baseline, BlameFolder folder)
    {
        // Where no graph is differentiated but a reference, the outputs' blame says more.
        if (_engines.Compiled is not { } compiled || !state.Gradients.ContainsKey(compiled.Name))
        {
            return new BlameReport
            {
                Quantity = ComparedQuantity.Gradient, Source = source, Baseline = baseline,
                Finding = $"No node was looked for: the gradient of {source} is compared node by node with the compiled one, which takes "
                    + "no part.",
            };
        }

        if (Failing(ComparedQuantity.Output) == state.Number && baseline == ValidationSources.PyTorch
            && state.Gradients.Keys.Except([ValidationSources.PyTorch]).All(name => Disagrees(state, name)))
        {
            return new BlameReport
            {
                Quantity = ComparedQuantity.Gradient, Source = source, Baseline = baseline,
                Finding = "The gradients differ from PyTorch's as the outputs do: see the blame for the outputs first.",
            };
        }

        return new GradientBlame(_engines.Values.First(engine => state.Outputs.ContainsKey(engine.Name)), compiled,
            _skipped.Exists(skipped => skipped.Source == ValidationSources.Torch) ? null : _engines.Automatic, folder)
            .Find(_case.Name, Model, state.Set.Inputs, state.Upstream, source, baseline, _options.Seed,
                _options.Execution.Threads, _cancellationToken);
    }

    private bool Disagrees(SetState state, string source) => _comparisons.Exists(comparison =>
        comparison.Quantity == ComparedQuantity.Gradient && comparison.Set == state.Number && comparison.Source == source
            && !comparison.Tensor.Agrees);
}
