using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Inference;

/// <summary>The maps that answers are averaged over, each judged by itself, and which of them count for an image.</summary>
internal sealed class PassResults : IDisposable
{
    private readonly List<CanonicalisationResult> _results = [];
    private bool _isGivenAway;

    /// <summary>The next map of the batch; the last one added is the search's. Its tensors are this object's from here on.</summary>
    public void Add(CanonicalisationResult result) => _results.Add(result);

    /// <summary>What the answer of the last map weighs in the mean; those before it weigh 1.</summary>
    public double LastWeight { get; set; } = 1;

    /// <summary>Canonical images of each pass.</summary>
    public IEnumerable<torch.Tensor> Canonical => _results.Select(result => result.Canonical);

    /// <summary>Other images of the batch, such as those of another size, through the maps of each pass.</summary>
    /// <param name="images">(N, c, h, w).</param>
    /// <param name="padding">What lies outside.</param>
    /// <returns>(N, c, h, w), the images themselves to the bit where a map is not used; in the caller's dispose scope.</returns>
    public IEnumerable<torch.Tensor> Warped(torch.Tensor images, WarpPadding padding) => _results.Select(result =>
    {
        if (!result.Images.Any(image => image.Accepted)) return images;
        using var scope = torch.NewDisposeScope();
        var warped = Resample.To(images, result.Displacement, (int)images.size(2), (int)images.size(3), padding);
        if (result.Images.All(image => image.Accepted)) return warped.MoveToOuterDisposeScope();
        var used = torch.tensor(result.Images.Select(image => image.Accepted).ToArray(), device: images.device).view(-1, 1, 1, 1);
        return torch.where(used, warped, images).MoveToOuterDisposeScope();
    });

    /// <summary>The passes whose map is used for an image; none where it is left as it is.</summary>
    public int[] Accepted(int image) => [.. Enumerable.Range(0, _results.Count).Where(pass => _results[pass].Images[image].Accepted)];

    /// <summary>The answer of a pass for an image with its way back, none where the map is not used.</summary>
    /// <param name="output">Parts of the network's answers on the pass's canonical images.</param>
    /// <param name="pass">Which pass.</param>
    /// <param name="image">Which image.</param>
    public MappedAnswer Answer(torch.Tensor[] output, int pass, int image)
    {
        var (result, own) = (_results[pass], output.Select(part => part.narrow(0, image, 1)));
        return result.Images[image].Accepted
            ? new MappedAnswer(own, result.Displacement.narrow(0, image, 1), result.InverseDisplacement.narrow(0, image, 1))
            {
                Weight = pass == _results.Count - 1 ? LastWeight : 1,
            }
            : new MappedAnswer(own, null, null);
    }

    /// <summary>Which pass stands for an image: the last whose map is used, else the last, which tells why.</summary>
    public int Final(int image) => Accepted(image) is [.., var last] ? last : _results.Count - 1;

    /// <summary>The batch that <see cref="Final"/> says, with the time of all passes; the caller disposes it.</summary>
    public CanonicalisationResult Gather()
    {
        if (_results is [var single])
        {
            // The only one there is: handed over, not copied.
            _isGivenAway = true;
            return single;
        }

        var times = _results.Select(result => result.Times).Aggregate((sum, next) => sum.Plus(next));
        ResultRow[] rows = [.. Enumerable.Range(0, _results[0].Images.Count).Select(image => new ResultRow(_results[Final(image)], image))];
        return ResultRow.Gather(rows, [.. rows.Select(row => row.Image)], times);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_isGivenAway) _results.ForEach(result => result.Dispose());
    }
}
