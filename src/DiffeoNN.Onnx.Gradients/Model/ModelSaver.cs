using System.Globalization;
using DiffeoNN.Onnx.Gradients.Proto;
using Google.Protobuf;

namespace DiffeoNN.Onnx.Gradients;

/// <summary>Writes a model's file and, for large tensors, a file of external data beside it. Both appear whole or not at all.</summary>
internal static class ModelSaver
{
    /// <summary>A message must stay below 2 GB; half of that leaves room for everything but tensors.</summary>
    private const long InlineLimit = 1L << 30;

    /// <summary>Tensors below this size stay in the model's file.</summary>
    private const long SmallTensor = 1024;

    /// <summary>Large tensors start at multiples of a page, so that a runtime can map them.</summary>
    private const int Page = 4096;

    /// <summary>Writes one file if that is possible. Tensors that came from files in the same folder are referred to there.</summary>
    public static void Save(OnnxModel model, string path)
    {
        if (SpecialFile.IsWrittenInPlace(path))
        {
            SaveInPlace(model, path);
            return;
        }

        var folder = FolderOf(path);
        var bytes = Tensors(model.Graph).Where(t => LocationIn(folder, t) is null).Sum(t => t.ByteLength);
        Save(model, path, bytes <= InlineLimit ? long.MaxValue : SmallTensor, keepReferences: true);
    }

    /// <param name="model">The model.</param>
    /// <param name="path">The .onnx file.</param>
    /// <param name="threshold">Tensors of at least this many bytes go to the data file.</param>
    /// <param name="keepReferences">Whether tensors that came from files in the target's folder stay there.</param>
    public static void Save(OnnxModel model, string path, long threshold, bool keepReferences)
    {
        var target = RealTarget(path);
        var folder = FolderOf(target);
        var kept = keepReferences
            ? Tensors(model.Graph).Where(t => LocationIn(folder, t) is not null).Select(t => t.External!.File.Path)
                .ToHashSet(StringComparer.Ordinal)
            : [];
        var dataPath = target + ".data";
        for (var i = 1; kept.Contains(ExternalData.RealPath(dataPath) ?? dataPath); i++)
            dataPath = string.Create(CultureInfo.InvariantCulture, $"{target}.{i}.data");
        var stamp = Guid.NewGuid().ToString("N");
        var (temporaryModel, temporaryData) = (Temporary(target, stamp), Temporary(dataPath, stamp));
        FileStream? data = null;
        try
        {
            var message = ModelWriter.Write(model, (tensor, proto) =>
            {
                if (keepReferences && LocationIn(folder, tensor) is { } location)
                    Refer(proto, location, tensor.External!.Offset, tensor.ByteLength);
                else if (tensor.ByteLength < threshold)
                    return false;
                else
                    Refer(proto, Path.GetFileName(dataPath),
                        Append(data ??= new FileStream(temporaryData, FileMode.CreateNew, FileAccess.Write), tensor), tensor.ByteLength);
                return true;
            });
            data?.Dispose();
            File.WriteAllBytes(temporaryModel, message.ToByteArray());
            if (data is not null)
                File.Move(temporaryData, dataPath, overwrite: true);
            File.Move(temporaryModel, target, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"Cannot write '{path}': {Reason(e, target)}", e);
        }
        finally
        {
            data?.Dispose();
            if (Directory.Exists(folder))
            {
                File.Delete(temporaryData);
                File.Delete(temporaryModel);
            }
        }
    }

    /// <summary>Into a pipe or device goes one file with everything in it.</summary>
    private static void SaveInPlace(OnnxModel model, string path)
    {
        var bytes = ToBytes(model);
        try
        {
            using var stream = SpecialFile.OpenWrite(path);
            stream.Write(bytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"Cannot write '{path}': {e.Message}", e);
        }
    }

    private static string RealTarget(string path)
    {
        try
        {
            return SpecialFile.Target(path);
        }
        catch (IOException e)
        {
            throw new IOException($"Cannot write '{path}': {e.Message}", e);
        }
    }

    /// <summary>The bytes of one file with everything in it.</summary>
    public static byte[] ToBytes(OnnxModel model)
    {
        // Asked before the tensors are read: a message's size is counted in 32 bits.
        var bytes = Tensors(model.Graph).Sum(t => t.ByteLength);
        return bytes <= InlineLimit * 3 / 2 ? ModelWriter.Write(model).ToByteArray() : throw new OnnxModelException(
            $"The model's tensors take {bytes} bytes, more than one file of this format holds. OnnxModel.Save "
            + "puts them into a second one.");
    }

    /// <summary>What went wrong, without the names of temporary files.</summary>
    private static string Reason(Exception e, string target) => e switch
    {
        _ when Directory.Exists(target) => "it is a folder.",
        DirectoryNotFoundException => "its folder does not exist.",
        UnauthorizedAccessException => "its folder or the file is read-only or not permitted.",
        _ => e.Message,
    };

    private static string FolderOf(string path)
    {
        var folder = Path.GetDirectoryName(RealTarget(path))!;
        return ExternalData.RealPath(folder) ?? folder;
    }

    /// <summary>Where a tensor's bytes lie already, relative to a folder; null where they lie elsewhere or in memory.</summary>
    private static string? LocationIn(string folder, OnnxTensor tensor)
    {
        if (tensor.External is not { } external || !File.Exists(external.File.Path))
            return null;
        var relative = Path.GetRelativePath(folder, external.File.Path);
        return Path.IsPathRooted(relative) || relative.Split(Path.DirectorySeparatorChar)[0] == ".."
            ? null
            : relative.Replace(Path.DirectorySeparatorChar, '/');
    }

    private static IEnumerable<OnnxTensor> Tensors(OnnxGraph graph) => graph.Initializers.Values
        .Concat(graph.Nodes.SelectMany(n => n.Attributes.Values).SelectMany(
            a => a.Value is OnnxTensor tensor ? [tensor] : a.Graphs.SelectMany(Tensors)));

    private static void Refer(TensorProto proto, string location, long offset, long length)
    {
        proto.DataLocation = 1;
        void Entry(string key, string value) => proto.ExternalData.Add(new StringStringEntryProto { Key = key, Value = value });
        Entry("location", location);
        Entry("offset", offset.ToString(CultureInfo.InvariantCulture));
        Entry("length", length.ToString(CultureInfo.InvariantCulture));
    }

    private static long Append(FileStream data, OnnxTensor tensor)
    {
        if (tensor.ByteLength >= Page && data.Position % Page != 0)
            data.Write(new byte[Page - (int)(data.Position % Page)]);
        var offset = data.Position;
        if (tensor.External is { } external)
            external.CopyTo(data);
        else
            data.Write(tensor.Data.Span);
        return offset;
    }

    private static string Temporary(string path, string stamp) =>
        Path.Combine(Path.GetDirectoryName(path)!, $".{Path.GetFileName(path)}.{stamp}.tmp");
}
