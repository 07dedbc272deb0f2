using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Rendering;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>The folder <c>run</c> writes: pictures, fields and values of each image, and <c>results.jsonl</c>, whole lines in the order of
/// the images.</summary>
internal sealed class ResultFolder : IDisposable
{
    private readonly string _path;
    private readonly EquivariantModel _model;
    private StreamWriter? _lines;

    /// <summary>Creates the folder; <c>results.jsonl</c> is begun anew with its first line.</summary>
    /// <exception cref="OutputException">The folder cannot be written.</exception>
    public ResultFolder(string path, EquivariantModel model)
    {
        _path = path;
        _model = model;
        AtomicFile.CreateFolder(path);
    }

    /// <summary>Whether velocity and displacements are written.</summary>
    public bool WritesFields { get; init; }

    /// <summary>Whether answers are written as numbers, too.</summary>
    public bool WritesValues { get; init; }

    /// <summary>Whether images are turned as their files say.</summary>
    public bool Orients { get; init; }

    /// <summary>Writes everything about one image of a batch; its answer is mapped back here, some rows at a time.</summary>
    /// <param name="input">Path of the image.</param>
    /// <param name="image">As it went in.</param>
    /// <param name="batch">The batch.</param>
    /// <param name="index">Which image of the batch.</param>
    /// <param name="naive">The inner model alone, if it was asked for.</param>
    /// <returns>What became of the image, and the answer of the inner model alone, both without planes.</returns>
    public (EquivariantImage Image, ModelOutput? Alone) Write(
        string input, ScaledImage image, EquivariantBatch batch, int index, MappedOutput? naive)
    {
        var name = Path.GetFileNameWithoutExtension(input);
        var files = new Dictionary<string, string>();
        var answer = batch.Answer(index);
        var result = batch.Image(index, answer.ToSummary());
        Answers("output", "", answer, result.Output);
        var alone = naive?.ToSummary();
        if (naive is not null) Answers("naive", ".naive", naive, alone!);
        ImageFile.WritePng(PathOf("canonical", "png"), OutputPicture.Displayable(result.Canonical));
        Panels.Write(PathOf("panel", "png"), result, answer, batch.Fields, index, _model);
        if (WritesFields) FieldArchive.Write(PathOf("fields", "npz"), batch.Fields, index);
        if (WritesValues) ValueArchive.Write(PathOf("values", "npz"), answer, naive);
        _lines ??= Open();
        _lines.WriteLine(ResultRecord.Line(input, image, Orients, _model, result, batch, files, alone));
        _lines.Flush();
        return (result, alone);

        // Of several outputs each has its name in place of the one word.
        void Answers(string only, string suffix, MappedOutput mapped, ModelOutput summary)
        {
            foreach (var (one, own) in mapped.All.Zip(summary.All))
                Answer(mapped.Further.Count == 0 ? only : one.Name + suffix, one, own);
        }

        void Answer(string kind, MappedOutput mapped, ModelOutput summary)
        {
            if (mapped.ToPicture(summary) is { } rows)
            {
                ImageFile.WritePng(PathOf(kind, "png"), mapped.Height, mapped.Width, rows);
            }
            else if (summary.ToSketch().HasMarks)
            {
                var whole = Orients ? ImageFile.ReadOriented(input) : ImageFile.Read(input);
                PanelRenderer.Write(PathOf(kind, "png"), [OutputPicture.Marked(summary, whole)], OutputPicture.FullSize(mapped));
            }
        }

        string PathOf(string kind, string extension)
        {
            files[kind] = $"{name}.{kind}.{extension}";
            return Path.Combine(_path, files[kind]);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _lines?.Dispose();

    private StreamWriter Open()
    {
        var path = Path.Combine(_path, "results.jsonl");
        try
        {
            return new StreamWriter(path) { NewLine = "\n" };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OutputException($"Cannot write '{path}': {e.Message}", e);
        }
    }
}
