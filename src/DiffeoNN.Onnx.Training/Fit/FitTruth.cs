using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Diagnostics.Reading;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Tensors;
using DiffeoNN.Onnx.Training.Fitting;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>What is true of the images of a fit: looked at for all of them, kept for those that are trained on, masks with a byte for each
/// pixel of the bundle's image.</summary>
/// <param name="form">What a truth is.</param>
/// <param name="count">Classes, numbers or points; of boxes nothing.</param>
/// <param name="isKept">Whether anything learns from it.</param>
internal sealed class FitTruth(TruthForm form, int count, bool isKept) : IDisposable
{
    private readonly List<torch.Tensor> _owned = [];
    private readonly List<bool> _known = [];
    private readonly List<float> _numbers = [];
    private readonly List<float[]> _boxes = [];
    private readonly List<long> _labels = [];
    private torch.Tensor? _masks;

    /// <summary>What data can tell of a network's answers; null where that is nothing.</summary>
    /// <param name="reading">What was read of the network; of several outputs the first counts.</param>
    /// <param name="isKept">Whether anything learns from it.</param>
    public static FitTruth? Of(NetworkReading reading, bool isKept) =>
        AnswerKinds.Of(reading.Outputs[0].Kind).Truth is not TruthForm.None and var form
            ? new FitTruth(form, FitData.ClassesOf(reading), isKept)
            : null;

    /// <summary>How it is called.</summary>
    public string Name => form switch
    {
        TruthForm.Mask => "mask",
        TruthForm.Label => "label",
        TruthForm.Numbers => "numbers",
        TruthForm.Points => "points",
        _ => "boxes",
    };

    /// <summary>Bytes that an image's truth takes for each of its pixels.</summary>
    public int BytesOfPixel => isKept && form == TruthForm.Mask ? 1 : 0;

    /// <summary>What is wrong with a sample's truth; null where nothing is, and where none is known that is not needed.</summary>
    /// <param name="sample">With its image as the file has it.</param>
    /// <param name="data">Its data's name.</param>
    /// <param name="isNeeded">Whether answers are compared with it.</param>
    public string? Problem(EvaluationSample sample, string data, bool isNeeded)
    {
        var problem = Has(sample)
            ? Wrong(sample)
            : isNeeded ? $"has no {Name}; the answers on images held out are compared with it." : null;
        return problem is null ? null : $"'{data}' image '{sample.Name}' {problem}";
    }

    /// <summary>Makes room.</summary>
    /// <param name="images">At most.</param>
    /// <param name="spec">Size of the masks.</param>
    public void Begin(int images, ImageSpec spec)
    {
        if (BytesOfPixel > 0) _owned.Add(_masks = torch.zeros([images, spec.Height, spec.Width], torch.ScalarType.Byte));
    }

    /// <summary>Takes the truth of the next image that is trained on, if any is known.</summary>
    public unsafe void Take(EvaluationSample sample)
    {
        if (!isKept) return;
        var has = Has(sample);
        var place = _known.Count;
        _known.Add(has);
        double Unit(double pixel, int size) => (2 * pixel / (size - 1)) - 1;
        float X(double column) => (float)Unit(column, sample.Image.Width);
        float Y(double row) => (float)Unit(row, sample.Image.Height);
        switch (form)
        {
            case TruthForm.Mask when has:
                int height = (int)_masks!.size(1), width = (int)_masks.size(2);
                var target = new Span<byte>((byte*)TensorMemory.Address(_masks) + ((long)place * height * width), height * width);
                ReducedImages.Nearest(sample.Mask!, height, width).Labels.CopyTo(target);
                break;
            case TruthForm.Label:
                _labels.Add(sample.Label ?? 0);
                break;
            case TruthForm.Numbers:
                _numbers.AddRange(has ? sample.Numbers!.Select(number => (float)number) : new float[count]);
                break;
            case TruthForm.Points:
                _numbers.AddRange(has
                    ? sample.Points!.SelectMany(point => new[] { X(point.Column), Y(point.Row) })
                    : new float[2 * count]);
                break;
            case TruthForm.Boxes:
                _boxes.Add([.. (sample.Boxes ?? []).SelectMany(box => new[] { X(box.Left), Y(box.Top), X(box.Right), Y(box.Bottom) })]);
                break;
        }
    }

