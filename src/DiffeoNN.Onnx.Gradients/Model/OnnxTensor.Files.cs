using DiffeoNN.Onnx.Gradients.Proto;
using Google.Protobuf;

namespace DiffeoNN.Onnx.Gradients;

/// <content>The files of ONNX test data: one tensor each.</content>
public sealed partial class OnnxTensor
{
    /// <summary>Reads a file that holds one tensor, as ONNX test data does (input_0.pb).</summary>
    /// <param name="path">The file.</param>
    /// <returns>The tensor with its name.</returns>
    /// <exception cref="OnnxModelException">The file holds no valid tensor.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static OnnxTensor LoadPb(string path)
    {
        try
        {
            return TensorReader.Read(
                TensorProto.Parser.ParseFrom(File.ReadAllBytes(path)), new ExternalData(Path.GetDirectoryName(Path.GetFullPath(path))));
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new OnnxModelException($"'{path}' is no serialised ONNX tensor: {e.Message}", e);
        }
    }

    /// <summary>Writes the tensor and its name to a file, as ONNX test data does.</summary>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void SavePb(string path) => File.WriteAllBytes(path, ModelWriter.Write(this).ToByteArray());
}
