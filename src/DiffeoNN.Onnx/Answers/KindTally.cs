using System.Globalization;

namespace DiffeoNN.Onnx.Answers;

/// <summary>Counts the answers of one output.</summary>
internal abstract class KindTally
{
    /// <summary>Images so far.</summary>
    protected int Images { get; private set; }

    /// <summary>Those of them for which the network alone was asked.</summary>
    protected int Asked { get; private set; }

    /// <summary>What was counted, as a sentence; at least one image.</summary>
    public abstract string Text { get; }

    /// <summary>Counts an answer, and that of the network alone where it was asked.</summary>
    public void Add(ModelOutput answer, ModelOutput? alone)
    {
        Images++;
        Count(answer);
        if (alone is null) return;
        Asked++;
        Compare(answer, alone);
    }

    /// <summary>Takes an answer in.</summary>
    protected abstract void Count(ModelOutput answer);

    /// <summary>Takes in how an answer differs from that of the network alone.</summary>
    protected abstract void Compare(ModelOutput answer, ModelOutput alone);

    /// <summary>A number for people.</summary>
    protected static string Number(double value) => value.ToString("G4", CultureInfo.InvariantCulture);
}