    /// <summary>The images that were taken, with what is known of them.</summary>
    /// <param name="pixels">As <see cref="TrainingImages"/> takes them.</param>
    public TrainingImages With(torch.Tensor pixels)
    {
        if (!_known.Contains(true)) return new TrainingImages(pixels);
        var images = _known.Count;
        var known = _known.Contains(false) ? _known : null;
        switch (form)
        {
            case TruthForm.Mask:
                return new TrainingImages(pixels) { Known = known, Masks = Owned(_masks!.narrow(0, 0, images)) };
            case TruthForm.Label:
                return new TrainingImages(pixels) { Known = known, Labels = Owned(torch.tensor(_labels.ToArray())) };
            case TruthForm.Numbers:
                return new TrainingImages(pixels) { Known = known, Numbers = Numbers(images, count) };
            case TruthForm.Points:
                return new TrainingImages(pixels) { Known = known, Points = Numbers(images, count, 2) };
            default:
                var most = _boxes.Max(boxes => boxes.Length);
                foreach (var boxes in _boxes) _numbers.AddRange([.. boxes, .. Enumerable.Repeat(float.NaN, most - boxes.Length)]);
                return new TrainingImages(pixels) { Known = known, Boxes = Numbers(images, most / 4, 4) };
        }

        torch.Tensor Numbers(params long[] shape)
        {
            using var flat = torch.tensor(_numbers.ToArray());
            return Owned(flat.view(shape).clone());
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in _owned) tensor.Dispose();
    }

    private torch.Tensor Owned(torch.Tensor tensor)
    {
        _owned.Add(tensor);
        return tensor;
    }

    private bool Has(EvaluationSample sample) => form switch
    {
        TruthForm.Mask => sample.Mask is not null,
        TruthForm.Label => sample.Label is not null,
        TruthForm.Numbers => sample.Numbers is not null,
        TruthForm.Points => sample.Points is not null,
        _ => sample.Boxes is not null,
    };

    private string? Wrong(EvaluationSample sample)
    {
        switch (form)
        {
            case TruthForm.Mask:
                var mask = sample.Mask!;
                if (mask.Height != sample.Image.Height || mask.Width != sample.Image.Width)
                    return $"has a mask of {mask.Width}x{mask.Height} pixels; it has {sample.Image.Width}x{sample.Image.Height} itself.";
                var bad = mask.Present().FirstOrDefault(label => label >= count && (label != LabelMap.Ignored || count > label), -1);
                return bad < 0 ? null : $"has a mask with class {bad}; the network knows {count}, from 0 to {count - 1}.";
            case TruthForm.Label:
                return sample.Label is { } label && label >= 0 && label < count
                    ? null
                    : $"is of class {sample.Label}; the network knows {count}, from 0 to {count - 1}.";
            case TruthForm.Numbers:
                return Counted(sample.Numbers!.Count, sample.Numbers);
            case TruthForm.Points:
                return Counted(sample.Points!.Count, sample.Points.SelectMany(point => new[] { point.Column, point.Row }));
            default:
                return sample.Boxes!.All(box => double.IsFinite(box.Area) && box.Left <= box.Right && box.Top <= box.Bottom)
                    ? null
                    : "has a box whose right or bottom is before its left or top, or is no number.";
        }

        string? Counted(int found, IEnumerable<double> numbers) => found != count
            ? $"has {found} {Name}; the network answers with {count}."
            : numbers.All(double.IsFinite) ? null : $"has {Name} that are not finite.";
    }
}
