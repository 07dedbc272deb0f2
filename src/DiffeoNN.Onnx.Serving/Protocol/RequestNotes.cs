namespace DiffeoNN.Onnx.Serving.Protocol;

/// <summary>What those who handle a request know of it, for its line in the log.</summary>
internal sealed class RequestNotes
{
    /// <summary>The model that it asks; null for none.</summary>
    public string? Model { get; set; }

    /// <summary>The version that answered; null for none.</summary>
    public string? Version { get; set; }

    /// <summary>Why it failed; null where it did not.</summary>
    public string? Reason { get; set; }

    /// <summary>Whether the answer has been handed over whole.</summary>
    public bool IsSent { get; set; }

    /// <summary>A text of the network as a log may print it: on one line, and no longer than so many characters.</summary>
    public static string Clean(string text, int most = 300)
    {
        var line = text.Length <= most ? text : $"{text[..most]}...";
        return string.Concat(line.Select(sign => char.IsControl(sign) || sign is '\u2028' or '\u2029' ? ' ' : sign));
    }
}
