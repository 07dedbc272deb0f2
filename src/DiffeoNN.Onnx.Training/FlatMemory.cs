using TorchSharp;

namespace DiffeoNN.Onnx.Training;

/// <summary>Tensors of given shapes one behind the other in one block, so that an optimiser passes over all of them at once.</summary>
internal sealed class FlatMemory : IDisposable
{
    /// <summary>Tensors begin at multiples of so many numbers: 64 bytes.</summary>
    private const long Alignment = 16;

    private readonly torch.Tensor _flat;

    /// <summary>Zeros.</summary>
    /// <param name="shapes">One for each tensor.</param>
    public FlatMemory(IReadOnlyList<long[]> shapes)
    {
        long[] counts = [.. shapes.Select(shape => shape.Aggregate(1L, (product, size) => product * size))];
        Length = counts.Sum(Padded);
        _flat = torch.zeros([Length], dtype: torch.float32, device: torch.CPU).DetachFromDisposeScope();
        var views = new torch.Tensor[shapes.Count];
        var offset = 0L;
        for (var i = 0; i < views.Length; i++)
        {
            using var part = _flat.narrow(0, offset, counts[i]);
            views[i] = part.view(shapes[i]).DetachFromDisposeScope();
            offset += Padded(counts[i]);
        }

        Views = views;
    }

    /// <summary>The tensors.</summary>
    public IReadOnlyList<torch.Tensor> Views { get; }

    /// <summary>Numbers in the block; those between tensors are zero and stay so.</summary>
    public long Length { get; }

    /// <summary>All numbers.</summary>
    public torch.Tensor Flat => _flat;

    /// <summary>The first number.</summary>
    public unsafe float* Address => (float*)Tensors.TensorMemory.Address(_flat);

    /// <summary>The numbers from a place on.</summary>
    public unsafe Span<float> Span(long start, int count) => new(Address + start, count);

    /// <summary>Takes over another block's numbers.</summary>
    public unsafe void CopyFrom(FlatMemory other) =>
        Buffer.MemoryCopy(other.Address, Address, Length * sizeof(float), other.Length * sizeof(float));

    /// <summary>Sets all numbers to zero.</summary>
    public unsafe void Clear() => System.Runtime.InteropServices.NativeMemory.Clear(Address, (nuint)(Length * sizeof(float)));

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var view in Views)
            view.Dispose();
        _flat.Dispose();
    }

    private static long Padded(long count) => (count + Alignment - 1) / Alignment * Alignment;
}
