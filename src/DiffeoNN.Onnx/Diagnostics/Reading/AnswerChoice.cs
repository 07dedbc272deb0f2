using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Diagnostics.Reading;

/// <summary>Chooses among a network's outputs those that are answers.</summary>
/// <param name="model">The network.</param>
/// <param name="trace">Its graph.</param>
/// <param name="format">How it takes images.</param>
/// <param name="samples">What it gave.</param>
/// <param name="trial">The images.</param>
internal sealed class AnswerChoice(
    OnnxModel model,
    GraphTrace trace,
    InputFormat format,
    IReadOnlyDictionary<string, OutputSample> samples,
    NetworkTrial trial)
{
    private readonly OutputKinds _kinds = new(trace, format, samples, trial.IsGenerated ? null : trial);
    private readonly OutputDetails _details = new(model, trace, samples, !trial.IsGenerated);

    /// <summary>The outputs that are answers.</summary>
    /// <param name="told">What the caller says.</param>
    /// <param name="name">What messages call the file.</param>
    /// <exception cref="BundleException">There is none, or what the caller says does not fit.</exception>
    public IReadOnlyList<OutputGuess> Choose(ReadingOptions told, string name)
    {
        var names = model.Graph.Outputs.Select(output => output.Name).ToList();
        if (told.Outputs is { Count: > 0 } wanted)
        {
            if (wanted.FirstOrDefault(output => !names.Contains(output)) is { } missing)
                throw Refuse($"has no output '{missing}'. Outputs: {string.Join(", ", model.Graph.Outputs)}.");
            return [.. wanted.Select((output, i) => Complete(Required(output, i == 0 ? told.Kind : null), i == 0 ? told : new()))];
        }

        if (told.Kind is { } kind)
        {
            var fitting = names.Where(HasBatch).Select(output => _kinds.Of(output, kind)).FirstOrDefault(guess => guess is not null);
            return [Complete(fitting ?? Required(names.Find(HasBatch) ?? names[0], kind), told)];
        }

        var guesses = names.Where(HasBatch).Select(output => _kinds.Of(output)).OfType<OutputGuess>().ToList();
        if (guesses.Count(guess => guess.Spec.Kind == OutputKind.Boxes) > 1)
        {
            throw Refuse(
                $"has several outputs of boxes: {string.Join(", ", model.Graph.Outputs.Select(Shown))}. "
                + "Raw predictions of several scales have "
                + "to be decoded and joined in the graph; if one of them is the answer, say so by --output-name.");
        }

        var chosen = guesses.Find(guess => guess.Spec.Kind == OutputKind.Boxes)
            ?? guesses.Find(guess => guess.Origin != GuessOrigin.Unknown) ?? guesses.FirstOrDefault();
        return chosen is not null ? [Complete(chosen, told)] : throw Refuse(
            $"has no output that can be carried back to an image: {string.Join(", ", model.Graph.Outputs.Select(Shown))}. Those are planes "
            + "(N,K,H,W), scores or numbers (N,K), points (N,P,2) and boxes (N,B,4); raw predictions have to be decoded in the graph.");

        OutputGuess Required(string output, OutputKind? kind)
        {
            if (!HasBatch(output)) throw Refuse($"has an output {Shown(model.Graph.Output(output))} without a value for each image.");
            if (_kinds.Of(output, kind) is { } guess) return guess;
            var spec = new OutputSpec { Name = output, Kind = kind ?? OutputKind.Segmentation };
            var format = OutputKinds.FormOf(samples[output]);
            throw Refuse(kind is null
                ? $"has an output {Shown(model.Graph.Output(output))} of no kind that can be carried back; "
                    + "say which by --kind if it is one."
                : $"cannot answer with {AnswerKinds.Of(spec).Name}: output {Shown(model.Graph.Output(output))} "
                    + $"{_kinds.Problem(spec, format)}");
        }

        OutputGuess Complete(OutputGuess guess, ReadingOptions said)
        {
            var complete = _details.Complete(guess, said);
            foreach (var tensor in AnswerKinds.Of(complete.Spec).Tensors(complete.Spec))
            {
                if (_kinds.Problem(complete.Spec, OutputKinds.FormOf(samples[tensor]), tensor) is { } problem)
                    throw Refuse($"has an output '{tensor}', which {problem}");
            }

            return complete;
        }

        BundleException Refuse(string reason) => new($"Model '{name}' {reason}");
    }

    /// <summary>What was found, for people.</summary>
    public IEnumerable<Guess> Describe(IReadOnlyList<OutputGuess> outputs, ReadingOptions told)
    {
        foreach (var output in outputs)
        {
            var kind = AnswerKinds.Of(output.Spec).Name;
            yield return new($"kind of '{output.Spec.Name}'", kind, output.Reason, output.Origin, "--kind");
            foreach (var detail in output.Details) yield return detail;
        }

        var taken = outputs.SelectMany(output => AnswerKinds.Of(output.Spec).Tensors(output.Spec)).ToHashSet();
        string[] left = [.. model.Graph.Outputs.Select(output => output.Name).Where(output => !taken.Contains(output))];
        if (left.Length > 0 && told.Outputs is null)
        {
            yield return new("left out", string.Join(", ", left.Select(output => $"'{output}'")), "one answer is enough",
                GuessOrigin.Guessed, "--output-name");
        }
    }

    private bool HasBatch(string output) => samples.TryGetValue(output, out var sample) && sample.Count == trial.Count;

    private string Shown(OnnxValueInfo output) => samples.TryGetValue(output.Name, out var sample)
        ? $"'{output.Name}' [N,{string.Join(',', sample.Shape.Skip(1))}]" : output.ToString();
}
