using System.Runtime.InteropServices;

namespace DiffeoNN.Onnx.Native;

/// <summary>One computation of an <see cref="OrtOperator"/>: its tensors, where ONNX Runtime keeps them.</summary>
internal readonly unsafe ref struct OrtOperatorCall
{
    private readonly nint _context;
    private readonly ReadOnlySpan<nint> _attributes;

    /// <param name="context">The runtime's.</param>
    /// <param name="inputs">How many there are.</param>
    /// <param name="attributes">Values in the order of the operator's names.</param>
    public OrtOperatorCall(nint context, int inputs, ReadOnlySpan<nint> attributes)
    {
        _context = context;
        _attributes = attributes;
        Inputs = new (nint, long[])[inputs];
        for (var i = 0; i < inputs; i++)
            Inputs[i] = Input(i);
    }

    /// <summary>Addresses of float32 numbers, and shapes.</summary>
    public (nint Address, long[] Shape)[] Inputs { get; }

    /// <summary>An attribute.</summary>
    public int Attribute(int index) => checked((int)_attributes[index]);

    /// <summary>Makes an output.</summary>
    /// <returns>Where its numbers go; they are not cleared.</returns>
    public nint Output(int index, ReadOnlySpan<long> shape)
    {
        nint value;
        nint address;
        fixed (long* sizes = shape)
        {
            OrtOperator.Check(((delegate* unmanaged<nint, nuint, long*, nuint, nint*, nint>)OrtOperator.Function(91))(
                _context, (nuint)index, sizes, (nuint)shape.Length, &value));
        }

        OrtOperator.Check(((delegate* unmanaged<nint, nint*, nint>)OrtOperator.Function(51))(value, &address));
        return address;
    }

    /// <summary>Calls something for 0, 1, ... on the threads of the session.</summary>
    /// <param name="count">Calls.</param>
    /// <param name="body">What is called; must not throw.</param>
    public void InParallel(int count, Action<int> body)
    {
        var handle = GCHandle.Alloc(body);
        try
        {
            OrtOperator.Check(((delegate* unmanaged<nint, delegate* unmanaged<nint, nuint, void>, nuint, nuint, nint, nint>)
                OrtOperator.Function(274))(_context, &Call, (nuint)count, 0, GCHandle.ToIntPtr(handle)));
        }
        finally
        {
            handle.Free();
        }
    }

    [UnmanagedCallersOnly]
    private static void Call(nint body, nuint index) => ((Action<int>)GCHandle.FromIntPtr(body).Target!)((int)index);

    private (nint, long[]) Input(int index)
    {
        nint value;
        nint address;
        nint description;
        nuint rank;
        OrtOperator.Check(((delegate* unmanaged<nint, nuint, nint*, nint>)OrtOperator.Function(90))(_context, (nuint)index, &value));
        OrtOperator.Check(((delegate* unmanaged<nint, nint*, nint>)OrtOperator.Function(51))(value, &address));
        OrtOperator.Check(((delegate* unmanaged<nint, nint*, nint>)OrtOperator.Function(65))(value, &description));
        try
        {
            OrtOperator.Check(((delegate* unmanaged<nint, nuint*, nint>)OrtOperator.Function(61))(description, &rank));
            var shape = new long[rank];
            fixed (long* sizes = shape)
                OrtOperator.Check(((delegate* unmanaged<nint, long*, nuint, nint>)OrtOperator.Function(62))(description, sizes, rank));
            return (address, shape);
        }
        finally
        {
            ((delegate* unmanaged<nint, void>)OrtOperator.Function(99))(description);
        }
    }
}
