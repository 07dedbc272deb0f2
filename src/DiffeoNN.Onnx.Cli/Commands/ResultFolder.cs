using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>The folder <c>run</c> writes: pictures and fields an image, and <c>results.jsonl</c>, whole lines in the order of the images.</summary>
internal sealed class ResultFolder : IDisposable
{
    private readonly string _path;
    private readonly EquivariantModel _model;
    private readonly bool _writesFields;
    private StreamWriter? _lines;

    /// <summary>Creates the folder; <c>results.jsonl</c> is begun anew with its first line.</summary>
    /// <exception cref="OutputException">The folder cannot be written.</exception>
    public ResultFolder(string path, EquivariantModel model, bool writesFields)
    {
        _path = path;
        _model = model;
        _writesFields = writesFields;
        AtomicFile.CreateFolder(path);
    }

    /// <summary>Writes everything about one image of a batch.</summary>
    public void Write(string input, ImageBuffer image, EquivariantResult batch, int index, ModelOutput? naive)
    {
        string name = Path.GetFileNameWithoutExtension(input);
        var files = new Dictionary<string, string>();
        var result = batch.Images[index];
        Picture("output", OutputPicture.Draw(result.Output, image));
        if (naive is not null) Picture("naive", OutputPicture.Draw(naive, image));
        Picture("canonical", OutputPicture.Displayable(result.Canonical));
        Picture("panel", Panels.Draw(batch, index, _model));
        if (_writesFields)
        {
            files["fields"] = $"{name}.fields.npz";
            FieldArchive.Write(Path.Combine(_path, files["fields"]), batch.Fields, index);
        }

        _lines ??= Open();
        _lines.WriteLine(ResultRecord.Line(input, (image.Height, image.Width), _model, batch, index, files, naive));
        _lines.Flush();

        void Picture(string kind, ImageBuffer? picture)
        {
            if (picture is null) return;
            files[kind] = $"{name}.{kind}.png";
            ImageFile.WritePng(Path.Combine(_path, files[kind]), picture);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _lines?.Dispose();

    private StreamWriter Open()
    {
        string path = Path.Combine(_path, "results.jsonl");
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
