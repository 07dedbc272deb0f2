using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Data;

/// <summary>Which samples of a data set can be read.</summary>
/// <param name="Usable">Indices of the good ones, rising.</param>
/// <param name="Skipped">One line for each bad one, and for each entry that names none, naming its file and what is wrong.</param>
public sealed record DataCheck(IReadOnlyList<int> Usable, IReadOnlyList<string> Skipped)
{
    /// <summary>Names of the good ones whose files have an EXIF orientation other than upright.</summary>
    public IReadOnlyList<string> Turned { get; init; } = [];

    /// <summary>Reads every sample once, keeping none.</summary>
    /// <param name="data">The data.</param>
    /// <param name="skipBad">Whether bad samples and entries are left out; otherwise the first one ends the check.</param>
    /// <param name="cancellationToken">Stops between two samples.</param>
    /// <exception cref="DataException">A sample or entry is bad and may not be skipped, or none is good.</exception>
    /// <exception cref="ImageException">An image cannot be read and may not be skipped.</exception>
    public static DataCheck Of(IEvaluationData data, bool skipBad = false, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        if (!skipBad && data.Problems.Count > 0) throw new DataException(data.Problems[0]);
        var usable = new List<int>(data.Count);
        var (skipped, turned) = (new List<string>(data.Problems), new List<string>());
        for (var i = 0; i < data.Count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                var sample = data.Read(i);
                usable.Add(i);
                if (sample.Orientation != ImageOrientation.Upright) turned.Add(sample.Name);
            }
            catch (Exception e) when (skipBad && (e is DataException or ImageException))
            {
                skipped.Add(e.Message);
            }
        }

        return usable.Count > 0
            ? new DataCheck(usable, skipped) { Turned = turned }
            : throw new DataException($"None of the {data.Count} images of '{data.Name}' can be used; the first: {skipped[0]}");
    }
}
