namespace DiffeoNN.Onnx.Answers;

/// <summary>What a network answered over several images, in a few words for each of its outputs: how many of each class, the numbers' mean,
/// and how many answers the network alone gave otherwise. No answer is kept.</summary>
public sealed class AnswerTally
{
    private readonly List<(string Name, KindTally? Tally)> _outputs = [];

    /// <summary>A line for each output that can be told in words, in the manifest's order; none for segmentations and pictures, which are
    /// to be looked at. With several outputs each begins with the output's name.</summary>
    public IEnumerable<string> Lines => _outputs.Where(output => output.Tally is not null)
        .Select(output => _outputs.Count > 1 ? $"{output.Name}: {output.Tally!.Text}" : output.Tally!.Text);

    /// <summary>Counts an image.</summary>
    /// <param name="answer">Its answer, with further ones; each time of the same outputs.</param>
    /// <param name="alone">That of the network alone; null where it was not asked.</param>
    public void Add(ModelOutput answer, ModelOutput? alone)
    {
        ArgumentNullException.ThrowIfNull(answer);
        if (_outputs.Count == 0) _outputs.AddRange(answer.All.Select(one => (one.Name, AnswerKinds.Of(one.Kind).Tally())));
        foreach (var ((_, tally), (one, other)) in _outputs.Zip(answer.All.Zip(alone?.All ?? answer.All)))
            tally?.Add(one, alone is null ? null : other);
    }
}
