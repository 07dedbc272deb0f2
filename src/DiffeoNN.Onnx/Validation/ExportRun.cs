using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Export;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Validation;

/// <summary>Runs an exported file.</summary>
internal sealed class ExportRun(IGraph file, OnnxModel exported, Bundle bundle, bool isPhoto)
{
    private static readonly string Answer = ModelExporter.NameOf(ExportOutput.Answer);
    private static readonly string Energy = ModelExporter.NameOf(ExportOutput.Energy);
    private static readonly string Accepted = ModelExporter.NameOf(ExportOutput.Accepted);

    private readonly string[] _outputs =
        [.. new[] { Answer, Energy, Accepted }.Where(name => exported.Graph.Outputs.Exists(output => output.Name == name))];

    /// <summary>An image whose values are those of bytes.</summary>
    public ImageBuffer Bytes(ImageBuffer image)
    {
        var bytes = image.Clone();
        foreach (ref var value in bytes.Data) value = MathF.Round(value * 255) / 255;
        return bytes;
    }

    /// <summary>Runs it on a batch.</summary>
    public IReadOnlyList<ExportedRow> Run(IReadOnlyList<ImageBuffer> images, CancellationToken cancellationToken)
    {
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var input = ImageTensor.ToTensor(images);
        if (isPhoto) input = input.squeeze(0).permute(1, 2, 0).Times(255).round().to_type(torch.ScalarType.Byte).contiguous();
        var values = file.Run(
            new Dictionary<string, torch.Tensor> { [isPhoto ? ModelExporter.PhotoInput : ModelExporter.ImageInput] = input }, _outputs,
            cancellationToken);
        var spec = bundle.Manifest.Models.Inner.Output;
        var kind = AnswerKinds.Of(spec);
        var planes = kind.OnDevice == DeviceForm.Planes ? ImageTensor.FromTensor(values[Answer]) : null;
        return [.. images.Select((image, row) => new ExportedRow(
            planes is not null ? kind.OfPlanes(planes[row], spec) : kind.OfNumbers(Floats(Answer, row), spec, image.Height, image.Width),
            _outputs.Contains(Energy) ? Floats(Energy, row) : null,
            _outputs.Contains(Accepted) ? (int)values[Accepted].narrow(0, row, 1).sum().item<long>() : null))];

        float[] Floats(string name, int row) => [.. values[name].narrow(0, row, 1).contiguous().data<float>()];
    }
}
